"""Work in processes of this machine."""

import multiprocessing
import pickle
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, Generic

from threadpoolctl import threadpool_limits

from adaptive.search.executors.chunks import Done, in_order, run_chunk
from adaptive.search.executors.protocol import Item, Result, Shared, Task

AHEAD = 2
"""Chunks under way for each process: one it works on, one that waits."""


class ProcessExecutor:
    """Runs chunks in so many processes, each with one thread.

    The processes stay for the next call with the same task and the very same `shared`.
    """

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise ValueError(f"jobs is {jobs}, expected 1 or more")
        self._jobs = jobs
        self._of: tuple[object, object] = (None, None)
        self._pool: _Pool[Any, Any] | None = None

    def map(
        self, task: Task[Shared, Item, Result], items: Iterable[Item], *, shared: Shared
    ) -> Iterator[Result]:
        """Yield the result of each item, in order; processes that die are replaced."""
        if self._pool is None or self._of[0] is not task or self._of[1] is not shared:
            self.close()
            self._of = (task, shared)
            self._pool = _Pool(self._jobs, pickle.dumps((task, shared)))
        return in_order(self._pool, items, lost=(BrokenProcessPool,))

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


class _Pool(Generic[Item, Result]):
    """A pool of processes that can be replaced."""

    def __init__(self, jobs: int, work: bytes) -> None:
        self._jobs, self._work = jobs, work
        self._pool = self._new()

    @property
    def slots(self) -> int:
        """How many chunks may be under way."""
        return AHEAD * self._jobs

    def send(self, chunk: Sequence[Item]) -> "Future[Done[Result]]":
        """Begin a chunk."""
        return self._pool.submit(_work_on, chunk)

    def restart(self) -> None:
        """Replace all processes."""
        self.close()
        self._pool = self._new()

    def close(self) -> None:
        """End the processes; chunks that have not begun are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _new(self) -> ProcessPoolExecutor:
        # Forking a process that has threads may hang it.
        context = multiprocessing.get_context("forkserver")
        return ProcessPoolExecutor(
            self._jobs, mp_context=context, initializer=_begin, initargs=(self._work,)
        )


class _Process:
    """What a worker process holds between chunks; set once, when it begins."""

    work: "partial[Any]"


def _begin(work: bytes) -> None:
    """Receive what all chunks share, and keep to one thread."""
    threadpool_limits(1)
    task, shared = pickle.loads(work)
    _Process.work = partial(run_chunk, task, shared)


def _work_on(chunk: Sequence[Any]) -> Any:
    """Do a chunk in a worker process."""
    return _Process.work(chunk)
