"""What a board's settings were before the first write, on disk: any death can be undone."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from adaptive.board.attribute import read_or_none
from adaptive.board.roots import Roots
from adaptive.errors import PlatformError
from adaptive.files import write_atomically

OnExit = Literal["restore", "hold", "safe"]
NAME = "snapshot.json"


class PolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one cpufreq policy, in the kernel's units: they go back as they came."""

    path: str
    governor: str
    min_khz: int
    max_khz: int
    set_khz: int | None = None


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Original settings, of which boot, and what is to become of them."""

    boot: str
    on_exit: OnExit
    policies: tuple[PolicySettings, ...]


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """The file a snapshot is kept in.

    Attributes
    ----------
    folder
        The runtime directory, which does not outlive the boot.
    roots
        Where this boot's name is read.
    """

    folder: Path
    roots: Roots

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / NAME

    def boot(self) -> str:
        """Return the name of this boot."""
        return read_or_none(self.roots.proc / "sys/kernel/random/boot_id") or "unknown"

    def load(self) -> Snapshot | None:
        """Return the snapshot of this boot, or None; one that cannot be read counts as none."""
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=Snapshot)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return found if found.boot == self.boot() else None

    def save(self, snapshot: Snapshot) -> None:
        """Write a snapshot whole and durably; raises PlatformError, after which nothing is safe."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, msgspec.json.encode(snapshot))
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise PlatformError(
                f"{self.path}: cannot keep the original settings: {error.strerror}; "
                "without them nothing is changed"
            ) from error

    def discard(self) -> None:
        """Remove the snapshot: everything is as it was."""
        self.path.unlink(missing_ok=True)
