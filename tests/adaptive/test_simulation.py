import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, make_point, two_node_plant

from adaptive.frame_queue import FrameQueue
from adaptive.governor.static import Static
from adaptive.loop import Sample, run
from adaptive.simulation import SimulatedPlatform
from thermal.headroom import settle


def platform(demand_hz: float = 20.0, **kwargs: float) -> SimulatedPlatform:
    return SimulatedPlatform(
        two_node_plant(),
        ambient_degc=25.0,
        cap_degc=kwargs.pop("cap_degc", 80.0),
        demand_hz=lambda _time_s: demand_hz,
        **kwargs,
    )


def test_frames_leave_in_the_order_they_came() -> None:
    queue = FrameQueue(1.0)
    queue.arrive(0.0, 3)
    queue.arrive(0.1, 2)
    assert queue.take(4) == [(0.0, 0, 3), (0.1, 3, 1)]
    assert queue.take(4) == [(0.1, 4, 1)]
    assert len(queue) == 0


def test_a_frame_that_waited_too_long_is_dropped() -> None:
    queue = FrameQueue(0.5)
    queue.arrive(0.0, 3)
    queue.arrive(0.4, 2)
    assert queue.expire(0.5) == 0
    assert queue.expire(0.6) == 3
    assert queue.take(9) == [(0.4, 3, 2)]


def test_a_queue_needs_a_deadline() -> None:
    with pytest.raises(ValueError, match="deadline_s is 0"):
        FrameQueue(0.0)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40),
    st.floats(0.05, 2.0),
)
def test_no_frame_is_lost_or_answered_twice(
    steps: list[tuple[int, int]], deadline_s: float
) -> None:
    queue = FrameQueue(deadline_s)
    came, dropped, numbers = 0, 0, []
    for step, (arrive, take) in enumerate(steps):
        queue.arrive(0.1 * step, arrive)
        came += arrive
        for _, first, count in queue.take(take):
            numbers += range(first, first + count)
        dropped += queue.expire(0.1 * step)
    assert came == len(numbers) + dropped + len(queue)
    assert numbers == sorted(set(numbers))


def test_a_constant_load_settles_where_the_steady_state_says() -> None:
    board = platform(demand_hz=1e6)
    point = make_point(OPPS.opps[1])
    board.apply(point)
    for second in range(1, 1201):
        board.wait_until(float(second))
    plant = two_node_plant()
    expected = settle(
        plant.network,
        lambda temps: (
            plant.node_power_w(point.islands, {"cpu": 1.0}, temps),
            plant.node_power_slope_w_per_k(point.islands, temps),
        ),
        25.0,
    )
    assert board.truth[-1].hottest_degc == pytest.approx(float(expected.temps_degc[0]), abs=0.01)


def test_energy_in_is_heat_stored_plus_heat_lost() -> None:
    board = platform(demand_hz=30.0)
    board.apply(make_point(OPPS.fastest))
    plant = two_node_plant()
    lost_j, energy_j = 0.0, 0.0
    for step in range(1, 5001):
        before = board._temps.copy()
        board.wait_until(0.02 * step)
        middle = (before + board._temps) / 2
        lost_j += 0.02 * float(plant.network.to_ambient @ (middle - 25.0))
        energy_j += 0.02 * board.truth[-1].power_w
    stored_j = float(plant.network.capacitance @ (board._temps - 25.0))
    assert energy_j == pytest.approx(stored_j + lost_j, rel=1e-4)


def test_what_cannot_be_answered_in_time_is_dropped() -> None:
    board = platform(demand_hz=400.0)  # the point answers 100 a second
    board.apply(make_point(OPPS.opps[1]))
    for step in range(1, 101):
        board.wait_until(0.1 * step)
    served = sum(batch.count for period in board.truth for batch in period.served)
    dropped = sum(period.dropped for period in board.truth)
    arrived = sum(period.arrived for period in board.truth)
    assert served == pytest.approx(1000, abs=2)
    assert arrived == 4000
    assert dropped == arrived - served - board.observe().backlog
    assert 0.0 < board.observe().latency_s <= 0.7


def test_a_lightly_loaded_board_idles_between_frames() -> None:
    board = platform(demand_hz=10.0)
    board.apply(make_point(OPPS.opps[1]))  # busy a tenth of the time
    for step in range(1, 101):
        board.wait_until(0.1 * step)
    busy = platform(demand_hz=100.0)
    busy.apply(make_point(OPPS.opps[1]))
    for step in range(1, 101):
        busy.wait_until(0.1 * step)
    light_w = np.mean([period.power_w for period in board.truth])
    full_w = np.mean([period.power_w for period in busy.truth])
    dynamic_w = (1.6e-9 - 0.1e-9) * 0.9**2 * 1e9
    assert full_w - light_w == pytest.approx(0.9 * dynamic_w, rel=0.05)


def test_zones_read_in_steps_of_their_resolution() -> None:
    board = platform(demand_hz=50.0)
    board.apply(make_point(OPPS.fastest))
    board.wait_until(3.3)
    reading = board.observe().temps_degc["cpu-thermal"]
    assert reading == round(reading)
    assert abs(reading - board.truth[-1].hottest_degc) <= 0.6


def test_time_above_the_cap_is_counted_on_the_true_junction() -> None:
    board = platform(demand_hz=1e6, cap_degc=30.0)
    board.apply(make_point(OPPS.fastest))
    board.wait_until(10.0)
    assert 9.0 < board.truth[-1].over_cap_s < 10.0


def test_a_board_runs_at_some_point() -> None:
    with pytest.raises(RuntimeError, match="before apply"):
        platform().wait_until(1.0)


def test_a_wait_shorter_than_a_step_changes_nothing() -> None:
    board = platform()
    board.apply(make_point(OPPS.fastest))
    board.wait_until(0.001)
    assert board.truth == []


def test_the_loop_drives_the_simulation_to_its_end() -> None:
    board, rows = platform(), list[Sample]()
    run(
        board,
        Static(make_point(OPPS.fastest)),
        period_s=0.1,
        stop=lambda: len(rows) >= 50,
        record=rows.append,
    )
    assert len(board.truth) == 50
    assert board.truth[-1].time_s == pytest.approx(5.0)
    assert rows[-1].observation.time_s == pytest.approx(4.9)


def test_a_board_that_reaches_its_critical_temperature_shuts_down() -> None:
    plant = two_node_plant(leak_a=2.0)  # runs away when pushed
    board = SimulatedPlatform(
        plant, ambient_degc=45.0, cap_degc=80.0, demand_hz=lambda _time_s: 1e6
    )
    board.apply(make_point(OPPS.fastest))
    for second in range(1, 1201):
        board.wait_until(float(second))
    assert board.shut_down
    assert 110.0 <= max(period.hottest_degc for period in board.truth) < 120.0
    assert board.truth[-1].power_w == 0.0
    assert board.truth[-1].served == ()
    assert board.truth[-1].hottest_degc == pytest.approx(45.0, abs=0.1)
