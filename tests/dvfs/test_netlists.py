import numpy as np
import pytest
from cells import LIBRARY, small_mode

from dvfs.builder import ONE, ZERO, Builder
from dvfs.cells import Cell, CellLibrary, Kind
from dvfs.gates import Netlist, measure_activity, pack, propagate, simulate, unpack
from dvfs.netlists import Reduction, alu, multiplier, multiply_accumulate
from dvfs.placement import connected_order, critical_order, fill_rows, widths

STREAMS = 200
REDUCTIONS = tuple(Reduction)


def operands(bits: int, cycles: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    half = 1 << (bits - 1)
    a, b = random.integers(-half, half, (2, cycles, STREAMS))
    # The corners: most negative and most positive, against each other.
    a[:, :4], b[:, :4] = [-half, -half, half - 1, half - 1], [-half, half - 1, -half, half - 1]
    return a, b


def run(netlist: Netlist, a: np.ndarray, b: np.ndarray, narrow: int) -> list[list[int]]:
    held = np.full(STREAMS, narrow)
    cycles = [{"a": x, "b": y, "narrow": held} for x, y in zip(a, b, strict=True)]
    return simulate(netlist, cycles, streams=STREAMS)


def bus(netlist: Netlist, values: list[int], name: str) -> np.ndarray:
    return unpack([values[net] for net in netlist.output_buses[name]], STREAMS)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("bits", [4, 6, 16])
def test_the_multiplier_multiplies_two_complement_numbers(bits: int, reduction: Reduction) -> None:
    netlist = multiplier(bits=bits, reduction=reduction)
    a, b = operands(bits, 3)
    trace = run(netlist, a, b, 0)
    np.testing.assert_array_equal(bus(netlist, trace[2], "product"), a[0] * b[0] % (1 << 2 * bits))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_in_narrow_mode_the_multiplier_multiplies_the_high_bytes(reduction: Reduction) -> None:
    netlist = multiplier(reduction=reduction)
    a, b = operands(16, 3)
    trace = run(netlist, a, b, 1)
    expected = ((a[0] >> 8) * (b[0] >> 8) << 16) % (1 << 32)
    np.testing.assert_array_equal(bus(netlist, trace[2], "product"), expected)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("narrow", [0, 1])
def test_the_element_accumulates_every_product(narrow: int, reduction: Reduction) -> None:
    netlist = multiply_accumulate(reduction=reduction)
    a, b = operands(16, 12)
    trace = run(netlist, a, b, narrow)
    product = (a >> 8) * (b >> 8) << 16 if narrow else a * b
    expected = product[:-2].sum(axis=0) % (1 << 40)
    np.testing.assert_array_equal(bus(netlist, trace[-1], "total"), expected)


@pytest.mark.parametrize("operation", range(8))
def test_the_alu_computes_what_python_computes(operation: int) -> None:
    netlist = alu()
    random = np.random.default_rng(operation)
    a, b = random.integers(0, 1 << 32, (2, STREAMS))
    a[:2], b[:2] = (1 << 32) - 1, (0, 31)
    held = np.full(STREAMS, operation)
    trace = simulate(netlist, [{"a": a, "b": b, "operation": held}] * 3, streams=STREAMS)
    count, signed = b & 31, np.where(a >> 31, a - (1 << 32), a)
    shifted_left = np.array([int(x) << int(n) for x, n in zip(a, count, strict=True)], dtype=object)
    results = [a + b, a - b, a & b, a | b, a ^ b, shifted_left, a >> count, signed >> count]
    expected = (results[operation] % (1 << 32)).astype(np.int64)
    np.testing.assert_array_equal(bus(netlist, trace[2], "result"), expected)


def test_packing_and_unpacking_give_the_numbers_back() -> None:
    numbers = np.arange(37) * 27 % 512
    np.testing.assert_array_equal(unpack(pack(numbers, 9), 37), numbers)


def test_what_case_analysis_calls_constant_never_toggles_and_has_that_value() -> None:
    netlist = multiply_accumulate()
    constants = propagate(netlist, {"narrow": 1})
    a, b = operands(16, 8)
    trace = run(netlist, a, b, 1)[2:]  # registers have taken their constants
    mask = (1 << STREAMS) - 1
    known = [(net, value) for net, value in enumerate(constants) if value is not None]
    for values in trace:
        assert all(values[net] == (mask if value else 0) for net, value in known)
    assert len(known) > netlist.n_gates / 2
    activity = measure_activity(netlist, trace, streams=STREAMS)
    gates = [net - netlist.n_inputs for net, _ in known if net >= netlist.n_inputs]
    assert not activity.toggles[gates].any()


def test_in_wide_mode_hardly_anything_is_constant() -> None:
    constants = propagate(multiply_accumulate(), {"narrow": 0})
    assert sum(value is not None for value in constants) < 10


def test_an_inverter_of_a_toggling_register_toggles_as_often() -> None:
    b = Builder("toggle")
    state = b.register()
    b.connect(state, b.inv(state))
    netlist = b.finish({"q": [state]})
    trace = simulate(netlist, [{}] * 5, streams=3)
    activity = measure_activity(netlist, trace, streams=3)
    np.testing.assert_allclose(activity.toggles, 1.0)
    np.testing.assert_allclose(activity.ones, 0.5)
    with pytest.raises(ValueError, match="trace has 1 cycles"):
        measure_activity(netlist, trace[:1], streams=3)


@pytest.mark.parametrize("a", [ZERO, ONE])
@pytest.mark.parametrize("c", [ZERO, ONE])
def test_constants_fold_to_constants(a: int, c: int) -> None:
    b = Builder("fold")
    p, q = a == ONE, c == ONE
    literal = {False: ZERO, True: ONE}
    assert b.inv(a) == literal[not p]
    assert b.nand(a, c) == literal[not (p and q)]
    assert b.nor(a, c) == literal[not (p or q)]
    assert b.both(a, c) == literal[p and q]
    assert b.either(a, c) == literal[p or q]
    assert b.xor(a, c) == literal[p != q]
    assert b.full_adder(a, c, ZERO) == (literal[p != q], literal[p and q])
    assert b.full_adder(ONE, a, c) == (literal[p == q], literal[p or q])


def test_no_net_drives_more_than_the_fan_out_limit() -> None:
    netlist = alu()
    readers = np.bincount([net for nets in netlist.fanin for net in nets])
    assert readers.max() <= 8


def test_every_gate_leads_to_an_output() -> None:
    netlist = multiply_accumulate()
    read = {net for nets in netlist.fanin for net in nets}
    read |= {net for nets in netlist.output_buses.values() for net in nets}
    assert all(netlist.n_inputs + gate in read for gate in range(netlist.n_gates))


def test_a_loose_register_and_a_loop_are_refused() -> None:
    loose = Builder("loose")
    with pytest.raises(ValueError, match="not connected"):
        loose.finish({"q": [loose.register()]})
    with pytest.raises(ValueError, match="is constant"):
        loose.connect(0, ONE)
    loop = Builder("loop")
    (a,) = loop.input("a", 1)
    first = loop.nand(a, a + 2)  # reads the gate made next
    loop.inv(first)
    with pytest.raises(ValueError, match="combinational loop"):
        loop.finish({"q": [first]})


@pytest.mark.parametrize("bits", [2, 5])
def test_operands_of_odd_or_tiny_size_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"bits is {bits}"):
        multiplier(bits=bits)


