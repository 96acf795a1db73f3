import math

import numpy as np
import pytest
from cells import (
    LAW,
    LIBRARY,
    TECHNOLOGY,
    all_assignments,
    inverter_chain,
    small_mode,
    small_problem,
    small_rows,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from dvfs.baselines import (
    dithering_power_w,
    hopping_power_w,
    ideal_power_w,
    ideal_voltage_v,
    uniform_power_w,
)
from dvfs.circuit import CircuitMode, Rails, Technology, characterise
from dvfs.finevh import RowProblem, row_problem
from dvfs.gates import Activity, propagate
from dvfs.power import PowerModel, leakage_power
from dvfs.row_optimum import find_optimum, lower_bound_w
from dvfs.row_search import Assignment, assign_rows, greedy
from dvfs.row_table import RowPoint, RowTable, island_map

RAILS = Rails(1.0, 0.88)
CASES = [
    (rows, clock, step, swing, critical, seed)
    for rows in (4, 9)
    for clock in (1.0, 0.93, 0.85)
    for step, swing, critical, seed in (
        (0.1, False, True, 0),
        (0.2, True, True, 1),
        (0.15, True, False, 2),
    )
]


def problem_of(case: tuple[int, float, float, bool, bool, int]) -> RowProblem:
    rows, clock, step, swing, critical, seed = case
    return small_problem(rows, clock=clock, step_v=step, swing=swing, critical=critical, seed=seed)


def exhaustive_w(problem: RowProblem) -> float:
    low = all_assignments(problem.n_rows)
    return float(problem.power_w(low)[problem.feasible(low)].min())


def mixed_integer_optimum_w(problem: RowProblem) -> float:
    """Solve the assignment as a mixed-integer programme over rails, arrivals and crossings."""
    n, nodes = problem.n_rows, problem.graph.n_nodes
    pairs = np.argwhere(problem.crossing_w > 0.0)
    unit_s, unit_w = problem.period_s, float(problem.high_w.sum())
    cost = np.concatenate(
        [problem.low_w - problem.high_w, np.zeros(nodes), problem.crossing_w[tuple(pairs.T)]]
    )
    rows, at_least = [], []
    for node in range(nodes):
        for source in {int(s) for s in problem.graph.fanin[node]}:
            for slow in {int(r) for r in problem.slowed_by[node]}:
                row = np.zeros(len(cost))
                row[n + node] = 1.0
                if source < nodes:
                    row[n + source] = -1.0
                row[slow] = -problem.extra_s[node] / unit_s
                rows.append(row)
                at_least.append(problem.high_s[node] / unit_s)
    for index, (low, high) in enumerate(pairs):
        row = np.zeros(len(cost))
        row[[n + nodes + index, low, high]] = 1.0, -1.0, 1.0
        rows.append(row)
        at_least.append(0.0)
    top = np.concatenate(
        [np.ones(n), np.full(nodes, problem.limit_s / unit_s), np.ones(len(pairs))]
    )
    solved = milp(
        cost / unit_w,
        integrality=np.concatenate([np.ones(n), np.zeros(nodes + len(pairs))]),
        bounds=Bounds(0.0, top),
        constraints=LinearConstraint(np.array(rows), np.array(at_least), np.inf),
        options={"mip_rel_gap": 1e-9},
    )
    assert solved.success
    return float(solved.fun * unit_w + problem.high_w.sum())


@pytest.mark.parametrize("case", CASES)
def test_the_exact_search_finds_what_trying_everything_finds(
    case: tuple[int, float, float, bool, bool, int],
) -> None:
    problem = problem_of(case)
    nothing = np.zeros(problem.n_rows, dtype=np.bool_)
    start = Assignment(nothing, float(problem.power_w(nothing)))
    found = find_optimum(problem, start=start)
    assert found.power_w == pytest.approx(exhaustive_w(problem), rel=1e-12)
    assert problem.feasible(found.low[None])[0]


@pytest.mark.parametrize("case", CASES)
def test_the_heuristic_is_feasible_and_within_one_per_cent_and_the_bound_below(
    case: tuple[int, float, float, bool, bool, int],
) -> None:
    problem = problem_of(case)
    found = assign_rows(problem)
    best = exhaustive_w(problem)
    assert problem.feasible(found.low[None])[0]
    assert found.power_w == pytest.approx(float(problem.power_w(found.low)))
    assert best * (1 - 1e-12) <= found.power_w <= 1.01 * best
    assert lower_bound_w(problem, start=found) <= best * (1 + 1e-9)


@pytest.mark.parametrize("swing", [False, True])
def test_an_independent_solver_agrees_on_the_optimum(swing: bool) -> None:
    problem = small_problem(6, clock=0.92, swing=swing)
    found = find_optimum(problem, start=assign_rows(problem))
    assert found.power_w == pytest.approx(mixed_integer_optimum_w(problem), rel=1e-6)


@pytest.mark.parametrize("clock", [0.97, 0.9])
def test_beyond_exact_search_the_bound_stays_below_and_close(clock: float) -> None:
    problem = small_problem(30, clock=clock)
    found = assign_rows(problem)
    bound = lower_bound_w(problem, start=found)
    assert 0.9 * found.power_w < bound <= found.power_w


def test_the_bound_is_tight_where_all_rows_can_go_low() -> None:
    problem = small_problem(30, clock=0.5)
    found = assign_rows(problem)
    assert found.low.all()
    assert lower_bound_w(problem, start=found) == pytest.approx(found.power_w, rel=1e-3)


def test_disturbing_the_best_assignment_leads_out_of_where_swaps_are_stuck() -> None:
    problem = small_problem(24, clock=0.9, step_v=0.2, critical=False)
    stuck = assign_rows(problem, restarts=0)
    assert assign_rows(problem).power_w < 0.995 * stuck.power_w


def test_an_exact_search_over_too_many_rows_is_refused() -> None:
    problem = small_problem(21)
    with pytest.raises(ValueError, match="21 rows, expected at most 20"):
        find_optimum(problem, start=assign_rows(problem, restarts=0))


@given(st.integers(0, 255), st.integers(0, 255), st.booleans())
def test_lowering_rows_never_makes_a_circuit_faster(one: int, other: int, swing: bool) -> None:
    problem = small_problem(8, swing=swing)
    fewer, more = ((np.array([n]) >> np.arange(8)[:, None] & 1)[:, 0] for n in (one & other, one))
    slower = problem.graph.critical_s(problem.delays_s(more))
    assert problem.graph.critical_s(problem.delays_s(fewer)) <= slower


@given(st.integers(0, 255), st.booleans())
def test_a_late_path_forbids_only_assignments_that_are_late(number: int, swing: bool) -> None:
    problem = small_problem(8, clock=0.95, swing=swing)
    low = (number >> np.arange(8)) & 1
    extra, room = problem.late_paths(low)
    assert bool(len(room)) != bool(problem.feasible(low[None])[0])
    everything = all_assignments(8)
    forbidden = (everything @ extra.T > room).any(axis=1)
    assert not (forbidden & problem.feasible(everything)).any()
    if len(room):
        assert (low @ extra.T > room).any()


def test_counting_the_swing_only_makes_circuits_slower() -> None:
    lax, strict = small_problem(8, swing=False), small_problem(8, swing=True)
    low = all_assignments(8)
    lax_s = lax.graph.critical_s(lax.delays_s(low))
    strict_s = strict.graph.critical_s(strict.delays_s(low))
    assert (strict_s >= lax_s).all()
    assert (strict_s > lax_s).any()
    np.testing.assert_array_equal(strict_s[[0, -1]], lax_s[[0, -1]])


def test_greedy_stays_feasible_and_never_draws_more_than_all_high() -> None:
    for clock in (1.0, 0.95, 0.9, 0.8):
        problem = small_problem(12, clock=clock)
        low = greedy(problem)
        assert problem.feasible(low[None])[0]
        assert problem.power_w(low) <= problem.high_w.sum() * (1 + 1e-12)


def test_a_slower_clock_never_draws_more() -> None:
    power = []
    for clock in (1.0, 0.95, 0.9, 0.85, 0.8):
        problem = small_problem(8, clock=clock)
        power.append(find_optimum(problem, start=assign_rows(problem)).power_w)
    assert power == sorted(power, reverse=True)


def chain_mode(ones: float) -> CircuitMode:
    netlist = inverter_chain(2)
    activity = Activity(np.full(4, 0.5), np.full(4, ones))
    return characterise(
        netlist, LIBRARY, name="chain", activity=activity, constants=propagate(netlist, {})
    )


def test_only_pins_from_low_rows_into_high_rows_leak_more() -> None:
    # register | inverter | inverter | register, a row each: three crossings, one each way tried.
    problem = row_problem(
        chain_mode(0.25),
        TECHNOLOGY,
        row=np.arange(4),
        rails=RAILS,
        frequency_hz=1e9,
        swing=False,
    )
    swing_v = 1.5 * 8.617333262e-5 * (85.0 + 273.15)
    unit = 0.25 * 1e-8 * math.expm1(0.12 / swing_v)  # V_h = V_0 = 1, T = T_0
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 2] = unit * 1.0
    expected[2, 3] = unit * 2.0
    np.testing.assert_allclose(problem.crossing_w, expected, rtol=1e-12)
    base = problem.high_w + 0.0
    for low, leaks in (([1, 0, 0, 0], unit), ([1, 1, 0, 0], unit), ([0, 1, 1, 1], 0.0)):
        rows = np.array(low)
        without = np.where(rows, problem.low_w, base).sum()
        assert problem.power_w(rows) == pytest.approx(without + leaks, rel=1e-12)
    assert problem.power_w([1, 0, 1, 0]) == pytest.approx(
        problem.low_w[[0, 2]].sum() + problem.high_w[[1, 3]].sum() + 3.0 * unit, rel=1e-12
    )


