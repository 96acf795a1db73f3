"""One sysfs file: read on a descriptor that stays open, written whole in one call."""

import errno
import os
from pathlib import Path

from adaptive.errors import PlatformError, TransientPlatformError

_GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EBADF, errno.ENOTDIR})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_MOST_BYTES = 65536


class AttributeGone(PlatformError):
    """The file, or the device behind it, is not there (any more)."""


class AttributeDenied(PlatformError):
    """The file is there and may not be read or written by us."""


class AttributeRefused(TransientPlatformError):
    """The device answered with an error, or refused a value."""


class Attribute:
    """A sysfs file.

    Parameters
    ----------
    path
        The file.

    Notes
    -----
    The descriptor is opened by the first read and kept: reading is one `pread`, and a device that
    is unregistered answers ENODEV instead of another device's value under the same number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __del__(self) -> None:
        # Whoever reads holds a reference: none is closed under a thread that hangs in it.
        self.close()

    def read(self) -> str:
        """Return the text of the file without its end.

        Raises
        ------
        AttributeGone, AttributeDenied, AttributeRefused
            By what the kernel answered.
        """
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            # `open(p).read()` makes a TypeError of EAGAIN, and a second read() of a short answer.
            content = os.pread(self._descriptor, _MOST_BYTES, 0)
        except OSError as error:
            self.close()
            raise _translate(error, f"cannot read {self.path}") from error
        return content.decode("ascii", "replace").rstrip("\n")

    def read_int(self) -> int:
        """Return the file's number; raises also AttributeRefused where it holds none."""
        text = self.read()
        try:
            return int(text)
        except ValueError:
            raise AttributeRefused(f"{self.path} holds {text[:40]!r}, not an integer") from None

    def write(self, text: str) -> None:
        """Write a value in a single call; errors as `read`."""
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
            try:
                os.write(descriptor, f"{text}\n".encode("ascii"))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _translate(error, f"cannot write {text} to {self.path}") from error

    def moved(self) -> bool:
        """Return whether the path now leads to another file than the descriptor kept."""
        if self._descriptor is None:
            return False
        try:
            there, kept = self.path.stat(), os.fstat(self._descriptor)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (kept.st_dev, kept.st_ino)

    def close(self) -> None:
        """Give the descriptor back; the next read opens another."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def read_or_none(path: Path) -> str | None:
    """Return a file's text, or None where it cannot be read: for what may well be absent."""
    attribute = Attribute(path)
    try:
        return attribute.read()
    except PlatformError:
        return None
    finally:
        attribute.close()


def int_or_none(path: Path) -> int | None:
    """Return a file's number, or None where there is none."""
    text = read_or_none(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _translate(error: OSError, what: str) -> PlatformError:
    reason = f"{what}: {error.strerror}"
    if error.errno in _GONE:
        return AttributeGone(reason)
    if error.errno in _DENIED:
        return AttributeDenied(reason)
    return AttributeRefused(reason)
