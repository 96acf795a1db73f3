"""Time on a board: never the wall's, which jumps."""

import time
from selectors import BaseSelector, SelectorKey
from threading import Event
from typing import Protocol

Events = list[tuple[SelectorKey, int]]


class Clock(Protocol):
    """Two monotonic clocks, and a way to wait."""

    def now_s(self) -> float:
        """Return the time since boot, sleep of the machine included [s]."""
        ...

    def awake_s(self) -> float:
        """Return the time since boot that the machine was awake [s]."""
        ...

    def wait(self, selector: BaseSelector, time_s: float) -> Events:
        """Wait for something to come in, no longer than a time [s]."""
        ...

    def wait_for(self, done: Event, time_s: float) -> bool:
        """Wait for an event, no longer than a time [s]; return whether it came."""
        ...


class SystemClock:
    """The kernel's clocks."""

    def now_s(self) -> float:
        """Return CLOCK_BOOTTIME [s]."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def awake_s(self) -> float:
        """Return CLOCK_MONOTONIC [s]."""
        return time.monotonic()

    def wait(self, selector: BaseSelector, time_s: float) -> Events:
        """Wait in `select`."""
        return selector.select(time_s)

    def wait_for(self, done: Event, time_s: float) -> bool:
        """Wait for the event itself."""
        return done.wait(time_s)
