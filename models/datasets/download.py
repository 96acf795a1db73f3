"""Fetching a file over HTTP: resumed where it stopped, checked, and never half in its place."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adaptive.errors import ConfigError

CHUNK = 1 << 18
TIMEOUT_S = 30.0
PARTIAL = ".part"

Progress = Callable[[float], None]
"""Told now and then which share of the work is done [0..1]."""


class _Stream(Protocol):
    """What is read from a server."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A file on a server: its address, its published md5 sum and its size in bytes."""

    url: str
    md5: str
    size: int

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]


def fetch(source: Source, folder: Path, *, progress: Progress) -> Path:
    """Download a file into a folder, or find it there, and return its path.

    A download that was interrupted goes on where it stopped: its bytes lie beside the file's
    place under the name with `.part`, and only a whole file with the right sum is moved there.

    Raises
    ------
    ConfigError
        Naming the address, if the server does not give the file, or another one. A file of another
        sum is removed, the beginning of a good one is kept.
    """
    target, partial = folder / source.name, folder / f"{source.name}{PARTIAL}"
    if target.exists():
        if md5_of(target) != source.md5:
            raise ConfigError(
                f"{target}: md5 is {md5_of(target)}, expected {source.md5}; remove it and try again"
            )
        return target
    if partial.exists() and partial.stat().st_size >= source.size:
        partial.unlink()  # nothing to resume: it was whole, and wrong, or it was not ours
    try:
        _continue(source, partial, progress=progress)
    except (OSError, http.client.HTTPException) as error:
        raise ConfigError(_failure(source, partial, error)) from error
    found = md5_of(partial)
    if found != source.md5:
        size = partial.stat().st_size
        if size >= source.size:
            partial.unlink()
            raise ConfigError(f"{source.url}: md5 is {found}, expected {source.md5}; removed")
        raise ConfigError(
            f"{source.url}: ended after {size} of {source.size} bytes; run it again to go on"
        )
    partial.replace(target)
    progress(1.0)
    return target


def _continue(source: Source, partial: Path, *, progress: Progress) -> None:
    """Ask for what is missing of a file and append it."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(source.url, headers={"User-Agent": "adaptive"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        if resumed and not str(answer.headers.get("Content-Range")).startswith(f"bytes {have}-"):
            raise OSError(f"answered the range {answer.headers.get('Content-Range')!r}")
        # A server that knows no ranges sends the whole file again.
        with partial.open("ab" if resumed else "wb") as file:
            _copy(answer, file.write, done=have if resumed else 0, source=source, progress=progress)


def _copy(
    answer: _Stream,
    write: Callable[[bytes], int],
    *,
    done: int,
    source: Source,
    progress: Progress,
) -> None:
    """Copy an answer until it ends; one longer than the file is cut off just past its size."""
    while done <= source.size and (chunk := answer.read(min(CHUNK, source.size + 1 - done))):
        write(chunk)
        done += len(chunk)
        progress(min(done / source.size, 1.0))


def _failure(source: Source, partial: Path, error: Exception) -> str:
    """Say in one line what went wrong and what is left."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # it holds the connection
        reason = f"the server answers {error.code} {error.reason}"
    else:
        reason = str(getattr(error, "reason", None) or error) or type(error).__name__
    kept = partial.stat().st_size if partial.exists() else 0
    after = f" after {kept} of {source.size} bytes; run it again to go on" if kept else ""
    return f"{source.url}: cannot be fetched{after}: {' '.join(reason.split())}"


def md5_of(path: Path) -> str:
    """Return the md5 sum of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
