"""Samples of the run: the last ones in memory, all of them in a file where the disk allows."""

import json
import os
from collections import deque
from pathlib import Path

from adaptive.board.clock import Clock
from adaptive.faults import Fault, FaultLog
from adaptive.loop import Sample
from adaptive.telemetry import to_row

_RETRY_S = 60.0
_KEPT = 600


class Recorder:
    """Writes samples as JSON lines; when the disk does not take them, control goes on.

    Parameters
    ----------
    path
        The file, None for none; when it is full it becomes `<path>.1` and a new one begins.
    most_bytes
        When it is full.
    clock
        Tells when to try a disk again.
    faults
        Where a disk that fails is reported.
    """

    def __init__(
        self, path: Path | None, *, most_bytes: float, clock: Clock, faults: FaultLog
    ) -> None:
        self._path, self._most_bytes = path, most_bytes
        self._clock, self._faults = clock, faults
        self._ring: deque[str] = deque(maxlen=_KEPT)  # lines the disk has not taken
        self._file: int | None = None
        self._retry_s = float("-inf")

    def add(self, sample: Sample) -> None:
        """Record a sample."""
        if self._path is None:
            return
        self._ring.append(json.dumps(to_row(sample)) + "\n")
        now_s = self._clock.awake_s()
        if now_s < self._retry_s:
            return
        try:
            self._flush(self._path)
        except OSError as error:
            self.close()
            self._retry_s = now_s + _RETRY_S
            self._faults.met(
                Fault.NO_DISK, str(self._path), detail=f"{error.strerror}; kept in memory"
            )
        else:
            self._faults.over(Fault.NO_DISK, str(self._path))

    @property
    def waiting(self) -> int:
        """Samples that are in memory only."""
        return len(self._ring)

    def close(self) -> None:
        """Close the file."""
        descriptor, self._file = self._file, None
        if descriptor is not None:
            os.close(descriptor)

    def _flush(self, path: Path) -> None:
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o644)
        content = "".join(self._ring).encode()
        if os.write(self._file, content) < len(content):
            raise OSError(28, "No space left on device")
        self._ring.clear()
        if os.fstat(self._file).st_size > self._most_bytes:
            self.close()
            path.replace(path.with_name(path.name + ".1"))
