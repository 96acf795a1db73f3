"""Time that passes at once."""

from collections.abc import Callable
from pathlib import Path
from selectors import BaseSelector
from threading import Event

from adaptive.board.clock import Events


class FakeClock:
    """Time that passes at once; `on_pass` is told how much."""

    def __init__(self, on_pass: Callable[[float], None] = lambda _time_s: None) -> None:
        self.time_s = 100.0
        self.asleep_s = 0.0
        self.on_pass = on_pass
        self.patience_s = 20.0  # real time given to reads: a busy machine is not a slow sensor

    def now_s(self) -> float:
        return self.time_s + self.asleep_s

    def awake_s(self) -> float:
        return self.time_s

    def wait(self, selector: BaseSelector, time_s: float) -> Events:
        events = selector.select(0)
        if not events:
            self.time_s += time_s
            self.on_pass(time_s)
        return events

    def wait_for(self, done: Event, time_s: float) -> bool:
        return done.wait(self.patience_s)


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