def test_an_alu_of_no_power_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match="bits is 12"):
        alu(bits=12)


@pytest.mark.parametrize(
    ("kinds", "fanin", "says"),
    [
        ((), (), "at least one"),
        ((Kind.INV,), (), "one for each"),
        ((Kind.NAND2,), ((0,),), "expected 2 nets"),
        ((Kind.INV,), ((7,),), "expected 1 nets"),
        ((Kind.INV, Kind.INV), ((2,), (0,)), "driven before it"),
    ],
)
def test_a_malformed_netlist_is_refused(
    kinds: tuple[Kind, ...], fanin: tuple[tuple[int, ...], ...], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Netlist("bad", 1, kinds, fanin, {"a": (0,)}, {})


def test_a_bus_of_nets_that_do_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="bus 'q'"):
        Netlist("bad", 1, (Kind.INV,), ((0,),), {"a": (0,)}, {"q": (9,)})


def test_a_library_needs_every_kind_and_positive_figures() -> None:
    with pytest.raises(ValueError, match=r"effort is 0\.0"):
        Cell(effort=0.0, parasitic=1.0, drive=1.0, width=1.0)
    with pytest.raises(ValueError, match="cells lacks"):
        CellLibrary(
            cells={},
            tau_s=1.0,
            nominal_v=1.0,
            unit_f=1.0,
            wire=1.0,
            setup=1.0,
            clock=1.0,
            leakage=LIBRARY.leakage,
        )


@pytest.mark.parametrize("rows", [5, 20, 60])
def test_rows_are_equally_full_and_connected_gates_come_close(rows: int) -> None:
    netlist = multiply_accumulate()
    width = widths(netlist, LIBRARY.cells)
    row = fill_rows(connected_order(netlist), width, rows=rows)
    full = np.bincount(row, width)
    assert len(full) == rows
    assert np.ptp(full) <= 2 * width.max()
    pairs = [
        (net - netlist.n_inputs, gate)
        for gate, nets in enumerate(netlist.fanin)
        for net in nets
        if net >= netlist.n_inputs
    ]
    driver, reader = np.array(pairs).T
    shuffled = np.random.default_rng(0).permutation(row)
    assert (
        np.abs(row[driver] - row[reader]).mean()
        < 0.4 * np.abs(shuffled[driver] - shuffled[reader]).mean()
    )


def test_the_critical_order_starts_with_the_least_slack() -> None:
    netlist = multiplier(bits=6, reduction=Reduction.ARRAY)
    graph = small_mode(netlist).graph
    period = float(graph.critical_s(graph.delay_s))
    slack = np.full(netlist.n_gates, period)
    np.minimum.at(slack, graph.gate, graph.slack_s(graph.delay_s, period_s=period))
    along = slack[critical_order(netlist, graph)]
    assert along[0] == pytest.approx(0.0, abs=1e-18)
    assert (np.diff(along) >= -0.011 * period).all()


@pytest.mark.parametrize("rows", [0, 5])
def test_too_few_or_too_many_rows_are_refused(rows: int) -> None:
    with pytest.raises(ValueError, match=f"rows is {rows}"):
        fill_rows(np.arange(3), np.ones(3), rows=rows)