def test_a_row_draws_switching_clock_and_leakage_with_its_overhead() -> None:
    problem = row_problem(
        chain_mode(0.5),
        TECHNOLOGY,
        row=np.zeros(4, dtype=np.intp),
        rails=RAILS,
        frequency_hz=1e9,
        swing=False,
    )
    # 0.5 transitions a cycle on (load + own) of register, inverters, register; two clock pins.
    units = 0.5 * 0.5 * ((2 + 6) + (2 + 1) + (3 + 1) + (0 + 6)) + 2 * 2.0
    width = 8.0 + 1.0 + 1.0 + 8.0
    expected = 1.06 * (2e-15 * units * 1e9 + width * 1e-8)
    assert problem.high_w[0] == pytest.approx(expected, rel=1e-12)


def test_rails_too_far_apart_for_a_crossing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 0\.3 V below"):
        TECHNOLOGY.crossing_power_w(Rails(1.0, 0.65))
    with pytest.raises(ValueError, match=r"low_v is 1\.0"):
        Rails(0.9, 1.0)


def test_a_clock_the_high_rail_misses_is_refused() -> None:
    with pytest.raises(ValueError, match="period_s is"):
        small_problem(4, clock=1.01)


@pytest.mark.parametrize(
    ("field", "value"), [("area_overhead", -0.1), ("slope_factor", 0.5), ("crossing_bound_v", 0.0)]
)
def test_an_impossible_technology_is_refused(field: str, value: float) -> None:
    numbers = {"area_overhead": 0.06, "slope_factor": 1.5, "crossing_bound_v": 0.3, field: value}
    with pytest.raises(ValueError, match=f"{field} is {value}"):
        Technology(library=LIBRARY, law=LAW, temp_degc=85.0, **numbers)


