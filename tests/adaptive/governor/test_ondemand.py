import pytest
from control import LADDER, closed_loop, odd_observations, seen, step_of_demand
from hypothesis import given
from hypothesis import strategies as st

from adaptive.governor.ondemand import Ondemand
from adaptive.platform import Observation


@pytest.mark.parametrize(
    ("served_hz", "rung"),
    # The slowest point answers 50 Hz; f = 500 + load x 15 MHz up to 80 %, then all.
    [(0.0, 0), (8.0, 0), (9.0, 1), (25.0, 1), (26.0, 2), (40.0, 2), (40.5, 3), (50.0, 3)],
)
def test_the_frequency_is_proportional_to_the_load_up_to_the_threshold(
    served_hz: float, rung: int
) -> None:
    assert Ondemand(LADDER).decide(seen(served_hz=served_hz)) is LADDER[rung]


def test_waiting_frames_call_for_full_speed() -> None:
    assert Ondemand(LADDER).decide(seen(served_hz=1.0, backlog=1)) is LADDER[-1]


def test_the_load_is_that_of_the_point_which_ran() -> None:
    governor = Ondemand(LADDER)
    governor.decide(seen(backlog=1))
    assert governor.decide(seen(served_hz=100.0)) is LADDER[1]  # half of 200 Hz: 1250 MHz


def test_a_threshold_may_be_set() -> None:
    assert Ondemand(LADDER, up_threshold=50).decide(seen(served_hz=25.5)) is LADDER[-1]


def test_a_step_of_demand_is_met_at_once_whatever_the_heat() -> None:
    loop = closed_loop(
        Ondemand(LADDER), demand_hz=step_of_demand(20.0, 190.0, at_s=20.0), length_s=150.0
    )
    assert loop.points[202] is LADDER[-1]
    assert loop.points[100].frequency_hz < LADDER[-1].frequency_hz
    assert loop.switches(from_s=30.0) == 0
    assert loop.peak_degc() > 80.0


@given(st.floats(0.0, 60.0), st.integers(0, 1), st.sampled_from(LADDER))
def test_it_never_passes_the_ceiling(served_hz: float, backlog: int, ceiling: object) -> None:
    governor = Ondemand(LADDER)
    chosen = governor.decide_within(seen(served_hz=served_hz, backlog=backlog), ceiling)  # type: ignore[arg-type]
    assert LADDER.index(chosen) <= LADDER.index(ceiling)  # type: ignore[arg-type]
    assert governor.running is chosen


@given(odd_observations())
def test_odd_observations_get_a_point_of_the_ladder(run: list[Observation]) -> None:
    governor = Ondemand(LADDER)
    assert all(governor.decide(observation) in LADDER for observation in run)


def test_a_threshold_is_a_percentage() -> None:
    with pytest.raises(ValueError, match="up_threshold is 0"):
        Ondemand(LADDER, up_threshold=0)
