"""The same search on a real scheduler with two worker processes."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster
from networks import small_artifact, small_images
from searching import LinearCost

from adaptive.search.executors.choose import open_executor
from adaptive.search.executors.protocol import Executor
from adaptive.search.executors.serial import SerialExecutor
from adaptive.search.meter import Images
from adaptive.search.racing import Race
from adaptive.search.run import SETS, Found, Question, run_search
from adaptive.search.space import SearchSpace
from adaptive.search.surrogate import Surrogate

pytestmark = pytest.mark.heavy
ARTIFACT = small_artifact()


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as opened:
        yield opened


def found_with(executor: Executor, journal: Path) -> Found:
    space = SearchSpace(
        ARTIFACT.layers, tuple((layer,) for layer in ARTIFACT.layers), ARTIFACT.bits
    )
    rng = np.random.default_rng(0)
    sets = {
        name: Images(name, small_images(1500, seed), rng.integers(0, 4, 1500))
        for seed, name in enumerate(SETS)
    }
    question = Question(
        ARTIFACT, space, sets, LinearCost((3.0, 2.0, 1.0)), 8, floor=0.5, race=Race()
    )
    return run_search(question, Surrogate(), seed=0, executor=executor, journal=journal)


class Killing:
    """Kills a worker of the cluster once, when some results have come."""

    def __init__(self, executor: Executor, cluster: LocalCluster) -> None:
        self.executor, self.cluster, self.killed = executor, cluster, False

    def map(self, task, items, *, shared) -> Iterator:
        for position, result in enumerate(self.executor.map(task, items, shared=shared)):
            if position == 2 and not self.killed:
                self.killed = True
                os.kill(next(iter(self.cluster.workers.values())).pid, signal.SIGKILL)
            yield result


def test_two_workers_find_the_same_front_also_when_one_is_killed(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    alone = found_with(SerialExecutor(), tmp_path / "alone")
    with open_executor(cluster=cluster.scheduler_address) as executor:
        together = found_with(executor, tmp_path / "together")
        killing = Killing(executor, cluster)
        survived = found_with(killing, tmp_path / "survived")
    assert killing.killed
    assert together.points == alone.points
    assert survived.points == alone.points
    assert alone.points["leaf"]
