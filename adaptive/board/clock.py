"""Time on a board: never the wall's, which jumps."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two monotonic clocks, and a way to wait."""

    def now_s(self) -> float:
        """Return the time since boot, sleep of the machine included [s]."""
        ...

    def awake_s(self) -> float:
        """Return the time since boot that the machine was awake [s]."""
        ...

    def sleep(self, time_s: float) -> None:
        """Wait for a time [s]."""
        ...


class SystemClock:
    """The kernel's clocks."""

    def now_s(self) -> float:
        """Return CLOCK_BOOTTIME [s]."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def awake_s(self) -> float:
        """Return CLOCK_MONOTONIC [s]."""
        return time.monotonic()

    def sleep(self, time_s: float) -> None:
        """Wait for a time [s]."""
        if time_s > 0.0:
            time.sleep(time_s)
