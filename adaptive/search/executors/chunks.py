"""Cutting work into chunks that are worth sending, and keeping their results in order."""

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, NamedTuple, Protocol

from adaptive.errors import ExecutorError
from adaptive.search.executors.protocol import (
    Item,
    Item_contra,
    Result,
    Result_co,
    Shared,
    Task,
)

LEAST_S = 0.5
"""A chunk is to take at least this long, so that sending it costs little beside [s]."""

AIM_S = 2 * LEAST_S
TRIES = 5
"""A chunk that has lost its worker so often is given up: the work itself may be at fault."""


class Done(NamedTuple, Generic[Result]):
    """Results of a chunk, in order, and how long they took."""

    results: list[Result]
    spent_s: float


def run_chunk(
    task: Task[Shared, Item, Result], shared: Shared, chunk: Sequence[Item]
) -> Done[Result]:
    """Do a chunk where it is: what a worker calls."""
    start_s = time.perf_counter()
    results = [task(shared, item) for item in chunk]
    return Done(results, time.perf_counter() - start_s)


class Pace:
    """How many items make a chunk: from one upwards, as it turns out how long they take.

    Only the size of chunks hangs on the clock, never a result.
    """

    def __init__(self) -> None:
        self._items = 0
        self._spent_s = 0.0

    @property
    def size(self) -> int:
        """Items of the next chunk."""
        if self._items == 0:
            return 1
        each_s = max(self._spent_s / self._items, 1e-6)
        # A first guess from a short chunk may be far off: grow no more than eightfold at a time.
        return max(1, min(math.ceil(AIM_S / each_s), 8 * self._items))

    def learn(self, items: int, spent_s: float) -> None:
        """Take note of a finished chunk."""
        self._items += items
        self._spent_s += spent_s


class Future(Protocol[Result_co]):
    """A chunk somewhere else."""

    def done(self) -> bool:
        """Tell whether it has ended, well or not."""
        ...

    def exception(self) -> BaseException | None:
        """Wait for it; return what it ended with if not well."""
        ...

    def result(self) -> Result_co:
        """Wait for it."""
        ...


class Workers(Protocol[Item_contra, Result]):
    """Where chunks are sent."""

    @property
    def slots(self) -> int:
        """How many chunks may be under way."""
        ...

    def send(self, chunk: Sequence[Item_contra]) -> Future[Done[Result]]:
        """Begin a chunk."""
        ...

    def restart(self) -> None:
        """Replace workers that were lost; what they were doing is forgotten."""
        ...


def in_order(
    workers: Workers[Item, Result],
    items: Iterable[Item],
    *,
    lost: tuple[type[BaseException], ...],
) -> Iterator[Result]:
    """Send items in chunks and yield their results in order.

    `lost` are the errors that mean a worker went away: then the workers are replaced and what was
    under way is sent again.
    """
    pace, source = Pace(), iter(items)
    sent: deque[tuple[list[Item], Future[Done[Result]]]] = deque()
    tries = 0
    while True:
        while len(sent) < workers.slots and (chunk := list(islice(source, pace.size))):
            sent.append((chunk, _send(workers, chunk, lost=lost)))
        if not sent:
            return
        chunk, future = sent[0]
        try:
            done = future.result()
        except lost as error:
            tries += 1
            if tries == TRIES:
                raise ExecutorError(
                    f"a chunk of {len(chunk)} items lost its worker {TRIES} times "
                    f"({type(error).__name__}), expected it to fit a worker's memory and time"
                ) from error
            workers.restart()
            for at, (again, old) in enumerate(sent):
                if not _ended_well(old, lost=lost):
                    sent[at] = (again, _send(workers, again, lost=lost))
            continue
        tries = 0
        sent.popleft()
        pace.learn(len(chunk), done.spent_s)
        yield from done.results


def _ended_well(future: Future[Done[Result]], *, lost: tuple[type[BaseException], ...]) -> bool:
    """Tell whether a chunk's results are there."""
    try:
        return future.done() and future.exception() is None
    except lost:
        return False


class _Failed(Generic[Result]):
    """A chunk that could not even be sent."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def done(self) -> bool:
        """Tell that it has ended."""
        return True

    def exception(self) -> BaseException:
        """Return what kept it from being sent."""
        return self._error

    def result(self) -> Done[Result]:
        """Fail as sending did."""
        raise self._error


def _send(
    workers: Workers[Item, Result], chunk: Sequence[Item], *, lost: tuple[type[BaseException], ...]
) -> Future[Done[Result]]:
    """Begin a chunk; where the worker is gone already, its result says so."""
    try:
        return workers.send(chunk)
    except lost as error:
        return _Failed(error)
