from control import LADDER, closed_loop, seen, step_of_demand
from hypothesis import given
from hypothesis import strategies as st

from adaptive.governor.ondemand import Ondemand
from adaptive.governor.step_wise import StepWise
from adaptive.governor.throttled import Throttled


@given(st.integers(0, 3), st.floats(0.0, 60.0))
def test_the_slower_of_the_two_runs(ceiling: int, served_hz: float) -> None:
    throttled = Throttled(Ondemand(LADDER), lambda _seen, _ran: LADDER[ceiling])
    chosen = throttled.decide(seen(served_hz=served_hz))
    alone = Ondemand(LADDER).decide(seen(served_hz=served_hz))
    assert chosen is min(alone, LADDER[ceiling], key=LADDER.index)


def test_the_thermal_governor_is_told_what_ran() -> None:
    told = []
    throttled = Throttled(Ondemand(LADDER), lambda _seen, ran: told.append(ran) or LADDER[2])  # type: ignore[func-returns-value]
    throttled.decide(seen(backlog=1))
    throttled.decide(seen(backlog=1))
    assert told == [LADDER[0], LADDER[2]]


def test_a_step_of_demand_is_throttled_where_it_would_pass_the_cap() -> None:
    step_wise = StepWise(LADDER, trip_degc=78.0, hysteresis_k=4.0)
    throttled = Throttled(Ondemand(LADDER), lambda now, _ran: step_wise.decide(now))
    loop = closed_loop(throttled, demand_hz=step_of_demand(20.0, 190.0, at_s=20.0), length_s=200.0)
    assert loop.points[202] is LADDER[-1]
    assert loop.peak_degc() < 80.0
    assert loop.served(from_s=100.0) > 14_000  # 150 Hz is what the third point sustains
