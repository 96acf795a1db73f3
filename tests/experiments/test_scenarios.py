import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import make_points, two_node_plant

from adaptive.errors import ConfigError
from adaptive.governor.static import settled_peak_degc
from experiments.scenarios import Bursts, Scenario, sustained_hz


@given(seed=st.integers(0, 2**31), mean_hz=st.floats(0.1, 1e4))
def test_the_mean_demand_is_what_it_says(seed: int, mean_hz: float) -> None:
    demand = Bursts(mean_hz, seed=seed).profile(1200.0)
    times = np.arange(0.05, 1200.0, 0.1)
    assert np.mean([demand(float(t)) for t in times]) == pytest.approx(mean_hz, rel=0.01)


def test_bursts_ask_twice_the_mean_for_thirty_seconds_a_cycle() -> None:
    demand = Bursts(100.0, seed=3).profile(1200.0)
    times = np.arange(0.05, 1200.0, 0.1)
    high = np.array([demand(float(t)) == 200.0 for t in times])
    assert high.reshape(10, -1).sum(axis=1) == pytest.approx([300] * 10, abs=1)
    assert {round(demand(float(t)), 6) for t in times} == {200.0, round(100 * 2 / 3, 6)}


def test_one_seed_is_one_stream() -> None:
    first, again, other = (Bursts(1.0, seed=s).profile(600.0) for s in (5, 5, 6))
    times = np.arange(0.0, 600.0, 1.0)
    assert [first(t) for t in times] == [again(t) for t in times]
    assert [first(t) for t in times] != [other(t) for t in times]


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"mean_hz": 0.0}, "mean_hz"),
        ({"mean_hz": float("inf")}, "mean_hz"),
        ({"mean_hz": 1.0, "burst_s": 200.0}, "burst_s"),
        ({"mean_hz": 1.0, "factor": 5.0}, "factor"),
    ],
)
def test_demand_outside_reason_cannot_exist(kwargs: dict[str, float], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Bursts(**kwargs)


@pytest.mark.parametrize(
    ("ambient", "length", "field"),
    [(90.0, 60.0, "ambient_degc"), (-300.0, 60.0, "ambient_degc"), (25.0, 0.0, "length_s")],
)
def test_a_scenario_outside_reason_cannot_exist(ambient: float, length: float, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Scenario(ambient, 85.0, length, Bursts(1.0))


def test_the_sustained_rate_is_safe_and_the_next_faster_point_is_not() -> None:
    plant, points = two_node_plant(), make_points()
    rate = sustained_hz(points, plant, ambient_degc=35.0, cap_degc=70.0)
    for point in points:
        if point.frames_hz > rate:
            assert settled_peak_degc(plant, point, ambient_degc=35.0) > 70.0
    assert any(
        point.frames_hz == rate and settled_peak_degc(plant, point, ambient_degc=35.0) <= 70.0
        for point in points
    )


def test_a_board_that_sustains_nothing_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="no operating point can be sustained"):
        sustained_hz(make_points(), two_node_plant(), ambient_degc=79.0, cap_degc=80.0)
