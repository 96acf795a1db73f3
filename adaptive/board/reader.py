"""Reads sensors in threads of their own: a read that hangs costs its thread, never the loop."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from adaptive.board.clock import Clock
from adaptive.errors import PlatformError

Value = TypeVar("Value")
Outcome = float | str | PlatformError


@dataclass(frozen=True, slots=True)
class Late:
    """A sensor that did not answer in time.

    Attributes
    ----------
    since_s
        How long its read has lasted [s].
    """

    since_s: float


class Reader:
    """Reads all sensors in one thread, and each that hangs in one of its own until it answers.

    Parameters
    ----------
    sensors
        What to call for each name; may block, may raise PlatformError.
    clock
        Tells how long a read has lasted.

    Notes
    -----
    Limits: a thread inside a hung read cannot be stopped, only left; there is never more than one
    a sensor.
    """

    def __init__(self, sensors: Mapping[str, Callable[[], float | str]], clock: Clock) -> None:
        self._sensors = dict(sensors)
        self._clock = clock
        self._shared = _Worker(clock)
        self._left: dict[str, _Worker] = {}  # sensors whose read hangs, and who waits for them

    def collect(self, timeout_s: float) -> dict[str, Outcome | Late]:
        """Read every sensor once; those that do not answer within a time [s] are late."""
        answers: dict[str, Outcome | Late] = {}
        for name, worker in list(self._left.items()):
            if worker.done.is_set():
                answers[name] = worker.answers[name]
                worker.stop()
                del self._left[name]
            else:
                answers[name] = Late(self._clock.awake_s() - worker.began_s)
        wanted = [name for name in self._sensors if name not in answers]
        worker = self._shared
        worker.ask([(name, self._sensors[name]) for name in wanted])
        if not self._clock.wait_for(worker.done, timeout_s):
            self._leave(worker)
        missing = Late(self._clock.awake_s() - worker.began_s)
        answers |= {name: worker.answers.get(name, missing) for name in wanted}
        return answers

    def replace(self, name: str, sensor: Callable[[], float | str]) -> None:
        """Read a name from elsewhere from now on."""
        self._sensors[name] = sensor

    @property
    def hung(self) -> tuple[str, ...]:
        """The sensors whose read has not come back."""
        return tuple(self._left)

    def close(self) -> None:
        """Let the threads end; one inside a hung read ends with the process."""
        for worker in (self._shared, *self._left.values()):
            worker.stop()

    def _leave(self, worker: "_Worker") -> None:
        """Give the sensor that hangs the thread to itself, and the others a new one."""
        self._shared = _Worker(self._clock)
        worker.give_up_rest.set()
        if worker.reading is not None:
            self._left[worker.reading] = worker
        else:
            worker.stop()


class _Worker:
    """A thread that reads what it is asked to, one list after another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked = threading.Event()
        self._stopped = False
        self._jobs: Sequence[tuple[str, Callable[[], float | str]]] = ()
        self.done = threading.Event()
        self.give_up_rest = threading.Event()
        self.answers: dict[str, Outcome] = {}
        self.reading: str | None = None
        self.began_s = 0.0
        self._thread: threading.Thread | None = None

    def ask(self, jobs: Sequence[tuple[str, Callable[[], float | str]]]) -> None:
        self.done.clear()
        self.answers, self._jobs, self.began_s = {}, jobs, self._clock.awake_s()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
            self._thread.start()
        self._asked.set()

    def stop(self) -> None:
        self._stopped = True
        self._asked.set()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._stopped:
                return
            for name, sensor in self._jobs:
                if self.give_up_rest.is_set():
                    break
                self.reading = name
                try:
                    self.answers[name] = sensor()
                except PlatformError as error:
                    self.answers[name] = error
            self.reading = None
            self.done.set()
