"""Reading the pickles some data sets come in, without running what a pickle may say.

A pickle is a program. Here it may build plain Python values and arrays of bytes and nothing else:
of all it can name, only what numpy writes for an array is known, and that is answered by stand-ins
of this module, so that no function of numpy or Python is ever called on its behalf.
"""

import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError

MOST_BYTES = 2**28
"""A larger file is none of these data sets; the largest of them has 155 MB."""

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")


class _Type:
    """Stands in for `numpy.dtype`: it remembers its name."""

    __slots__ = ("name",)

    def __init__(self, name: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        """Forget byte order and fields: one byte has none."""


class _Array:
    """Stands in for `numpy.ndarray`: it takes what describes a uint8 array."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: NDArray[np.uint8] | None = None

    def __setstate__(self, state: object) -> None:
        """Take (version, shape, type, Fortran order, bytes) as numpy writes it."""
        match state:
            case (_, tuple() as shape, _Type() as kind, order, (bytes() | bytearray()) as content):
                self.fill(content, shape, kind, fortran=bool(order))
            case _:
                raise pickle.UnpicklingError("an array has a state that numpy does not write")

    def fill(
        self,
        content: bytes | bytearray,
        shape: tuple[object, ...],
        kind: _Type,
        *,
        fortran: bool,
    ) -> None:
        """Make the array; anything but bytes is refused."""
        if kind.name not in ("u1", b"u1", "uint8"):
            raise pickle.UnpicklingError(f"an array is of type {kind.name!r}, expected u1")
        sizes = [size for size in shape if isinstance(size, int)]
        flat = np.frombuffer(content, np.uint8)
        self.values = flat.reshape(sizes, order="F" if fortran else "C")


class _Maker:
    """Something a pickle may name and call. Made anew for each file, so that none can spoil it."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self.make = make

    def __call__(self, *arguments: object) -> object:
        return self.make(*arguments)


def _from_buffer(content: object, kind: _Type, shape: object, order: object) -> _Array:
    """Stand in for the function that newer pickles name."""
    if not isinstance(content, bytes | bytearray) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("an array is not made of bytes and a shape")
    array = _Array()
    array.fill(content, shape, kind, fortran=order == "F")
    return array


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for `_codecs.encode`, with which old protocols write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are encoded as {encoding!r}, expected latin1")
    return text.encode("latin1")


# The one written in Python: unlike the one in C it does not allocate what a file merely claims.
class _Reader(pickle._Unpickler):
    """An unpickler that knows the stand-ins and nothing else."""

    def find_class(self, module: str, name: str) -> _Maker:
        """Return the stand-in of a name."""
        known: dict[tuple[str, str], Callable[..., object]] = {
            ("numpy", "ndarray"): lambda *_arguments: _Array(),
            ("numpy", "dtype"): lambda name, *_flags: _Type(name),
            ("_codecs", "encode"): _encode,
        }
        known |= {(home, "_reconstruct"): lambda *_arguments: _Array() for home in _NUMPY}
        known |= {(home, "_frombuffer"): _from_buffer for home in _NUMERIC}
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no data set needs")
        return _Maker(known[module, name])


def read_pickle(path: Path, *, obtain: str) -> dict[bytes, object]:
    """Return the mapping in a pickled file: keys as bytes, arrays as uint8.

    Parameters
    ----------
    path
        The file.
    obtain
        Said where the file is missing or damaged: how to get it.

    Raises
    ------
    ConfigError
        Naming the file, if it cannot be read or holds anything else.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ConfigError(f"{path}: has {size} bytes, expected at most {MOST_BYTES}; {obtain}")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}, expected a data file; {obtain}") from error
    try:
        found: object = _Reader(io.BytesIO(content), encoding="bytes").load()
    # What the many operations of a damaged pickle raise; here each means the same.
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError,
        MemoryError, OverflowError, RecursionError, ImportError, AssertionError, struct.error,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(
            f"{path}: not the pickle of a data set: {reason[:200]}; the file is damaged or "
            f"another one; {obtain}"
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: holds a {type(found).__name__}, expected a mapping; {obtain}")
    return {
        key.encode("latin1", "replace") if isinstance(key, str) else key: (
            value.values if isinstance(value, _Array) else value
        )
        for key, value in found.items()
        if isinstance(key, bytes | str)
    }
