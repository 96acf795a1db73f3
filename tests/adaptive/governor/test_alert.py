from dataclasses import replace

import numpy as np
import pytest
from control import closed_loop, odd_observations, seen, step_of_demand
from hypothesis import given
from hypothesis import strategies as st
from plants import make_points, two_node_plant

from adaptive.governor.alert import Alert, SlowdownFilter, SlowdownMeter
from adaptive.governor.candidates import Candidates, sustainable_power_w
from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation

POINTS = make_points()


def alert(*, trip_degc: float = 80.0, ambient_degc: float = 25.0) -> Alert:
    return Alert(
        POINTS,
        two_node_plant(),
        cores="cpu",
        ambient_degc=ambient_degc,
        trip_degc=trip_degc,
        deadline_s=0.5,
    )


class Slowed:
    """Runs what a policy picks on a platform that is slower than its profile."""

    def __init__(self, governor: Alert, factor: float) -> None:
        self._governor = governor
        self._factor = factor

    def decide(self, observation: Observation) -> OperatingPoint:
        point = self._governor.decide(observation)
        return replace(point, latency_s=self._factor * point.latency_s)


def test_one_step_of_the_filter_by_hand() -> None:
    # Variance 2e-4, so the gain is 2/12; the correction of 0.1 makes a drift of 0.007 and a bit.
    slowdown = SlowdownFilter()
    slowdown.update(1.6)
    assert slowdown.mean == pytest.approx(1.1)
    assert slowdown.variance == pytest.approx(2e-4 * 10 / 12 + 0.3 * 1e-4 + 0.7 * 0.01)


def test_the_filter_finds_a_lasting_slow_down_and_grows_sure_of_it() -> None:
    slowdown, variances = SlowdownFilter(), []
    for _ in range(60):
        slowdown.update(1.6)
        variances.append(slowdown.variance)
    assert slowdown.mean == pytest.approx(1.6, abs=1e-3)
    assert max(variances) > 1e-2
    assert variances[-1] < 1e-3


@given(st.lists(st.floats(0.1, 20.0), max_size=60))
def test_the_filter_stays_among_its_measurements(measured: list[float]) -> None:
    slowdown = SlowdownFilter()
    for value in measured:
        slowdown.update(value)
        assert slowdown.variance > 0.0
    low, high = min([1.0, *measured]), max([1.0, *measured])
    assert low - 1e-9 <= slowdown.mean <= high + 1e-9


def test_the_meter_counts_profiled_over_answered_frames() -> None:
    point = POINTS[1]  # 500 MHz, 8 bits: 50 Hz
    meter = SlowdownMeter()
    assert meter.read(seen(time_s=0.0, backlog=3), point) is None
    readings = [
        meter.read(seen(time_s=0.5 * step, served_hz=25.0, backlog=3), point)
        for step in range(1, 3)
    ]
    assert readings == [None, (pytest.approx(2.0), True)]


def test_idle_time_makes_it_a_bound() -> None:
    meter = SlowdownMeter()
    meter.read(seen(time_s=0.0), POINTS[1])
    assert meter.read(seen(time_s=1.0, served_hz=25.0), POINTS[1]) == (pytest.approx(2.0), False)


@pytest.mark.parametrize("gap_s", [0.0, -1.0, 60.0, float("nan")])
def test_a_gap_starts_the_count_anew(gap_s: float) -> None:
    meter = SlowdownMeter()
    meter.read(seen(time_s=0.0, backlog=3), POINTS[1])
    meter.read(seen(time_s=0.5, served_hz=30.0, backlog=3), POINTS[1])
    assert meter.read(seen(time_s=0.5 + gap_s, served_hz=30.0, backlog=3), POINTS[1]) is None


@given(st.floats(0.0, 300.0), st.floats(0.0, 60.0), st.floats(60.0, 100.0))
def test_the_predicted_power_is_within_the_cap(demand: float, ambient: float, trip: float) -> None:
    plant = two_node_plant()
    chosen = alert(ambient_degc=ambient, trip_degc=trip).decide(seen(demand_hz=demand))
    table = Candidates.of(POINTS, plant, temp_degc=trip)
    power = table.power_w(table.utilisation(demand))
    cap = sustainable_power_w(plant, "cpu", ambient_degc=ambient, limit_degc=trip)
    assert power[POINTS.index(chosen)] <= max(cap, np.min(power)) + 1e-9


def test_it_takes_the_accurate_effort_while_there_is_time() -> None:
    chosen = alert().decide(seen(demand_hz=40.0))
    assert chosen.accuracy == 0.92
    assert chosen.frames_hz > 40.0


def test_where_none_can_be_in_time_the_fastest_within_the_cap_runs() -> None:
    assert alert().decide(seen(demand_hz=190.0)).name == "1500MHz/8/1"


def test_a_step_of_demand_never_heats_beyond_what_the_cap_allows() -> None:
    loop = closed_loop(alert(), demand_hz=step_of_demand(20.0, 190.0, at_s=20.0), length_s=200.0)
    assert loop.points[205].name == "1500MHz/8/1"
    assert loop.switches(from_s=30.0) == 0
    assert loop.peak_degc() < 80.0


def test_a_slow_platform_is_learned_and_made_up_for() -> None:
    # 80 Hz: 1 GHz would do by the profile (100 Hz), but takes half as long again.
    loop = closed_loop(Slowed(alert(), 1.5), demand_hz=lambda _t: 80.0, length_s=60.0)
    assert loop.points[0].frequency_hz <= 1.0e9
    assert loop.points[-1].frequency_hz == 1.5e9
    assert loop.served(from_s=30.0) == pytest.approx(80.0 * 30.0, rel=0.01)


def test_a_slow_down_that_idle_time_contradicts_is_unlearned() -> None:
    governor, fresh = alert(), alert()
    closed_loop(Slowed(governor, 3.0), demand_hz=lambda _t: 80.0, length_s=30.0)
    assert governor.decide(seen(demand_hz=30.0)).accuracy == 0.90
    # 150 Hz serve 140: the slow-down cannot be above 1.07.
    closed_loop(governor, demand_hz=lambda _t: 140.0, length_s=30.0)
    after = governor.decide(seen(demand_hz=30.0))
    assert after is fresh.decide(seen(demand_hz=30.0))
    assert after.accuracy == 0.92


@given(odd_observations())
def test_odd_observations_get_a_point_of_the_table(run: list[Observation]) -> None:
    governor = alert()
    assert all(governor.decide(observation) in POINTS for observation in run)


def test_a_deadline_is_positive() -> None:
    with pytest.raises(ValueError, match="deadline_s is 0"):
        Alert(
            POINTS,
            two_node_plant(),
            cores="cpu",
            ambient_degc=25.0,
            trip_degc=80.0,
            deadline_s=0.0,
        )