def test_ideal_dvfs_meets_its_clock_exactly_and_uses_one_voltage() -> None:
    mode = small_mode()
    clock = 0.8 / mode.shortest_period_s(TECHNOLOGY, 1.0)
    volts = ideal_voltage_v(mode, TECHNOLOGY, frequency_hz=clock)
    assert clock * mode.shortest_period_s(TECHNOLOGY, volts) == pytest.approx(1.0, rel=1e-12)
    switching = mode.switched_f.sum() * volts**2 * clock
    leaking = mode.width.sum() * leakage_power(volts, 85.0, leakage=LIBRARY.leakage)
    power = ideal_power_w(mode, TECHNOLOGY, frequency_hz=clock)
    assert power == pytest.approx(switching + leaking, rel=1e-12)


@given(st.floats(0.3, 1.0), st.floats(0.05, 0.3))
@settings(max_examples=50)
def test_no_hopping_in_time_beats_ideal_dvfs_above_the_low_rail(clock: float, step: float) -> None:
    mode, rails = small_mode(), Rails(1.0, 1.0 - step)
    fastest = 1.0 / mode.shortest_period_s(TECHNOLOGY, 1.0)
    hz = max(clock * fastest, 1.0 / mode.shortest_period_s(TECHNOLOGY, rails.low_v))
    ideal = ideal_power_w(mode, TECHNOLOGY, frequency_hz=hz)
    hopping = hopping_power_w(mode, TECHNOLOGY, rails=rails, frequency_hz=hz)
    dithering = dithering_power_w(mode, TECHNOLOGY, rails=rails, frequency_hz=hz)
    assert ideal <= hopping * (1 + 1e-9) <= dithering * (1 + 2e-9)


