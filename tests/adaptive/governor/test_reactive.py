from itertools import pairwise

import pytest
from control import LADDER, closed_loop, odd_observations, seen, step_of_demand
from hypothesis import given
from hypothesis import strategies as st

from adaptive.governor.reactive import Reactive
from adaptive.platform import Observation


def walk(temps: list[float]) -> list[int]:
    """Rung after each reading; threshold 80 degC, hysteresis 2 K."""
    governor = Reactive(LADDER, trip_degc=80.0, hysteresis_k=2.0)
    return [LADDER.index(governor.decide(seen(temp))) for temp in temps]


def test_it_steps_down_for_as_long_as_it_is_too_hot() -> None:
    assert walk([79.9, 80.0, 81.0, 80.5, 90.0]) == [3, 2, 1, 0, 0]


def test_it_stays_within_the_hysteresis() -> None:
    assert walk([80.0, 79.0, 78.0, 78.0]) == [2, 2, 2, 2]


def test_it_steps_back_up_below_it() -> None:
    assert walk([80.0, 80.0, 77.9, 77.0, 60.0]) == [2, 1, 2, 3, 3]


@given(st.lists(st.floats(20.0, 120.0), max_size=40))
def test_it_moves_one_level_at_a_time(temps: list[float]) -> None:
    assert all(abs(a - b) <= 1 for a, b in pairwise([3, *walk(temps)]))


def test_a_step_of_demand_cycles_about_the_threshold() -> None:
    governor = Reactive(LADDER, trip_degc=78.0, hysteresis_k=2.0)
    loop = closed_loop(governor, demand_hz=step_of_demand(20.0, 190.0, at_s=20.0), length_s=200.0)
    assert 76.0 < loop.peak_degc(from_s=150.0) <= loop.peak_degc() < 79.0
    assert 0 < loop.switches(from_s=150.0) < 100
    assert loop.served(from_s=150.0) > 50 * 150


@given(odd_observations())
def test_odd_observations_get_a_point_of_the_ladder(run: list[Observation]) -> None:
    governor = Reactive(LADDER, trip_degc=80.0, hysteresis_k=2.0)
    assert all(governor.decide(observation) in LADDER for observation in run)


def test_a_hysteresis_below_zero_cannot_exist() -> None:
    with pytest.raises(ValueError, match="hysteresis_k is -1"):
        Reactive(LADDER, trip_degc=80.0, hysteresis_k=-1.0)
