import math

import numpy as np
import pytest
from control import LADDER, closed_loop, odd_observations, seen, step_of_demand
from hypothesis import given
from hypothesis import strategies as st
from plants import two_node_plant

from adaptive.governor.proactive import Proactive
from adaptive.governor.schedutil import Schedutil
from adaptive.governor.throttled import Throttled
from adaptive.platform import Observation
from thermal.discretise import discretise

FINE = two_node_plant(resolution_k=0.01)


def proactive(*, trip_degc: float = 80.0, horizon_s: float = 3.0) -> Proactive:
    return Proactive(
        LADDER,
        FINE,
        ambient_degc=25.0,
        trip_degc=trip_degc,
        period_s=0.1,
        horizon_s=horizon_s,
    )


@given(st.floats(25.0, 100.0), st.sampled_from([0.1, 1.0, 3.0]))
def test_it_picks_the_fastest_that_the_model_keeps_below_the_trip(
    temp: float, horizon_s: float
) -> None:
    model = discretise(FINE.network, horizon_s)
    at_trip = np.full(2, 80.0)
    peaks = [
        model.step(np.full(2, temp), FINE.node_power_w(p.islands, {"cpu": 1.0}, at_trip), 25.0)[0]
        for p in LADDER
    ]
    expected = max((i for i, peak in enumerate(peaks) if peak <= 80.0), default=0)
    assert proactive(horizon_s=horizon_s).decide(seen(temp)) is LADDER[expected]


@given(st.floats(25.0, 100.0), st.floats(25.0, 100.0))
def test_more_headroom_never_gets_a_slower_point(one: float, other: float) -> None:
    cool, hot = sorted((one, other))
    slow, fast = proactive().decide(seen(hot)), proactive().decide(seen(cool))
    assert LADDER.index(slow) <= LADDER.index(fast)


def test_a_step_of_demand_is_sprinted_through_and_stays_below_the_trip() -> None:
    loop = closed_loop(
        proactive(trip_degc=79.9),
        demand_hz=step_of_demand(20.0, 190.0, at_s=20.0),
        length_s=240.0,
        plant=FINE,
    )
    assert loop.points[210] is LADDER[-1]
    assert 74.0 < loop.peak_degc(from_s=200.0) <= loop.peak_degc() <= 80.0
    assert loop.served(from_s=200.0) > 40 * 150


def test_the_unseen_sink_is_followed_by_the_model() -> None:
    # At one reading of the core, a sink heated for long allows less than a sink just started on.
    governor = proactive()
    loop = closed_loop(governor, demand_hz=lambda _t: 190.0, length_s=120.0, plant=FINE)
    slow = governor.decide(seen(72.0, time_s=120.1, backlog=1))
    fresh = proactive()
    fresh.decide(seen(25.0, time_s=0.0))
    fast = fresh.decide(seen(72.0, time_s=0.1, backlog=1))
    assert loop.peak_degc() <= 80.1
    assert LADDER.index(slow) < LADDER.index(fast)


def test_under_it_schedutil_follows_the_demand() -> None:
    governor = Throttled(Schedutil(LADDER), proactive().ceiling)
    loop = closed_loop(
        governor,
        demand_hz=step_of_demand(20.0, 190.0, at_s=20.0),
        length_s=120.0,
        plant=FINE,
    )
    assert loop.points[150] is LADDER[0]
    assert loop.points[210] is LADDER[-1]
    assert loop.peak_degc() <= 80.0


@given(odd_observations())
def test_odd_observations_get_a_point_of_the_ladder(run: list[Observation]) -> None:
    governor = proactive()
    assert all(governor.decide(observation) in LADDER for observation in run)


def test_before_any_zone_has_answered_it_runs_at_its_slowest() -> None:
    governor = proactive()
    assert governor.decide(seen(math.nan)) is LADDER[0]
    assert governor.decide(seen(30.0, time_s=0.1)) is LADDER[-1]


def test_a_horizon_is_at_least_a_period() -> None:
    with pytest.raises(ValueError, match=r"horizon_s is 0\.01"):
        proactive(horizon_s=0.01)
