"""A journal of measurements: append-only, each line with its checksum, whole or not there.

A run that is killed at any moment loses what it was doing and nothing else: started again, it reads
what there is and goes on.
"""

import base64
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec
import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from adaptive.search.space import Mix

Booleans = NDArray[np.bool_]
SCHEMA = 1


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the measurements hold for: another search keeps another journal."""

    schema: int
    artifact: str
    images: str
    groups: tuple[tuple[str, ...], ...]
    bits: tuple[int, ...]
    levels: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Right answers of some mixes on a stretch of images, packed, for each mix and level."""

    images: str
    start: int
    stop: int
    mixes: tuple[Mix, ...]
    right: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, images: str, start: int, mixes: Sequence[Mix], right: Booleans) -> "Entry":
        """Pack answers, shape (mixes, levels, n)."""
        packed = tuple(
            tuple(base64.b64encode(np.packbits(row).tobytes()).decode() for row in levels)
            for levels in right
        )
        return cls(images, start, start + right.shape[2], tuple(mixes), packed)

    def answers(self) -> Booleans:
        """Return the answers, shape (mixes, levels, n)."""
        count = self.stop - self.start
        return np.array(
            [
                [
                    np.unpackbits(np.frombuffer(base64.b64decode(row), np.uint8), count=count)
                    for row in levels
                ]
                for levels in self.right
            ],
            dtype=np.bool_,
        ).reshape(len(self.mixes), -1, count)


class Journal:
    """A journal file, opened for reading what there is and appending to it.

    Parameters
    ----------
    path
        The file; made if it is not there. A last line that was cut short is cut off.
    header
        What the search is about.

    Raises
    ------
    ConfigError
        If the file cannot be read or written, is damaged, or belongs to another search.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        try:
            content = path.read_bytes() if path.exists() else b""
            whole = content[: content.rfind(b"\n") + 1]
            self.entries = _read(whole, header, where=str(path))
            self._file: IO[bytes] = path.open("r+b" if content else "w+b")
            self._file.truncate(len(whole))
            self._file.seek(0, os.SEEK_END)
            if not whole:
                self._write(msgspec.json.encode(header))
        except OSError as error:
            raise ConfigError(f"{path}: cannot keep a journal: {error.strerror}") from error

    def add(self, entry: Entry) -> None:
        """Append a measurement; it is on the disk when this returns."""
        self._write(msgspec.json.encode(entry))

    def _write(self, line: bytes) -> None:
        self._file.write(_sealed(line))
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _sealed(line: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(line), line)


def _read(content: bytes, header: Header, *, where: str) -> list[Entry]:
    """Check every line and return the entries."""
    lines = content.splitlines()
    if not lines:
        return []
    for number, line in enumerate(lines, 1):
        if _sealed(line[9:]) != line + b"\n":
            raise ConfigError(
                f"{where}: line {number} does not match its checksum, the journal is damaged; "
                "cut it off from that line on, or begin a new one"
            )
    try:
        found = msgspec.json.decode(lines[0][9:], type=Header)
        entries = [msgspec.json.decode(line[9:], type=Entry) for line in lines[1:]]
    except msgspec.DecodeError as error:
        raise ConfigError(f"{where}: not a journal of a search: {error}") from error
    for name, wanted in msgspec.structs.asdict(header).items():
        if getattr(found, name) != wanted:
            raise ConfigError(
                f"{where}: {name} is {_short(getattr(found, name))}, this search has "
                f"{_short(wanted)}; begin a new journal"
            )
    return entries


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def known_answers(
    entries: Sequence[Entry],
) -> Mapping[tuple[str, int, int, Mix], Booleans]:
    """Return answers (levels, n) by images, stretch and mix."""
    return {
        (entry.images, entry.start, entry.stop, mix): right
        for entry in entries
        for mix, right in zip(entry.mixes, entry.answers(), strict=True)
    }
