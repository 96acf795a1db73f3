"""The native library behind ctypes: its functions, typed, and its errors."""

import ctypes
from collections.abc import Sequence
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_void_p,
)
from pathlib import Path

from adaptive.errors import EngineError

ABI_VERSION = 3
FILE = "libadaptive_engine.so"
BUILD = "pip install -e . (or ./run build) in the project's folder builds it"


class Options(Structure):
    """`ae_options`."""

    _fields_ = (
        ("threads", c_int),
        ("cores", POINTER(c_int)),
        ("core_count", c_int),
        ("isa", c_char_p),
    )


class Step(Structure):
    """`ae_step`."""

    _fields_ = (
        ("name", c_char_p),
        ("operation", c_char_p),
        ("bits", c_int),
        ("nanoseconds", c_int64),
        ("macs", c_int64),
        ("bytes", c_int64),
    )


UnsureFunction = CFUNCTYPE(c_int, POINTER(c_int32), c_void_p)
"""`ae_unsure`."""

_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "ae_abi_version": (c_int, ()),
    "ae_last_error": (c_char_p, ()),
    "ae_isa_names": (c_char_p, ()),
    "ae_open": (c_void_p, (c_char_p, POINTER(Options))),
    "ae_open_memory": (c_void_p, (c_void_p, c_size_t, POINTER(Options))),
    "ae_close": (None, (c_void_p,)),
    "ae_isa": (c_char_p, (c_void_p,)),
    "ae_plan_at": (c_void_p, (c_void_p, POINTER(c_uint8), c_int, c_int, c_int, c_int)),
    "ae_plan_onward": (
        c_void_p,
        (c_void_p, POINTER(c_uint8), c_int, c_int, c_int, c_int, c_int),
    ),
    "ae_plan_outputs": (c_int, (c_void_p,)),
    "ae_plan_first_outputs": (c_int, (c_void_p,)),
    "ae_plan_free": (None, (c_void_p,)),
    "ae_plan_arena_bytes": (c_size_t, (c_void_p,)),
    "ae_plan_live_bytes": (c_size_t, (c_void_p,)),
    "ae_plan_steps": (c_int, (c_void_p,)),
    "ae_run": (c_int, (c_void_p, c_void_p, c_void_p, c_int, c_void_p)),
    "ae_run_onward": (
        c_int,
        (
            c_void_p,
            c_void_p,
            c_void_p,
            c_int,
            UnsureFunction,
            c_void_p,
            c_void_p,
            c_void_p,
            c_void_p,
        ),
    ),
    "ae_profile": (
        c_int,
        (c_void_p, c_void_p, c_void_p, c_void_p, POINTER(Step), c_int),
    ),
}


def library_path() -> Path:
    """Return where the library lies once it is built."""
    return Path(__file__).with_name(FILE)


def is_built() -> bool:
    """Return whether the native engine was built on this machine."""
    return library_path().is_file()


def load_library() -> ctypes.CDLL:
    """Load the library and declare its functions; calls release the GIL.

    Raises
    ------
    EngineError
        If it was not built, is for another machine or of another version.
    """
    path = library_path()
    if not path.is_file():
        raise EngineError(f"{path}: the native engine is not built; {BUILD}")
    try:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise EngineError(f"{path}: cannot be loaded ({error}); {BUILD}") from error
    version = library.ae_abi_version()
    if version != ABI_VERSION:
        raise EngineError(f"{path}: is version {version}, expected {ABI_VERSION}; {BUILD}")
    return library


def last_error(library: ctypes.CDLL) -> str:
    """Return the last error of this thread."""
    text: bytes = library.ae_last_error()
    return text.decode("utf-8", "replace")


def options(threads: int, cores: Sequence[int], isa: str | None) -> Options:
    """Build the options of an engine."""
    numbers = (c_int * len(cores))(*cores)
    name = None if isa is None else isa.encode()
    return Options(threads, numbers if cores else None, len(cores), name)


def kernel_sets() -> tuple[str, ...]:
    """Return the names of the kernel sets this machine runs, fastest first."""
    text: bytes = load_library().ae_isa_names()
    return tuple(text.decode().split(","))
