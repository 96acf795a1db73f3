from control import LADDER, closed_loop, odd_observations, seen, step_of_demand
from hypothesis import given
from hypothesis import strategies as st

from adaptive.governor.schedutil import Schedutil
from adaptive.platform import Observation


def settle(served_hz: float, *, backlog: int = 0) -> Schedutil:
    """Let the average forget its start: 100 periods of the same."""
    governor = Schedutil(LADDER)
    for step in range(100):
        governor.decide(seen(time_s=0.1 * step, served_hz=served_hz, backlog=backlog))
    return governor


def test_it_starts_at_the_slowest() -> None:
    assert Schedutil(LADDER).decide(seen(backlog=9)) is LADDER[0]


def test_a_busy_period_is_worth_what_the_half_life_says() -> None:
    # Busy at a quarter of the speed: 256 of 1024, of which 1 - 0.5^(100/32) = 0.885 count: 226;
    # 1.25 x 2 GHz x 226 / 1024 = 552 MHz.
    governor = Schedutil(LADDER)
    governor.decide(seen(time_s=0.0))
    assert governor.decide(seen(time_s=0.1, backlog=1)) is LADDER[1]
    # After 32 ms half counts: 128, 312 MHz.
    governor = Schedutil(LADDER)
    governor.decide(seen(time_s=0.0))
    assert governor.decide(seen(time_s=0.032, backlog=1)) is LADDER[0]


def test_it_runs_a_quarter_faster_than_the_work_needs() -> None:
    # 39 Hz need 390 MHz: with a quarter on top 487; 41 Hz need 410: 512 MHz.
    assert settle(39.0).running is LADDER[0]
    assert settle(41.0).running is LADDER[1]
    assert settle(79.0).running is LADDER[1]
    assert settle(81.0).running is LADDER[2]


def test_waiting_frames_drive_it_to_full_speed() -> None:
    assert settle(0.0, backlog=1).running is LADDER[-1]


def test_a_step_of_demand_is_met_within_a_second_whatever_the_heat() -> None:
    loop = closed_loop(
        Schedutil(LADDER), demand_hz=step_of_demand(20.0, 190.0, at_s=20.0), length_s=150.0
    )
    assert loop.points[100] is LADDER[0]
    assert loop.points[210] is LADDER[-1]
    assert loop.switches(from_s=30.0) == 0
    assert loop.peak_degc() > 80.0


@given(st.lists(st.integers(0, 1), min_size=1, max_size=20), st.sampled_from(LADDER))
def test_it_never_passes_the_ceiling(backlogs: list[int], ceiling: object) -> None:
    governor = Schedutil(LADDER)
    for step, backlog in enumerate(backlogs):
        now = seen(time_s=0.1 * step, backlog=backlog)
        chosen = governor.decide_within(now, ceiling)  # type: ignore[arg-type]
        assert LADDER.index(chosen) <= LADDER.index(ceiling)  # type: ignore[arg-type]


@given(odd_observations())
def test_odd_observations_get_a_point_of_the_ladder(run: list[Observation]) -> None:
    governor = Schedutil(LADDER)
    assert all(governor.decide(observation) in LADDER for observation in run)
