import numpy as np
import pytest
from bounds import one_node_plant
from hypothesis import given
from hypothesis import strategies as st
from plants import two_node_plant

from adaptive.frame_queue import FrameQueue
from experiments.oracle.steps import Steps, cut, earned, late_arrivals, waiting_periods
from experiments.scenarios import Bursts
from experiments.surroundings import AmbientRamp, Fan, SteadyAmbient, Sun
from experiments.workloads import Constant, Demand, Poisson, Workload

PLANT = two_node_plant()


def steps_of(demand: Demand, length_s: float = 300.0, **kwargs: object) -> Steps:
    ambient = kwargs.pop("ambient", SteadyAmbient(25.0))
    run = Workload("run", length_s, demand, ambient, **kwargs)  # type: ignore[arg-type]
    return cut(run, PLANT)


@given(length_s=st.floats(0.1, 400.0), seed=st.integers(0, 100))
def test_steps_cover_the_run_without_a_gap(length_s: float, seed: int) -> None:
    run = Workload(
        "run", length_s, Bursts(50.0, burst_s=10.0, cycle_s=40.0, seed=seed), SteadyAmbient(25.0)
    )
    steps = cut(run, PLANT)
    assert steps.edges[0] == 0
    assert steps.edges[-1] == run.periods
    assert (np.diff(steps.edges) >= 1).all()
    assert steps.lengths_s.max() <= 10.0 + 1e-9
    assert steps.total(steps.arrivals).sum() == pytest.approx(steps.arrivals.sum())


def test_steps_end_where_something_jumps() -> None:
    steps = steps_of(
        Constant(50.0),
        ambient=AmbientRamp(25.0, 45.0, begin=0.25),
        fan=Fan((0.0, 0.5), (1.0, 2.0)),
        sun=Sun({"sink": 1.0}, 0.75, 1.0),
    )
    assert {750, 1500, 2250} <= set(steps.edges.tolist())
    for jump in (750, 1500, 2250):
        index = steps.edges.tolist().index(jump)
        assert steps.lengths_s[index] == pytest.approx(0.5)
        assert steps.lengths_s[index - 1] == pytest.approx(0.5)


def test_bursts_are_found_and_chance_is_not_taken_for_them() -> None:
    edges = steps_of(Bursts(50.0, seed=1)).edges * 0.1
    profile = Bursts(50.0, seed=1).profile(300.0)
    times = np.arange(0.05, 300.0, 0.1)
    rates = np.array([profile(float(t)) for t in times])
    for jump in times[1:][np.diff(rates) != 0.0] - 0.05:
        assert np.abs(edges - jump).min() < 0.11
    assert len(steps_of(Poisson(20.0, seed=1)).edges) == len(steps_of(Constant(20.0)).edges)


def test_means_and_samples_are_of_the_periods_of_a_step() -> None:
    steps = steps_of(Constant(50.0))
    numbers = np.arange(3000.0)
    first, last = steps.edges[3], steps.edges[4]
    assert steps.mean(numbers)[3] == pytest.approx((first + last - 1) / 2)
    assert steps.at(numbers, np.array([[0.05, 12.34, 1e9]])).tolist() == [[0.0, 123.0, 2999.0]]
    assert steps.step_of[first] == 3


@pytest.mark.parametrize(
    ("deadline_s", "period_s", "periods"),
    [(0.5, 0.1, 5), (0.3, 0.1, 3), (0.04, 0.1, 0), (0.05, 0.1, 1), (0.24, 0.1, 2)],
)
def test_frames_wait_as_long_as_in_the_simulated_queue(
    deadline_s: float, period_s: float, periods: int
) -> None:
    assert waiting_periods(deadline_s, period_s) == periods
    queue = FrameQueue(deadline_s)
    queue.arrive(0.5 * period_s, 1)
    waited = 0
    while len(queue):
        queue.expire((waited + 1) * period_s - 1e-12)
        waited += len(queue)
    assert waited == periods


def test_only_frames_that_may_still_wait_are_left_for_the_next_step() -> None:
    steps = steps_of(Constant(50.0))
    late = late_arrivals(steps, 0.5)
    assert late.max() == pytest.approx(25.0)
    assert (late <= steps.total(steps.arrivals) + 1e-9).all()


def schedule(rates_hz: list[float], *, demand_hz: float = 50.0, deadline_s: float = 0.5) -> float:
    steps = steps_of(Constant(demand_hz))
    shares = np.zeros((len(steps.lengths_s), len(rates_hz) + 1))
    shares[:, 1:] = 1.0 / len(rates_hz)
    return earned(
        steps,
        shares,
        frames_hz=np.array([0.0, *(len(rates_hz) * rate for rate in rates_hz)]),
        worth=np.array([0.0, 1.0, 0.5][: len(rates_hz) + 1]),
        deadline_s=deadline_s,
    )


def test_a_schedule_earns_what_it_serves_up_to_the_demand() -> None:
    assert schedule([30.0]) == pytest.approx(30.0 * 300.0)
    assert schedule([80.0]) == pytest.approx(50.0 * 300.0)


def test_spare_time_goes_to_the_frames_of_most_worth() -> None:
    assert schedule([40.0, 30.0]) == pytest.approx((40.0 + 0.5 * 10.0) * 300.0)


def test_frames_may_wait_until_their_deadline_but_no_longer() -> None:
    run = Workload("run", 20.0, Bursts(10.0, 4.5, 2.0, 10.0, 0), SteadyAmbient(25.0))
    steps = cut(run, one_node_plant())
    shares = np.ones((len(steps.lengths_s), 1))
    # 45 Hz come for 2 s, of which 20 Hz are answered, and for 0.5 s more from what waits.
    got = earned(steps, shares, frames_hz=np.array([20.0]), worth=np.array([1.0]), deadline_s=0.5)
    between = Bursts(10.0, 4.5, 2.0, 10.0, 0).between_hz
    expected = 2 * (2.0 * 20.0 + 8.0 * between + 0.5 * (20.0 - between))
    assert got == pytest.approx(expected, rel=0.02)
