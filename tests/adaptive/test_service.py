from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, make_point

from adaptive.service import Service


@given(
    demands=st.lists(st.floats(0.0, 500.0), min_size=1, max_size=30),
    latency_s=st.floats(0.001, 0.7),
    duty=st.floats(0.0, 1.0),
)
def test_every_frame_is_answered_dropped_or_waiting(
    demands: list[float], latency_s: float, duty: float
) -> None:
    service, point = Service(0.5), replace(make_point(OPPS.fastest), latency_s=latency_s, duty=duty)
    arrived = dropped = served = 0
    work_s = 0.0
    for step, demand_hz in enumerate(demands):
        got = service.serve(point, demand_hz=demand_hz, start_s=0.1 * step, span_s=0.1, on=True)
        arrived, dropped = arrived + got.arrived, dropped + got.dropped
        served += sum(batch.count for batch in got.served)
        work_s += 0.1 * got.busy
        assert 0.0 <= got.busy <= duty + 1e-9
        assert all(latency_s < batch.delay_s < 0.7 + latency_s for batch in got.served)
    assert arrived == served + dropped + service.waiting
    assert work_s <= served * latency_s + 1e-9


def test_a_frame_that_waits_a_period_is_a_period_later() -> None:
    service = Service(0.5)
    idle = make_point(OPPS.slowest, duty=0.0)
    ready = replace(make_point(OPPS.slowest), latency_s=0.02)
    service.serve(idle, demand_hz=10.0, start_s=0.0, span_s=0.1, on=True)
    got = service.serve(ready, demand_hz=0.0, start_s=0.1, span_s=0.1, on=True)
    assert [batch.delay_s for batch in got.served] == pytest.approx([0.15 + 0.02])


def test_a_board_that_is_off_answers_nothing() -> None:
    got = Service(0.5).serve(
        make_point(OPPS.fastest), demand_hz=100.0, start_s=0.0, span_s=0.1, on=False
    )
    assert (got.arrived, got.served, got.busy) == (10, (), 0.0)


def test_time_lost_answers_nothing_and_draws_power() -> None:
    whole, half = (
        Service(0.5).serve(
            make_point(OPPS.fastest), demand_hz=1e4, start_s=0.0, span_s=1.0, on=True, lost_s=lost_s
        )
        for lost_s in (0.0, 0.5)
    )
    counts = [sum(batch.count for batch in got.served) for got in (whole, half)]
    assert counts[1] == counts[0] // 2
    assert half.busy == whole.busy == 1.0
