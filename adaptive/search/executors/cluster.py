"""Work on many machines, through a dask.distributed scheduler."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, Generic

import dask
from distributed import Client, KilledWorker
from distributed.client import Future

from adaptive.errors import ConfigError, ExecutorError
from adaptive.search.executors.chunks import Done, in_order, run_chunk
from adaptive.search.executors.protocol import Item, Result, Shared, Task

AHEAD = 2
"""Chunks under way for each thread of each worker."""

PATIENCE_S = 30.0
"""How long to wait for the scheduler, and for a first worker [s]."""

LOST = (KilledWorker, CancelledError)


class ClusterExecutor:
    """Runs chunks on the workers of a scheduler, however many come and go.

    Parameters
    ----------
    address
        Of the scheduler, e.g. ``"tcp://10.0.0.1:8786"``.

    Raises
    ------
    ConfigError
        If no scheduler answers there, or it has no workers.

    Notes
    -----
    Workers need this package installed in the same version.
    """

    def __init__(self, address: str) -> None:
        self._workers: _Cluster[Any, Any, Any] | None = None
        try:
            self._client = Client(address, timeout=PATIENCE_S, set_as_default=False)
        except (OSError, ValueError) as error:
            line = " ".join(str(error).split())
            raise ConfigError(
                f"--cluster is {address!r}: {line}, expected the address of a dask scheduler such "
                "as tcp://10.0.0.1:8786"
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError as error:
            self._client.close()
            raise ConfigError(
                f"--cluster {address}: no worker within {PATIENCE_S:g} s, expected one or more: "
                f"dask worker {address}"
            ) from error

    def close(self) -> None:
        """Leave the cluster; its workers stay."""
        self._client.close()

    def map(
        self, task: Task[Shared, Item, Result], items: Iterable[Item], *, shared: Shared
    ) -> Iterator[Result]:
        """Yield the result of each item, in order; the work of lost workers is done by others."""
        if self._workers is None or not self._workers.has(task, shared):
            self._workers = _Cluster(self._client, task, shared)
        try:
            yield from in_order(self._workers, items, lost=LOST)
        except OSError as error:
            if self._client.status == "running":
                raise
            raise ExecutorError(f"the cluster's scheduler went away: {error}") from error


class _Cluster(Generic[Shared, Item, Result]):
    """The workers of a cluster, each with what all chunks share."""

    def __init__(self, client: Client, task: Task[Shared, Item, Result], shared: Shared) -> None:
        self._client, self._task, self._shared = client, task, shared
        self.restart()

    def has(self, task: object, shared: object) -> bool:
        """Tell whether the workers have been sent this very task and object."""
        return self._task is task and self._shared is shared

    @property
    def slots(self) -> int:
        """How many chunks may be under way."""
        threads: dict[str, int] = self._client.nthreads()
        return AHEAD * max(1, sum(threads.values()))

    def send(self, chunk: Sequence[Item]) -> Future[Done[Result]]:
        """Begin a chunk."""
        return self._client.submit(run_chunk, self._task, self._copy, list(chunk), pure=False)

    def restart(self) -> None:
        """Send again what all chunks share.

        As a task of its own: a scheduler makes a lost result again, but not lost data.
        """
        self._client.wait_for_workers(1, timeout=PATIENCE_S)
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
            self._copy = self._client.submit(_same, self._shared, pure=False)


def _same(shared: Shared) -> Shared:
    """Return what it is given."""
    return shared
