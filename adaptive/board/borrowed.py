"""Settings borrowed from the machine: kept on disk before they are changed, and given back."""

import math
from collections.abc import Callable, Collection

from adaptive.board.clock import Clock
from adaptive.board.frequency import FrequencyControl
from adaptive.board.restore import Write, make_safe, put_all_back, read_settings
from adaptive.board.roots import Roots
from adaptive.board.snapshot import OnExit, PolicySettings, Snapshot, SnapshotFile
from adaptive.errors import PlatformError
from adaptive.faults import Fault, FaultLog

_RETRY_S = 60.0  # before a snapshot that could not be written is tried again

Taken = tuple[PolicySettings, ...] | None


class BorrowedSettings:
    """What was taken over from the machine, and owes to be given back.

    Parameters
    ----------
    controls
        Returns the policies under control now.
    roots
        Where the kernel shows itself.
    snapshot
        Where the originals are kept.
    on_exit
        What becomes of the settings in the end.
    clock
        Tells when to try again.
    faults
        Where to report.
    write
        Writes a file; replaced in rehearsals.
    """

    def __init__(
        self,
        controls: Callable[[], Collection[FrequencyControl]],
        roots: Roots,
        *,
        snapshot: SnapshotFile,
        on_exit: OnExit,
        clock: Clock,
        faults: FaultLog,
        write: Write,
    ) -> None:
        self._controls, self._roots, self._snapshot = controls, roots, snapshot
        self._on_exit, self._clock, self._faults, self._write = on_exit, clock, faults, write
        self._try_again_s = -math.inf
        self.taken: Taken = None

    @property
    def may_take(self) -> bool:
        """Whether the disk is thought to take a snapshot."""
        return self._clock.now_s() >= self._try_again_s

    def clean_up(self) -> None:
        """Put back what an earlier run that died left behind."""
        left = self._snapshot.load()
        if left is None:
            return
        if refused := put_all_back(left.policies, write=self._write):
            names = ", ".join(settings.path for settings in refused)
            self._faults.met(Fault.WRITE_DENIED, detail=f"left by an earlier run: {names}")
        else:
            self._snapshot.discard()

    def take(self) -> bool:
        """Keep the originals, unless that is done; return whether writing is safe."""
        if self.taken is not None:
            return True
        if not self.may_take or not self._controls():
            return False
        try:
            settings = tuple(read_settings(c.policy, self._roots) for c in self._controls())
            self._snapshot.save(
                Snapshot(boot=self._snapshot.boot(), on_exit=self._on_exit, policies=settings)
            )
        except PlatformError as error:
            self._try_again_s = self._clock.now_s() + _RETRY_S
            self._faults.met(Fault.NO_DISK, detail=str(error))
            return False
        self._faults.over(Fault.NO_DISK)
        self.taken = settings
        return True

    def give_back(self) -> None:
        """Put the originals back; what refuses stays owed, and is tried again at the next call."""
        if self.taken is None:
            return
        now_s = self._clock.now_s()
        by_path = {settings.path: settings for settings in self.taken}
        done = [
            control.give_back(by_path[str(control.policy.path)], now_s)
            for control in self._controls()
            if str(control.policy.path) in by_path
        ]
        if all(done):
            self._snapshot.discard()
            self.taken = None

    def settle(self) -> None:
        """Do what is to be done at the end."""
        if self._on_exit == "restore":
            self.give_back()
        elif self._on_exit == "safe":
            for settings in self.taken or ():
                try:
                    make_safe(settings, write=self._write)
                except PlatformError as error:
                    self._faults.met(Fault.WRITE_DENIED, settings.path, detail=str(error))
