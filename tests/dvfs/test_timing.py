import numpy as np
import pytest
from cells import LAW, LIBRARY, inverter_chain, small_mode
from hypothesis import given
from hypothesis import strategies as st

from dvfs.cells import Kind
from dvfs.gates import Netlist, propagate
from dvfs.netlists import Reduction, alu, multiplier, multiply_accumulate
from dvfs.timing import AlphaPower, TimingGraph, loads, timing_graph

VOLTS = st.floats(0.45, 1.5)


def longest_by_enumeration(graph: TimingGraph, delay_s: np.ndarray) -> float:
    """Walk every path from every capture node back to the clock edge."""

    def walk(node: int) -> float:
        sources = [int(n) for n in graph.fanin[node] if n < graph.n_nodes]
        return float(delay_s[node]) + max((walk(n) for n in sources), default=0.0)

    return max(walk(int(end)) for end in graph.ends)


def test_a_chain_is_the_sum_of_its_parts() -> None:
    netlist = inverter_chain(5)
    graph = timing_graph(netlist, LIBRARY)
    # Register 6 + (1 + 1 wire) / 2; four inverters into one 1 + 2, one into a register 1 + 3
    tau = (6 + 2 / 2) + 4 * (1 + 2) + (1 + 3) + 3
    assert graph.critical_s(graph.delay_s) == pytest.approx(tau * LIBRARY.tau_s)
    assert graph.n_nodes == 1 + 5 + 1 + 2  # both registers, twice


def test_delay_follows_the_alpha_power_law() -> None:
    assert LAW.factor(1.0) == pytest.approx(1.0)
    expected = (0.7 / 0.35**1.4) / (1.0 / 0.65**1.4)
    assert LAW.factor(0.7) == pytest.approx(expected)


def test_the_ratio_of_two_delays_does_not_depend_on_the_nominal_voltage() -> None:
    other = AlphaPower(threshold_v=0.35, exponent=1.4, nominal_v=0.8)
    ratio = LAW.factor(0.6) / LAW.factor(0.9)
    assert ratio == pytest.approx(other.factor(0.6) / other.factor(0.9))


@given(VOLTS, VOLTS)
def test_more_volts_are_never_slower(one: float, other: float) -> None:
    low, high = sorted((one, other))
    # Voltages a last digit apart may come out a last digit the wrong way round.
    assert LAW.factor(high) <= LAW.factor(low) * (1.0 + 4.0 * np.finfo(float).eps)


@given(VOLTS)
def test_the_voltage_for_a_delay_undoes_the_delay_of_a_voltage(volts: float) -> None:
    found = LAW.voltage_v(float(LAW.factor(volts)))
    assert found == pytest.approx(volts, rel=1e-12)
    assert LAW.factor(found) <= LAW.factor(volts)


def test_impossible_voltages_and_laws_are_refused() -> None:
    with pytest.raises(ValueError, match=r"voltage_v is 0\.35"):
        LAW.factor(0.35)
    with pytest.raises(ValueError, match=r"factor is 0\.1"):
        LAW.voltage_v(0.1)
    with pytest.raises(ValueError, match=r"threshold_v is 1\.2"):
        AlphaPower(threshold_v=1.2, exponent=1.4, nominal_v=1.0)
    with pytest.raises(ValueError, match=r"exponent is 3\.0"):
        AlphaPower(threshold_v=0.3, exponent=3.0, nominal_v=1.0)


@pytest.mark.parametrize(
    "netlist",
    [multiplier(bits=4), multiplier(bits=4, reduction=Reduction.ARRAY), alu(bits=4)],
    ids=lambda netlist: netlist.name,
)
@pytest.mark.parametrize("seed", range(3))
def test_static_timing_agrees_with_walking_every_path(netlist: Netlist, seed: int) -> None:
    graph = timing_graph(netlist, LIBRARY)
    delay = graph.delay_s * np.random.default_rng(seed).uniform(0.5, 2.0, graph.n_nodes)
    assert graph.critical_s(delay) == pytest.approx(longest_by_enumeration(graph, delay), rel=1e-12)


