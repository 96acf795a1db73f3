"""The parts of a fleet against their single-board namesakes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import OPPS, make_point

from adaptive.governor.static import Static
from adaptive.platform import Observation
from adaptive.safety import SafetyGuard, SafetyLimits
from adaptive.service import Service
from experiments.fleet.governors import FleetGuard, FleetStatic
from experiments.fleet.platform import FleetObservation, delay_sum_s
from experiments.fleet.service import FleetService

POINTS = (
    make_point(OPPS.slowest, duty=0.0),
    make_point(OPPS.fastest, duty=0.75),
    replace(make_point(OPPS.opps[1]), latency_s=0.03),
    replace(make_point(OPPS.slowest), latency_s=0.6),
)
BOARDS = 3
SPAN = st.tuples(
    st.lists(st.floats(0.0, 400.0), min_size=BOARDS, max_size=BOARDS),
    st.lists(st.integers(0, len(POINTS) - 1), min_size=BOARDS, max_size=BOARDS),
    st.lists(st.booleans(), min_size=BOARDS, max_size=BOARDS),
)


@settings(max_examples=50)
@given(st.lists(SPAN, min_size=1, max_size=20))
def test_queues_of_many_boards_answer_what_single_ones_do(
    spans: list[tuple[list[float], list[int], list[bool]]],
) -> None:
    singles = [Service(0.5) for _ in range(BOARDS)]
    fleet = FleetService(BOARDS, deadline_s=0.5, period_s=0.1)
    latency = np.array([point.latency_s for point in POINTS])
    duty = np.array([point.duty for point in POINTS])
    for step, (demand, numbers, on) in enumerate(spans):
        start_s = 0.1 * step
        got = fleet.serve(
            slice(None),
            latency_s=latency[numbers],
            duty=duty[numbers],
            demand_hz=np.array(demand),
            start_s=np.full(BOARDS, start_s),
            span_s=np.full(BOARDS, 0.1),
            on=np.array(on),
        )
        for row, single in enumerate(singles):
            want = single.serve(
                POINTS[numbers[row]],
                demand_hz=demand[row],
                start_s=start_s,
                span_s=0.1,
                on=on[row],
            )
            assert got.arrived[row] == want.arrived
            assert got.dropped[row] == want.dropped
            assert got.served[row] == sum(batch.count for batch in want.served)
            assert got.busy[row] == want.busy
            assert fleet.waiting[row] == single.waiting
            delay_s = sum(batch.count * batch.delay_s for batch in want.served)
            assert delay_sum_s(got)[row] == pytest.approx(delay_s, rel=1e-12, abs=1e-12)


READINGS = st.one_of(
    st.floats(20.0, 90.0), st.sampled_from([0.0, -60.0, 150.0, 200.0, np.nan, np.inf, 100.0])
)


@given(st.lists(st.lists(READINGS, min_size=2, max_size=2), min_size=1, max_size=12))
def test_the_guard_of_many_overrules_as_the_guard_of_one(temps: list[list[float]]) -> None:
    limits = SafetyLimits(critical_degc=100.0)
    coolest, hot = make_point(OPPS.slowest, duty=0.0), make_point(OPPS.fastest)
    single = SafetyGuard(Static(hot), coolest, zones=("a", "b"), limits=limits)
    fleet = FleetGuard(FleetStatic(1), 0, limits=limits)
    nothing = np.zeros(1)
    for step, readings in enumerate(temps):
        zones = dict(zip(("a", "b"), readings, strict=True))
        time_s = 0.1 * step
        one = single.decide(
            Observation(time_s, zones, dict.fromkeys(zones, 0.0), None, 0.0, 0.0, 0.0, 0, {}, None)
        )
        many = fleet.decide(
            FleetObservation(
                time_s,
                ("a", "b"),
                np.array([readings]),
                nothing,
                nothing,
                nothing,
                np.zeros(1, dtype=np.int64),
            ),
            np.ones(1, dtype=bool),
        )
        assert (many[0] == 0) == (one is coolest)
