"""Float networks in files of other tools, by the file's suffix."""

from pathlib import Path

from adaptive.errors import ConfigError
from models.exchange.values import FloatNetwork

SUFFIXES = (".onnx", ".tflite")


def read_float(path: Path, *, shape: tuple[int, int, int] | None = None) -> FloatNetwork:
    """Read a network; `shape` is (H, W, C) of an image where the file leaves it open.

    Raises
    ------
    ConfigError
        Naming the file, and the node that is not supported or does not fit.
    """
    # Each package is needed for its own files only.
    if path.suffix.lower() == ".onnx":
        from models.exchange.onnx_file import read_onnx

        return read_onnx(path, shape=shape)
    if path.suffix.lower() == ".tflite":
        from models.exchange.tflite_file import read_tflite

        return read_tflite(path)
    raise ConfigError(f"{path}: suffix is {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