def test_many_cases_at_once_are_the_cases_one_by_one() -> None:
    graph = small_mode().graph
    delay = graph.delay_s[:, None] * np.random.default_rng(1).uniform(0.5, 2.0, (graph.n_nodes, 7))
    single = [graph.critical_s(delay[:, case]) for case in range(7)]
    np.testing.assert_array_equal(graph.critical_s(delay), single)


def test_slack_is_zero_on_the_worst_path_and_nowhere_less() -> None:
    graph = small_mode().graph
    arrival = graph.arrival_s(graph.delay_s)
    end = int(graph.ends[np.argmax(arrival[graph.ends])])
    path = graph.worst_path(arrival, end)
    slack = graph.slack_s(graph.delay_s, period_s=float(arrival[end]))
    assert slack.min() == pytest.approx(0.0, abs=1e-18)
    np.testing.assert_allclose(slack[path], 0.0, atol=1e-18)
    assert graph.delay_s[path].sum() == pytest.approx(arrival[end])


@given(st.integers(0, 10_000))
def test_a_gate_slower_by_its_slack_still_meets_the_period(pick: int) -> None:
    graph = small_mode().graph
    period = 1.1 * float(graph.critical_s(graph.delay_s))
    slack = graph.slack_s(graph.delay_s, period_s=period)
    node = pick % graph.n_nodes
    if not np.isfinite(slack[node]):
        return
    slower = graph.delay_s.copy()
    slower[node] += slack[node]
    assert graph.critical_s(slower) <= period * (1 + 1e-12)
    slower[node] += 1e-3 * period
    assert graph.critical_s(slower) > period


def test_narrow_mode_times_fewer_gates_and_no_longer_paths() -> None:
    for reduction in Reduction:
        netlist = multiply_accumulate(reduction=reduction)
        wide, narrow = (
            timing_graph(netlist, LIBRARY, constants=propagate(netlist, {"narrow": mode}))
            for mode in (0, 1)
        )
        assert narrow.n_nodes < 0.6 * wide.n_nodes
        assert narrow.critical_s(narrow.delay_s) < wide.critical_s(wide.delay_s)


def test_a_constant_select_leaves_one_arc_of_a_multiplexer() -> None:
    kinds = (Kind.DFF, Kind.DFF, Kind.INV, Kind.MUX2, Kind.DFF)
    fanin = ((0,), (1,), (4,), (3, 5, 2), (6,))
    netlist = Netlist("mux", 3, kinds, fanin, {"d": (0, 1), "s": (2,)}, {"q": (7,)})
    through = {
        select: timing_graph(netlist, LIBRARY, constants=propagate(netlist, {"s": select}))
        for select in (0, 1)
    }
    either = timing_graph(netlist, LIBRARY)
    short, long = (float(g.critical_s(g.delay_s)) for g in through.values())
    assert short < long == pytest.approx(float(either.critical_s(either.delay_s)))


def test_a_circuit_that_never_switches_has_no_timing() -> None:
    netlist = inverter_chain(1)
    with pytest.raises(ValueError, match="stop every register"):
        timing_graph(netlist, LIBRARY, constants=propagate(netlist, {"d": 1}))


def test_loads_are_the_pins_and_their_wires() -> None:
    netlist = inverter_chain(2)
    np.testing.assert_allclose(loads(netlist, LIBRARY), [2.0, 2.0, 3.0, 0.0])


def test_levels_cover_every_node_once_and_arcs_go_upwards() -> None:
    graph = timing_graph(alu(), LIBRARY)
    assert graph.levels[0] == 0
    assert graph.levels[-1] == graph.n_nodes
    level = np.searchsorted(graph.levels, np.arange(graph.n_nodes), side="right")
    node, place = np.nonzero(graph.fanin < graph.n_nodes)
    assert (level[graph.fanin[node, place]] < level[node]).all()
