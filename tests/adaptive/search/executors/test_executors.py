from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from chores import dying_always, dying_once, failing, object_of_its_own, process_of, scaled

from adaptive.errors import ConfigError, ExecutorError
from adaptive.search.executors.choose import open_executor
from adaptive.search.executors.processes import ProcessExecutor
from adaptive.search.executors.protocol import Executor
from adaptive.search.executors.serial import SerialExecutor


@pytest.fixture(params=["serial", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with open_executor(jobs=1 if request.param == "serial" else 2) as opened:
        yield opened


def test_results_are_the_same_everywhere(executor: Executor) -> None:
    assert list(executor.map(scaled, range(20), shared=3)) == [3 * item for item in range(20)]


def test_no_items_give_no_results(executor: Executor) -> None:
    assert list(executor.map(scaled, [], shared=3)) == []


def test_what_the_task_raises_comes_through(executor: Executor) -> None:
    found = executor.map(failing, range(6), shared=None)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3 is no good"):
        next(found)


def test_a_killed_process_costs_time_only(tmp_path: Path) -> None:
    with closing(ProcessExecutor(2)) as executor:
        found = list(executor.map(dying_once, range(12), shared=tmp_path / "died"))
    assert found == [item * item for item in range(12)]
    assert (tmp_path / "died").exists()


def test_work_that_always_kills_its_process_is_given_up() -> None:
    with (
        closing(ProcessExecutor(1)) as executor,
        pytest.raises(ExecutorError, match="lost its worker"),
    ):
        list(executor.map(dying_always, [1], shared=None))


def test_processes_stay_for_more_of_the_same_work() -> None:
    shared = object_of_its_own()
    with closing(ProcessExecutor(1)) as executor:
        first = list(executor.map(process_of, [1], shared=shared))
        assert list(executor.map(process_of, [1], shared=shared)) == first
        assert list(executor.map(process_of, [1], shared=object_of_its_own())) != first


def test_one_job_is_done_here() -> None:
    with open_executor() as opened:
        assert opened == SerialExecutor()


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_jobs_are_refused(jobs: int) -> None:
    with pytest.raises(ConfigError, match=f"--jobs is {jobs}"), open_executor(jobs=jobs):
        pass
    with pytest.raises(ValueError, match=f"jobs is {jobs}"):
        ProcessExecutor(jobs)
