"""The same fleet here, in two processes, and on a real scheduler with two workers."""

import numpy as np
import pytest
from distributed import LocalCluster

from adaptive.search.executors.choose import open_executor
from experiments.fleet.simulate import Fleet, FleetRequest, simulate_fleet

pytestmark = pytest.mark.heavy
REQUEST = FleetRequest(
    board="odroid-xu4", artifact="digits", governor="predictive", scenario="bursts", minutes=0.03
)


def found(*, jobs: int = 1, cluster: str | None = None) -> Fleet:
    with open_executor(jobs=jobs, cluster=cluster) as executor:
        return simulate_fleet(REQUEST, boards=300, executor=executor)


def test_a_fleet_is_the_same_wherever_it_is_worked_on() -> None:
    alone = found().frame()
    np.testing.assert_array_equal(found(jobs=2).frame(), alone)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        np.testing.assert_array_equal(found(cluster=cluster.scheduler_address).frame(), alone)
