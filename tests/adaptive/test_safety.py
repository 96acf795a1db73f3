import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, make_point

from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation
from adaptive.safety import SafetyGuard, SafetyLimits

COOL = make_point(OPPS.slowest, duty=0.0)
HOT = make_point(OPPS.fastest)
LIMITS = SafetyLimits(critical_degc=100.0)


def seen(time_s: float, temps: dict[str, float], age_s: float = 0.0) -> Observation:
    ages = dict.fromkeys(temps, age_s)
    return Observation(time_s, temps, ages, None, 0.0, 0.0, 0.0, 0, {}, None)


class Greedy:
    """Always the hottest point, and refuses to see what is not a temperature."""

    def decide(self, observation: Observation) -> OperatingPoint:
        assert all(-40 < temp < 100 for temp in observation.temps_degc.values())
        return HOT


def guard(*zones: str, limits: SafetyLimits = LIMITS) -> SafetyGuard:
    return SafetyGuard(Greedy(), COOL, zones=zones or ("cpu",), limits=limits)


def watched(*zones: str) -> SafetyGuard:
    """A guard of a board that was believed before."""
    return guard(*zones, limits=SafetyLimits(critical_degc=100.0, watched=True))


def test_the_governor_is_asked_from_the_third_good_reading_on() -> None:
    guarded = guard()
    points = [guarded.decide(seen(0.1 * k, {"cpu": 50.0})) for k in range(4)]
    assert points == [COOL, COOL, HOT, HOT]
    assert not guarded.in_doubt


def test_a_bad_reading_among_the_first_starts_the_count_again() -> None:
    guarded = guard()
    temps = [50.0, 50.0, math.nan, 50.0, 50.0]
    for step, temp in enumerate(temps):
        assert guarded.decide(seen(0.1 * step, {"cpu": temp})) is COOL
        assert guarded.in_doubt == (step >= 2)
    assert guarded.decide(seen(0.5, {"cpu": 50.0})) is HOT
    assert not guarded.in_doubt


def test_a_believable_reading_of_a_watched_board_leaves_the_governor_alone() -> None:
    assert watched().decide(seen(0.0, {"cpu": 50.0})) is HOT


@pytest.mark.parametrize(
    "temps",
    [{}, {"cpu": math.nan}, {"cpu": math.inf}, {"cpu": 0.0}, {"cpu": -128.0}, {"cpu": 100.0}],
)
def test_a_reading_in_doubt_calls_for_the_coolest_point(temps: dict[str, float]) -> None:
    assert watched().decide(seen(0.0, temps)) is COOL


def test_a_stale_reading_calls_for_the_coolest_point() -> None:
    assert watched().decide(seen(0.0, {"cpu": 50.0}, age_s=1.5)) is COOL
    assert watched().decide(seen(0.0, {"cpu": 50.0}, age_s=math.nan)) is COOL


def test_a_spike_is_not_a_temperature() -> None:
    guarded = watched()
    guarded.decide(seen(0.0, {"cpu": 40.0}))
    assert guarded.decide(seen(0.1, {"cpu": 85.0})) is COOL


def test_control_comes_back_after_three_good_readings() -> None:
    guarded = watched()
    temps = [math.nan, 50.0, 50.0, 50.0]
    points = [guarded.decide(seen(0.1 * k, {"cpu": temp})) for k, temp in enumerate(temps)]
    assert points == [COOL, COOL, COOL, HOT]
    assert guarded.overruled == 3


def test_every_zone_must_answer() -> None:
    assert watched("cpu", "gpu").decide(seen(0.0, {"cpu": 50.0})) is COOL


def test_a_guard_without_a_zone_cannot_exist() -> None:
    with pytest.raises(ValueError, match="at least one thermal zone"):
        SafetyGuard(Greedy(), COOL, zones=(), limits=LIMITS)


@pytest.mark.parametrize("critical", [-50.0, 200.0, math.nan])
def test_limits_outside_physics_cannot_exist(critical: float) -> None:
    with pytest.raises(ValueError, match="critical_degc"):
        SafetyLimits(critical_degc=critical)


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="max_age_s"):
        SafetyLimits(critical_degc=100.0, max_age_s=0.0)


@given(st.lists(st.tuples(st.floats(), st.floats(), st.booleans()), max_size=20))
def test_no_sequence_of_readings_raises_or_gets_past_the_guard(
    readings: list[tuple[float, float, bool]],
) -> None:
    guarded = watched()
    for step, (temp, age, present) in enumerate(readings):
        point = guarded.decide(seen(0.1 * step, {"cpu": temp} if present else {}, age))
        if point is HOT:
            assert present
            assert LIMITS.lowest_degc < temp < LIMITS.critical_degc
