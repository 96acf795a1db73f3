"""The daemon's own loop, one period at a time: in a thread that waits for leave to go on."""

import contextlib
import threading
from pathlib import Path
from typing import Any

from rehearsal import Rehearsal

PATIENCE_S = 60.0


class Stepping(Rehearsal):
    """A rehearsal that is stepped from outside; what the loop raises is raised by `step`."""

    def __init__(self, folder: Path, **fields: Any) -> None:
        super().__init__(folder, **fields)
        self.clock.on_pass = self._wait
        self._go, self._there = threading.Semaphore(0), threading.Semaphore(0)
        self._raised: BaseException | None = None
        self._free = False
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        self._arrive()

    def step(self) -> None:
        """Let one period pass."""
        self._go.release()
        self._arrive()

    def end(self) -> None:
        """Stop the service, and come back when settings are given back."""
        self.service.stop()
        self._free = True
        self._go.release()
        self._thread.join(PATIENCE_S)
        self.close()
        if self._raised is not None:
            raise self._raised

    def _arrive(self) -> None:
        if not self._there.acquire(timeout=PATIENCE_S):
            raise TimeoutError("the loop stands still")
        if self._raised is not None:
            raise self._raised

    def _live(self) -> None:
        try:
            self.service.run()
        except BaseException as error:
            self._raised = error
        finally:
            self._there.release()

    def _wait(self, time_s: float) -> None:
        if self.heating is not None:
            with contextlib.suppress(FileNotFoundError):  # a zone or policy that is away
                self.heating.advance(time_s)
        if not self._free:
            self._there.release()
            self._go.acquire()
