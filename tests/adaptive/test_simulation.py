from dataclasses import replace

import numpy as np
import pytest
from plants import OPPS, make_point, two_node_plant

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


def run_at(board: SimulatedPlatform, seconds: float, *, period_s: float = 0.1) -> None:
    first = round(board.observe().time_s / period_s)
    for step in range(first + 1, first + round(seconds / period_s) + 1):
        board.wait_until(step * period_s)


def steady(ambient_degc: float, *, frames_hz: float = 30.0, **kwargs: object) -> SimulatedPlatform:
    return SimulatedPlatform(
        two_node_plant(),
        ambient_degc=ambient_degc,
        cap_degc=80.0,
        demand_hz=lambda _time_s: frames_hz,
        step_s=0.05,
        **kwargs,  # type: ignore[arg-type]
    )


def test_an_ambient_that_stands_still_as_a_function_is_the_same_ambient() -> None:
    fixed, function = steady(30.0), steady(lambda _time_s: 30.0)  # type: ignore[arg-type]
    for board in (fixed, function):
        board.apply(make_point(OPPS.fastest))
        run_at(board, 5.0)
    assert fixed.truth == function.truth


def test_surroundings_settle_where_the_steady_state_says() -> None:
    # 10 degC more ambient, 0.5 W of sun and three halves of the cooling, from 10 s on.
    point = make_point(OPPS.slowest, duty=0.0)
    board = SimulatedPlatform(
        two_node_plant(leak_a=0.0),
        ambient_degc=lambda time_s: 35.0 if time_s > 10.0 else 25.0,
        cap_degc=80.0,
        demand_hz=lambda _time_s: 0.0,
        step_s=0.1,
        heat_w=lambda time_s: {"sink": 0.5} if time_s > 10.0 else {},
        cooling=lambda time_s: 1.5 if time_s > 10.0 else 1.0,
    )
    board.apply(point)
    board.wait_until(1500.0)
    idle_w = 0.1e-9 * 0.8**2 * 0.5e9
    sink_degc = 35.0 + (idle_w + 0.2 + 0.5) * 10.0 / 1.5
    hottest = board.observe().temps_degc["cpu-thermal"]
    assert hottest == round(sink_degc + 4.0 * idle_w)
    assert board._temps[1] == pytest.approx(sink_degc, abs=1e-6)
    # The sun warms the board but is no power that it draws.
    assert board.truth[-1].power_w == pytest.approx(idle_w + 0.2)


def test_a_run_may_start_hot() -> None:
    board = steady(25.0, start_degc=np.array([70.0, 60.0]))
    assert board.observe().temps_degc["cpu-thermal"] == 70.0
    board.apply(make_point(OPPS.slowest, duty=0.0))
    run_at(board, 1.0)
    assert 60.0 < board.truth[-1].hottest_degc < 70.0
    with pytest.raises(ValueError, match="start_degc has shape"):
        steady(25.0, start_degc=np.array([70.0]))


def test_a_point_takes_effect_after_the_actuators_delay() -> None:
    slow, fast = make_point(OPPS.slowest, duty=0.0), make_point(OPPS.fastest)
    board = steady(25.0, frames_hz=1e4, actuator_delay_s=0.25)
    board.apply(slow)
    run_at(board, 1.0)
    board.apply(fast)
    run_at(board, 1.0)
    served = [sum(batch.count for batch in period.served) for period in board.truth]
    assert served[:12] == [0] * 12
    assert served[12] > 0
    half_way_w = 0.5 * (board.truth[11].power_w + board.truth[13].power_w)
    assert board.truth[12].power_w == pytest.approx(half_way_w, rel=0.1)  # a frame of ten may wait
    assert board.truth[11].power_w == pytest.approx(board.truth[9].power_w, rel=1e-3)
    with pytest.raises(ValueError, match="actuator_delay_s is -1"):
        steady(25.0, actuator_delay_s=-1.0)


def test_commands_queue_up_when_the_delay_is_longer_than_a_period() -> None:
    points = [make_point(opp) for opp in OPPS]
    board = steady(25.0, actuator_delay_s=0.5)
    for point in points:
        board.apply(point)
        board.apply(point)
        run_at(board, 0.1)
    run_at(board, 0.6)
    used = [period.served[0].point.name for period in board.truth if period.served]
    names = [point.name for point in points]
    assert list(dict.fromkeys(used)) == names
    assert [used.index(name) - used.index(names[1]) for name in names[1:]] == [0, 1, 2]


def test_frames_and_energy_are_kept_when_a_point_changes_within_a_period() -> None:
    board = steady(25.0, actuator_delay_s=0.05)
    for step in range(100):
        board.apply(make_point(OPPS.opps[step % 4]))
        run_at(board, 0.1)
    arrived = sum(period.arrived for period in board.truth)
    served = sum(batch.count for period in board.truth for batch in period.served)
    dropped = sum(period.dropped for period in board.truth)
    assert arrived == pytest.approx(300, abs=1)
    assert arrived == served + dropped + board.observe().backlog
    assert len(board.truth) == 100


def test_work_on_slow_frames_is_paid_for_in_full() -> None:
    # Three periods of work a frame: busy all the time, not one period in three.
    slow = replace(make_point(OPPS.opps[1]), latency_s=0.3)
    board = steady(25.0)
    board.apply(slow)
    run_at(board, 30.0)
    served = sum(batch.count for period in board.truth for batch in period.served)
    idle_w = 0.2 + 0.1e-9 * 0.9**2 * 1e9
    dynamic_w = (1.6e-9 - 0.1e-9) * 0.9**2 * 1e9
    energy_j = 0.1 * sum(period.power_w for period in board.truth)
    leak_j = energy_j - 30.0 * idle_w - served * 0.3 * dynamic_w
    assert served == pytest.approx(100, abs=2)
    assert 0.0 < leak_j < 30.0 * 0.2  # what is left is leakage of some tens of milliwatts


def test_a_point_too_slow_for_the_deadline_answers_nothing() -> None:
    board = steady(25.0)
    board.apply(replace(make_point(OPPS.opps[1]), latency_s=0.7))
    run_at(board, 10.0)
    assert not any(period.served for period in board.truth)
    assert sum(period.dropped for period in board.truth) > 280