def test_hopping_meets_its_rails_at_their_own_clocks() -> None:
    mode = small_mode()
    for volts in (1.0, 0.88):
        hz = 1.0 / mode.shortest_period_s(TECHNOLOGY, volts)
        power = hopping_power_w(mode, TECHNOLOGY, rails=RAILS, frequency_hz=hz)
        expected = uniform_power_w(mode, TECHNOLOGY, voltage_v=volts, frequency_hz=hz)
        assert power == pytest.approx(expected, rel=1e-9)
    fastest = 1.0 / mode.shortest_period_s(TECHNOLOGY, 1.0)
    with pytest.raises(ValueError, match="frequency_hz is"):
        hopping_power_w(mode, TECHNOLOGY, rails=RAILS, frequency_hz=1.1 * fastest)


def test_in_narrow_mode_more_rows_go_low_at_the_same_clock_and_rails() -> None:
    wide = small_mode()
    low = []
    for narrow in (0, 1):
        problem = row_problem(
            small_mode(narrow=narrow),
            TECHNOLOGY,
            row=small_rows(12, critical=True),
            rails=RAILS,
            frequency_hz=0.97 / wide.shortest_period_s(TECHNOLOGY, 1.0),
            swing=False,
        )
        low.append(int(assign_rows(problem).low.sum()))
    assert low[1] > low[0]


def table() -> RowTable:
    mode = small_mode()
    points = []
    for clock in (0.8, 0.9, 1.0):
        problem = small_problem(8, clock=clock)
        found = assign_rows(problem)
        low = tuple(int(row) for row in np.flatnonzero(found.low))
        points.append(RowPoint(1.0 / problem.period_s, RAILS, low, found.power_w))
    return RowTable("mac", mode, TECHNOLOGY, tuple(points))


def test_the_governor_s_power_model_gives_the_table_s_watts_at_its_opps() -> None:
    rows = table()
    model = PowerModel(("mac",), (rows.block_power(),))
    for point, opp in zip(rows.points, rows.island().table, strict=True):
        power = model.power_w([opp.voltage_v], [opp.frequency_hz], utilisation=1.0, temps_degc=85.0)
        assert power[0] == pytest.approx(point.power_w, rel=1e-12)
        assert opp.frequency_hz == point.frequency_hz


def test_row_tables_become_an_island_map() -> None:
    islands = island_map((table(),))
    assert islands.blocks == ("mac",)
    assert len(islands.named("mac").table) == 3


def test_a_table_of_no_or_unsorted_clocks_is_refused() -> None:
    rows = table()
    for points in ((), rows.points[::-1]):
        with pytest.raises(ValueError, match="rising ones"):
            RowTable("mac", rows.mode, TECHNOLOGY, points)
    with pytest.raises(ValueError, match="power_w is 0"):
        RowPoint(1e9, RAILS, (), 0.0)
