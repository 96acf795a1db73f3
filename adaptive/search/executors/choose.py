"""Choosing an executor from a command line."""

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager

from adaptive.errors import ConfigError
from adaptive.search.executors.processes import ProcessExecutor
from adaptive.search.executors.protocol import Executor
from adaptive.search.executors.serial import SerialExecutor


def add_executor_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--jobs` and `--cluster`."""
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes to work in (%(default)s)"
    )
    parser.add_argument(
        "--cluster",
        metavar="tcp://HOST:PORT",
        help="work on the machines of this dask scheduler instead (extra `cluster`)",
    )


@contextmanager
def open_executor(*, jobs: int = 1, cluster: str | None = None) -> Iterator[Executor]:
    """Open the executor that `--jobs` and `--cluster` ask for.

    Raises
    ------
    ConfigError
        If a value is wrong, or no cluster answers at the address.
    ModuleNotFoundError
        If a cluster is asked for and dask.distributed is not installed.
    """
    if jobs < 1:
        raise ConfigError(f"--jobs is {jobs}, expected 1 or more")
    if cluster is None and jobs == 1:
        yield SerialExecutor()
        return
    if cluster is None:
        with closing(ProcessExecutor(jobs)) as processes:
            yield processes
        return
    # An optional extra: only who asks for a cluster needs it.
    from adaptive.search.executors.cluster import ClusterExecutor

    with closing(ClusterExecutor(cluster)) as machines:
        yield machines
