"""The judgement of readings, row by row of what sensors were seen to do."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.board.readings import (
    Believable,
    Problem,
    StuckWatch,
    Trust,
    ZoneFilter,
    ZoneState,
    fuse,
    hotter,
    parse_mdegc,
)

PERIOD_S = 0.1


def judge(*attempts: float | Problem) -> list[ZoneState]:
    """Feed a zone one attempt a period."""
    zone = ZoneFilter(Believable())
    return [zone.update(PERIOD_S * n, attempt) for n, attempt in enumerate(attempts)]


TEXTS = [
    ("45123", 45.123),
    ("-12000", -12.0),
    ("", Problem.GARBAGE),
    ("\0\0\0", Problem.GARBAGE),
    ("hot", Problem.GARBAGE),
    ("45.1", Problem.GARBAGE),
    ("45000 mC", Problem.GARBAGE),
    ("nan", Problem.GARBAGE),
    ("0", Problem.SENTINEL),
    ("-128000", Problem.SENTINEL),
    ("-274000", Problem.SENTINEL),
    ("-32768000", Problem.SENTINEL),
    ("45", Problem.SENTINEL),  # a kernel that counts whole degrees
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_a_text_is_a_temperature_or_tells_why_not(text: str, expected: float | Problem) -> None:
    assert parse_mdegc(text) == expected


# Rows of FAULTS.md that one zone can show by itself: (row, attempts, trust of each).
G, H, A, F = Trust.GOOD, Trust.HELD, Trust.ABSENT, Trust.FAILED
ROWS = [
    (2, [50.0, Problem.GONE, Problem.GONE, 50.0], [G, A, A, G]),
    (3, [50.0, Problem.ERROR, Problem.ERROR, Problem.ERROR, 51.0], [G, H, H, F, G]),
    (5, [50.0, Problem.DENIED, 50.0], [G, A, G]),
    (6, [50.0, Problem.GARBAGE, 50.0], [G, H, G]),
    (7, [50.0, -650788.984, 50.0], [G, H, G]),
    (8, [50.0, Problem.SENTINEL, Problem.SENTINEL, Problem.SENTINEL], [G, H, H, F]),
    (9, [50.0, 200.0, 200.0, 200.0, 200.0], [G, H, H, F, F]),
    (10, [50.0, 85.0, 50.0], [G, H, G]),
    (10, [50.0, 85.0, 85.4, 85.7], [G, H, G, G]),  # a real jump is confirmed by the next
    (12, [50.0, Problem.LATE, 50.0], [G, H, G]),
    (13, [50.0, Problem.HUNG, 50.0], [G, F, G]),
    (16, [50.0, math.nan, math.inf, -math.inf, 50.0], [G, H, H, F, G]),
]


@pytest.mark.parametrize(("row", "attempts", "trusts"), ROWS)
def test_a_zone_is_believed_as_far_as_its_row_says(
    row: int, attempts: list[float | Problem], trusts: list[Trust]
) -> None:
    assert [state.trust for state in judge(*attempts)] == trusts


def test_a_held_zone_keeps_its_last_good_value_and_tells_its_age() -> None:
    _, held = judge(50.0, Problem.ERROR)
    assert held.temp_degc == 50.0
    assert held.age_s == pytest.approx(PERIOD_S)


def test_a_zone_that_never_answered_has_failed_at_once() -> None:
    assert judge(Problem.ERROR)[0].trust is Trust.FAILED


@given(st.lists(st.one_of(st.floats(), st.sampled_from(Problem)), max_size=30))
def test_only_finite_believable_numbers_ever_come_through(
    attempts: list[float | Problem],
) -> None:
    for state in judge(*attempts):
        if state.temp_degc is not None:
            assert -40.0 <= state.temp_degc <= 150.0


def absent() -> ZoneState:
    return ZoneState(Trust.ABSENT, None, math.inf, Problem.GONE)


def failed() -> ZoneState:
    return ZoneState(Trust.FAILED, None, math.inf, Problem.ERROR)


def good(temp_degc: float) -> ZoneState:
    return ZoneState(Trust.GOOD, temp_degc, 0.0, None)


def test_a_zone_that_is_gone_is_stood_in_for_by_the_hottest_of_the_others() -> None:
    temps, ages = fuse({"a": good(50.0), "b": absent(), "c": good(70.0)})
    assert temps == {"a": 50.0, "b": 70.0, "c": 70.0}
    assert ages["b"] == 0.0


def test_a_zone_that_failed_is_left_out_for_the_guard_to_notice() -> None:
    assert set(fuse({"a": good(50.0), "b": failed()})[0]) == {"a"}


def test_without_any_zone_nothing_is_made_up() -> None:
    assert fuse({"a": absent(), "b": absent()}) == ({}, {})


def test_of_sensors_that_disagree_the_hotter_one_is_believed() -> None:
    assert hotter([good(50.0), good(71.0), failed()]).temp_degc == 71.0
    assert hotter([absent(), failed()]).trust is Trust.FAILED


def watch(temps: list[float], powers: list[float]) -> list[bool]:
    stuck = StuckWatch(window_s=10.0, swing_w=1.0)
    return [stuck.update(0.1 * n, t, p) for n, (t, p) in enumerate(zip(temps, powers, strict=True))]


def test_a_reading_that_stands_still_while_the_load_swings_is_suspect() -> None:
    powers = [1.0 if n % 40 < 20 else 4.0 for n in range(200)]
    assert watch([50.0] * 200, powers)[-1]


def test_a_reading_that_stands_still_under_a_steady_load_is_not() -> None:
    assert not any(watch([50.0] * 200, [3.0] * 200))


@given(
    gaps=st.lists(st.floats(0.0, 40.0), min_size=1, max_size=60),
    powers=st.lists(st.floats(0.0, 10.0), min_size=60, max_size=60),
)
def test_gaps_of_any_length_are_survived(gaps: list[float], powers: list[float]) -> None:
    stuck, time_s = StuckWatch(window_s=10.0, swing_w=1.0), 0.0
    for gap_s, power_w in zip(gaps, powers, strict=False):
        time_s += gap_s
        suspect = stuck.update(time_s, 50.0, power_w)
        assert not (suspect and time_s < 10.0)


def test_a_reading_that_moves_is_never_suspect() -> None:
    powers = [1.0 if n % 40 < 20 else 4.0 for n in range(200)]
    assert not any(watch([50.0 + (n // 20 % 2) for n in range(200)], powers))


@pytest.mark.parametrize(
    "wrong",
    [{"lowest_degc": 200.0}, {"max_rate_k_per_s": 0.0}, {"step_k": -1.0}, {"hold_periods": -1}],
)
def test_bounds_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected|must be"):
        Believable(**wrong)  # type: ignore[arg-type]
