"""MNIST and Fashion-MNIST: idx files of 28 x 28 grey images, plain or gzipped.

The official test images are the test split; the last 5,000 training images calibrate; the rest
trains.
"""

import gzip
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from adaptive.errors import ConfigError
from models.data import LabelledImages, Pixels, Split
from models.datasets.checks import SplitSizes, checked_labels

SHAPE = (28, 28, 1)
CLASSES = 10
_BYTES = 0x08
"""The idx code of unsigned bytes."""


@dataclass(frozen=True, slots=True)
class Idx:
    """Where one of the two keeps what: its name, its folder in the data folder, its sizes."""

    name: str
    folder: str
    sizes: SplitSizes

    @property
    def obtain(self) -> str:
        """Say how to get it."""
        return f"`adaptive data {self.name} --data-dir DIR` gets it"

    def load(self, data_dir: Path, split: Split) -> LabelledImages:
        """Read one split.

        Raises
        ------
        ConfigError
            Naming file and field, if a file is missing, damaged or another one.
        """
        stem = data_dir / self.folder / ("t10k" if split == "test" else "train")
        count = self.sizes.test if split == "test" else self.sizes.train
        images = read_idx(
            stem.with_name(f"{stem.name}-images-idx3-ubyte"),
            shape=(count, *SHAPE[:2]),
            obtain=self.obtain,
        )
        path = stem.with_name(f"{stem.name}-labels-idx1-ubyte")
        labels = checked_labels(
            read_idx(path, shape=(count,), obtain=self.obtain),
            where=f"{path}: labels",
            classes=CLASSES,
            obtain=self.obtain,
        )
        part = self.sizes.part(split)
        return LabelledImages(images[part, :, :, np.newaxis], labels[part])


def read_idx(path: Path, *, shape: tuple[int, ...], obtain: str) -> Pixels:
    """Return the bytes of an idx file of exactly this shape; `path`, or else `path` with .gz.

    Raises
    ------
    ConfigError
        Naming file and field, if it is missing, damaged or of another shape.
    """
    header, size = 4 + 4 * len(shape), prod(shape)
    path = path if path.exists() else path.with_name(f"{path.name}.gz")
    # One byte more shows that a file is too long, and a bomb is not unpacked.
    content = _read(path, header + size + 1, obtain=obtain)
    magic = content[:4]
    if magic != bytes([0, 0, _BYTES, len(shape)]):
        raise ConfigError(
            f"{path}: magic number is 0x{magic.hex() or '0'}, expected 0x0000{_BYTES:02x}"
            f"{len(shape):02x} (unsigned bytes in {len(shape)} dimensions); {obtain}"
        )
    found = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, header, 4))
    if len(content) >= header and found != shape:
        raise ConfigError(f"{path}: sizes are {found}, expected {shape}; {obtain}")
    if len(content) != header + size:
        more = "more than " if len(content) > header + size else ""
        raise ConfigError(
            f"{path}: has {more}{min(len(content), header + size)} bytes, "
            f"expected {header + size}; the file is damaged; {obtain}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read(path: Path, most: int, *, obtain: str) -> bytes:
    """Read a file, unpacked if it is gzipped, up to some size."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(most)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigError(f"{path}: not a whole gzip file: {error}; {obtain}") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}, expected an idx file; {obtain}") from error


MNIST = Idx("mnist", "mnist", SplitSizes(train=60_000, test=10_000))
FASHION_MNIST = Idx("fashion-mnist", "fashion-mnist", SplitSizes(train=60_000, test=10_000))
