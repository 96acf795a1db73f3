"""A sealed file of arrays and one JSON text: deterministic bytes, and any damage is noticed.

The file is a .npz that `numpy.load(path, allow_pickle=False)` opens: an uncompressed zip with a
member `manifest.json` and one .npy member an array. Its zip comment is the sha256 of every byte
before it. The .npy headers are written here, not by numpy, so that bytes depend on no version; for
the same reason a reader never parses a header: the manifest says what it must be.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ArtifactError

MANIFEST = "manifest.json"
SEAL_LENGTH = 64
DTYPES = {"int16": "<i2", "int32": "<i4", "int64": "<i8", "uint8": "|u1", "float64": "<f8"}

Array = NDArray[Any]


def array_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return the .npy version 1.0 header of an array in C order."""
    text = f"{{'descr': '{DTYPES[dtype]}', 'fortran_order': False, 'shape': {shape!r}, }}"
    padding = -(len(text) + 11) % 64
    body = (text + " " * padding + "\n").encode("ascii")
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


def seal(body: bytes) -> bytes:
    """Append the sha256 of a zip archive as its comment."""
    if body[-2:] != b"\x00\x00":
        raise ValueError("body already has a comment, expected a zip archive without one")
    sized = body[:-2] + SEAL_LENGTH.to_bytes(2, "little")
    return sized + hashlib.sha256(sized).hexdigest().encode("ascii")


def encode_archive(manifest: bytes, arrays: Mapping[str, Array]) -> bytes:
    """Return the bytes of a sealed archive; equal content gives equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_member(MANIFEST), manifest)
        for name in sorted(arrays):
            array = arrays[name]
            data = np.ascontiguousarray(array).astype(DTYPES[array.dtype.name]).tobytes()
            header = array_header(array.dtype.name, array.shape)
            archive.writestr(_member(f"{name}.npy"), header + data)
    return seal(buffer.getvalue())


def _member(name: str) -> zipfile.ZipInfo:
    """Describe a member by nothing but its name."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    return info


def open_archive(content: bytes, *, where: str) -> dict[str, bytes]:
    """Check the seal and return the raw members by name.

    Raises
    ------
    ArtifactError
        Beginning with `where`, if a single byte is not as it was written.
    """
    seal_text = hashlib.sha256(content[:-SEAL_LENGTH]).hexdigest().encode("ascii")
    if content[:2] != b"PK":
        raise ArtifactError(f"{where}: not a zip archive, expected an artifact (.npz)")
    if content[-SEAL_LENGTH:] != seal_text:
        raise ArtifactError(f"{where}: checksum does not match, the file is damaged or cut short")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(content):
                    raise ArtifactError(f"{where}: member {info.filename!r} is not plainly stored")
            return {info.filename: archive.read(info) for info in archive.infolist()}
    # The zip reader raises many kinds on a crafted file; here each means the same.
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, LookupError) as error:
        raise ArtifactError(f"{where}: not a readable zip archive ({error})") from error


def read_array(
    members: Mapping[str, bytes], name: str, *, dtype: str, shape: tuple[int, ...], where: str
) -> Array:
    """Return one array, read-only, of exactly this type and shape.

    Raises
    ------
    ArtifactError
        If it is missing or is anything else.
    """
    member = members.get(f"{name}.npy")
    if member is None:
        raise ArtifactError(f"{where}: array {name} is missing, expected {dtype} of shape {shape}")
    header = array_header(dtype, shape)
    size = prod(shape) * np.dtype(dtype).itemsize
    if not member.startswith(header) or len(member) != len(header) + size:
        found = member[10:90].split(b"}")[0].decode("ascii", "replace")
        raise ArtifactError(
            f"{where}: array {name} is {found}}}, expected {dtype} of shape {shape}"
        )
    array: Array = np.frombuffer(member, dtype=DTYPES[dtype], offset=len(header)).reshape(shape)
    return array.astype(dtype, copy=False)
