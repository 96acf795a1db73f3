"""Progress on standard error: a bar with the time left on a terminal, a line now and then else."""

import sys
import time
from typing import TextIO


class Progress:
    """Show how far a piece of work has come.

    Parameters
    ----------
    label
        What is being done.
    stream
        Where to show it; standard error by default.
    """

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._start_s = time.monotonic()
        self._quarter = 0

    def __call__(self, share: float) -> None:
        """Show that a share of the work is done [0..1]."""
        spent_s = time.monotonic() - self._start_s
        if self._live:
            filled = round(24 * share)
            left_s = spent_s * (1 / share - 1) if share > 0 else 0.0
            bar = "█" * filled + "·" * (24 - filled)
            self._stream.write(f"\r{self._label:<24} {bar} {share:4.0%}  {left_s:4.0f} s left ")
        elif int(4 * share) > self._quarter:
            self._quarter = int(4 * share)
            self._stream.write(f"{self._label}: {share:.0%} after {spent_s:.1f} s\n")
        self._stream.flush()

    def close(self) -> None:
        """Remove the bar."""
        if self._live:
            self._stream.write("\r" + " " * 72 + "\r")
            self._stream.flush()
