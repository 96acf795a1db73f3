import math
from dataclasses import replace

import pytest
from control import LADDER, odd_observations, seen
from hypothesis import given

from adaptive.governor.observed import busy_share, hottest_degc, wanted_hz
from adaptive.platform import Observation


def test_the_hottest_zone_counts() -> None:
    assert hottest_degc(replace(seen(), temps_degc={"a": 50.0, "b": 61.0})) == 61.0


@pytest.mark.parametrize(
    "temps",
    [
        {},
        {"a": 50.0, "b": math.nan},
        {"b": math.nan, "a": 50.0},
        {"a": -math.inf, "b": 50.0},
        {"a": -300.0, "b": 50.0},
        {"a": 1e308},
    ],
)
def test_no_believable_zone_reads_as_infinitely_hot(temps: dict[str, float]) -> None:
    assert hottest_degc(replace(seen(), temps_degc=temps)) == math.inf


@pytest.mark.parametrize(
    ("served_hz", "backlog", "share"),
    [(0.0, 0, 0.0), (25.0, 0, 0.5), (80.0, 0, 1.0), (25.0, 1, 1.0), (math.nan, 0, 1.0), (-1, 0, 0)],
)
def test_the_busy_share_is_the_time_the_answers_took(
    served_hz: float, backlog: int, share: float
) -> None:
    assert busy_share(seen(served_hz=served_hz, backlog=backlog), LADDER[0]) == share


@pytest.mark.parametrize(
    ("demand_hz", "backlog", "hz"),
    [(0.0, 0, 0.0), (30.0, 5, 35.0), (-3.0, 0, 0.0), (math.nan, 0, math.inf)],
)
def test_what_is_wanted_is_what_arrives_and_what_waits(
    demand_hz: float, backlog: int, hz: float
) -> None:
    assert wanted_hz(seen(demand_hz=demand_hz, backlog=backlog)) == hz


@given(odd_observations())
def test_there_is_always_a_number(run: list[Observation]) -> None:
    for observation in run:
        assert 0.0 <= busy_share(observation, LADDER[0]) <= 1.0
        assert wanted_hz(observation) >= 0.0
        assert not math.isnan(hottest_degc(observation))
