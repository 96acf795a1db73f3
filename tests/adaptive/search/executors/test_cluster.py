"""A real scheduler with two worker processes on this machine."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from chores import dying_once, failing, scaled
from distributed import LocalCluster

from adaptive.errors import ConfigError
from adaptive.search.executors import cluster as module
from adaptive.search.executors.choose import open_executor
from adaptive.search.executors.protocol import Executor

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    support = str(Path(__file__).parents[3] / "support")
    path = os.environ.get("PYTHONPATH", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{support}:{path}")
        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as opened:
            yield opened


@pytest.fixture
def executor(cluster: LocalCluster) -> Iterator[Executor]:
    with open_executor(cluster=cluster.scheduler_address) as opened:
        yield opened


def test_results_are_as_in_one_process(executor: Executor) -> None:
    assert list(executor.map(scaled, range(20), shared=3)) == [3 * item for item in range(20)]


def test_what_the_task_raises_comes_through(executor: Executor) -> None:
    with pytest.raises(ValueError, match="item 3 is no good"):
        list(executor.map(failing, range(6), shared=None))


def test_a_worker_that_dies_costs_time_only(executor: Executor, tmp_path: Path) -> None:
    found = list(executor.map(dying_once, range(12), shared=tmp_path / "died"))
    assert found == [item * item for item in range(12)]
    assert (tmp_path / "died").exists()


def test_a_worker_killed_from_outside_costs_time_only(
    executor: Executor, cluster: LocalCluster
) -> None:
    found = executor.map(scaled, range(40), shared=3)
    first = next(found)
    worker = next(iter(cluster.workers.values()))
    os.kill(worker.pid, signal.SIGKILL)
    assert [first, *found] == [3 * item for item in range(40)]


def test_an_address_where_nobody_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    with (
        pytest.raises(ConfigError, match=r"--cluster is 'tcp://127\.0\.0\.1:1'"),
        open_executor(cluster="tcp://127.0.0.1:1"),
    ):
        pass
