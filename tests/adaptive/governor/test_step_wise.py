from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, make_point

from adaptive.governor.step_wise import StepWise
from adaptive.platform import Observation

LADDER = tuple(make_point(opp) for opp in OPPS)


def walk(temps: list[float], *, trip: float = 80.0, hysteresis: float = 10.0) -> list[int]:
    """Cooling state after each reading."""
    governor = StepWise(LADDER, trip_degc=trip, hysteresis_k=hysteresis)
    states = []
    for step, temp in enumerate(temps):
        seen = Observation(0.1 * step, {"cpu": temp}, {"cpu": 0.0}, None, 0, 0, 0, 0, {}, None)
        states.append(len(LADDER) - 1 - LADDER.index(governor.decide(seen)))
    return states


def test_it_runs_at_full_speed_below_the_trip() -> None:
    assert walk([60.0, 70.0, 79.0]) == [0, 0, 0]


def test_it_steps_down_while_the_temperature_rises_above_the_trip() -> None:
    assert walk([79.0, 81.0, 82.0, 83.0, 84.0]) == [0, 1, 2, 3, 3]


def test_it_keeps_its_state_while_the_temperature_stays() -> None:
    assert walk([79.0, 81.0, 81.0, 81.0]) == [0, 1, 1, 1]


def test_it_steps_up_while_the_temperature_falls_above_the_threshold() -> None:
    assert walk([79.0, 81.0, 82.0, 83.0, 82.0, 81.0]) == [0, 1, 2, 3, 2, 1]


def test_it_does_not_release_before_the_hysteresis_is_passed() -> None:
    assert walk([79.0, 81.0, 82.0, 75.0, 71.0]) == [0, 1, 2, 1, 1]


def test_it_jumps_to_full_speed_once_below_trip_less_hysteresis() -> None:
    assert walk([79.0, 81.0, 82.0, 69.0]) == [0, 1, 2, 0]


def test_no_zone_at_all_reads_as_hot() -> None:
    governor = StepWise(LADDER, trip_degc=80.0, hysteresis_k=10.0)
    states = []
    for step, temps in enumerate([{"cpu": 60.0}, {}, {}]):
        seen = Observation(0.1 * step, temps, {}, None, 0, 0, 0, 0, {}, None)
        states.append(len(LADDER) - 1 - LADDER.index(governor.decide(seen)))
    assert states == [0, 1, 1]


@given(st.lists(st.floats(20.0, 120.0), min_size=1, max_size=60))
def test_the_state_moves_by_at_most_one_step_towards_cool(temps: list[float]) -> None:
    states = [0, *walk(temps)]
    assert all(b - a <= 1 for a, b in pairwise(states))


def test_a_ladder_needs_a_rung() -> None:
    with pytest.raises(ValueError, match="at least one"):
        StepWise((), trip_degc=80.0, hysteresis_k=1.0)


def test_a_hysteresis_below_zero_cannot_exist() -> None:
    with pytest.raises(ValueError, match="hysteresis_k is -1"):
        StepWise(LADDER, trip_degc=80.0, hysteresis_k=-1.0)
