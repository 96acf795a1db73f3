import numpy as np
import pytest
from bounds import WORTH, hull_rate_hz, one_node_plant, one_node_points
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.oracle.dual import DualBound, dual_bound
from experiments.oracle.heat import heat_steps
from experiments.oracle.plant import list_activities
from experiments.oracle.steps import cut
from experiments.surroundings import SteadyAmbient
from experiments.workloads import Constant, Workload

LENGTH_S, DEMAND_HZ = 200.0, 300.0
PLANT = one_node_plant(leak_a=0.1)
COOL = one_node_plant()
ACTIVITIES = {
    plant: list_activities(one_node_points(), plant, worth=WORTH.of_frame, deadline_s=0.5)
    for plant in (PLANT, COOL)
}
STEPS = cut(Workload("run", LENGTH_S, Constant(DEMAND_HZ), SteadyAmbient(30.0)), PLANT)
K = len(STEPS.lengths_s)


def proof(
    plant=COOL,
    *,
    at_ends: float | np.ndarray = 0.0,
    through: float | np.ndarray = 0.0,
    frames: float | np.ndarray = 0.0,
    slope: float = 0.0,
) -> DualBound:
    return dual_bound(
        plant,
        STEPS,
        np.array([80.0]),
        activities=ACTIVITIES[plant],
        heat=heat_steps(plant, STEPS, np.full((K, 1), slope)),
        cap_degc=80.0,
        heat_price=np.broadcast_to(at_ends, (K, 1)) * np.ones((K, 1)),
        through_price=np.broadcast_to(through, (K, 1)) * np.ones((K, 1)),
        frame_price=np.broadcast_to(frames, K) * np.ones(K),
        lowest_degc=np.full((K, 1), 30.0),
        deadline_s=0.5,
    )


def test_without_prices_the_fastest_point_sets_the_bound() -> None:
    assert proof().worth == pytest.approx(0.9 * 200.0 * LENGTH_S)


def test_frames_at_their_full_worth_let_the_demand_set_the_bound() -> None:
    assert proof(frames=0.9).worth == pytest.approx(0.9 * DEMAND_HZ * LENGTH_S)


def test_frames_fetch_the_best_price_until_their_deadline() -> None:
    prices = np.zeros(K)
    prices[10] = 0.9
    step_s = STEPS.lengths_s[10]
    expected = 0.9 * (200.0 * (LENGTH_S - step_s) + DEMAND_HZ * (step_s + 0.5))
    assert proof(frames=prices).worth == pytest.approx(expected)


def test_the_right_price_of_heat_proves_the_hull() -> None:
    # A joule more a second buys 50 frames in 0.79 W ... 100 in 4.48 W: at 2.5 W the latter.
    per_joule = 0.9 * 100.0 / 4.48
    through = per_joule * STEPS.lengths_s[:, np.newaxis] / 20.0
    at_ends = np.zeros((K, 1))
    at_ends[-1] = per_joule * 0.5
    got = proof(through=through, at_ends=at_ends)
    assert got.worth == pytest.approx(0.9 * hull_rate_hz(2.5) * LENGTH_S, rel=1e-9)
    busy = ACTIVITIES[COOL].frames_hz[got.active]
    assert set(busy.tolist()) <= {100.0, 200.0}


@settings(max_examples=60, deadline=None)
@given(
    at_ends=st.lists(st.floats(0.0, 50.0), min_size=K, max_size=K),
    through=st.lists(st.floats(0.0, 50.0), min_size=K, max_size=K),
    frames=st.lists(st.floats(0.0, 1.0), min_size=K, max_size=K),
    slope=st.floats(0.0, 0.02),
)
def test_no_prices_prove_less_than_a_schedule_earns(
    at_ends: list[float], through: list[float], frames: list[float], slope: float
) -> None:
    # At the cap throughout, on the hull of true powers there: within reach, so never excluded.
    leak = [v * 0.1 * np.exp(0.02 * 30.0 + 1.5 * (v - 1.0)) for v in (0.7, 0.7, 0.8, 1.2)]
    power = np.array([0.0, 0.49, 1.28, 5.76]) + leak
    reached = 0.9 * LENGTH_S * np.interp(2.5, power, [0.0, 50.0, 100.0, 200.0])
    got = proof(
        PLANT,
        at_ends=np.array(at_ends)[:, np.newaxis],
        through=np.array(through)[:, np.newaxis],
        frames=np.array(frames),
        slope=slope,
    )
    assert got.worth >= reached * (1.0 - 1e-9)
