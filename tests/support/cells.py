"""A small technology and small circuits in modes, for tests of netlists, timing and rails."""

import numpy as np
from numpy.typing import NDArray

from dvfs.cells import Cell, CellLibrary, Kind
from dvfs.circuit import CircuitMode, Rails, Technology, characterise
from dvfs.finevh import RowProblem, row_problem
from dvfs.gates import Activity, Netlist, propagate
from dvfs.netlists import Reduction, multiplier
from dvfs.placement import connected_order, critical_order, fill_rows, widths
from dvfs.power import Leakage
from dvfs.timing import AlphaPower

LAW = AlphaPower(threshold_v=0.35, exponent=1.4, nominal_v=1.0)
LIBRARY = CellLibrary(
    cells={
        Kind.INV: Cell(effort=1.0, parasitic=1.0, drive=1.0, width=1.0),
        Kind.BUF: Cell(effort=1.0, parasitic=6.0, drive=4.0, width=3.0),
        Kind.NAND2: Cell(effort=1.25, parasitic=2.0, drive=1.0, width=1.5),
        Kind.NOR2: Cell(effort=1.75, parasitic=2.0, drive=1.0, width=1.5),
        Kind.XOR2: Cell(effort=4.0, parasitic=4.0, drive=1.0, width=3.0),
        Kind.MUX2: Cell(effort=2.0, parasitic=4.0, drive=1.0, width=3.5),
        Kind.DFF: Cell(effort=2.0, parasitic=6.0, drive=2.0, width=8.0),
    },
    tau_s=4e-12,
    nominal_v=1.0,
    unit_f=2e-15,
    wire=1.0,
    setup=3.0,
    clock=2.0,
    leakage=Leakage(I_0=1e-8, T_0=85.0, k_T=0.02, V_0=1.0, k_V=2.5),
)
TECHNOLOGY = Technology(
    library=LIBRARY,
    law=LAW,
    temp_degc=85.0,
    slope_factor=1.5,
    crossing_bound_v=0.3,
    area_overhead=0.06,
)


def inverter_chain(length: int) -> Netlist:
    """Return `length` inverters between two registers; the first register's input is the bus."""
    first = 1
    kinds = (Kind.DFF, *[Kind.INV] * length, Kind.DFF)
    fanin = ((0,), *((first + k,) for k in range(length)), (first + length,))
    last = first + length + 1
    return Netlist("chain", 1, kinds, fanin, {"d": (0,)}, {"q": (last,)})


def small_mode(netlist: Netlist | None = None, *, narrow: int = 0, seed: int = 0) -> CircuitMode:
    """Return a 6-bit multiplier, or another circuit, with made-up activities."""
    circuit = multiplier(bits=6, reduction=Reduction.ARRAY) if netlist is None else netlist
    random = np.random.default_rng(seed)
    held = {"narrow": narrow} if "narrow" in circuit.input_buses else {}
    constants = propagate(circuit, held)
    live = np.array([value is None for value in constants[circuit.n_inputs :]], dtype=np.float64)
    activity = Activity(
        toggles=live * random.uniform(0.05, 0.5, circuit.n_gates),
        ones=random.uniform(0.2, 0.8, circuit.n_gates),
    )
    return characterise(circuit, LIBRARY, name="small", activity=activity, constants=constants)


def small_rows(rows: int, *, critical: bool = False) -> NDArray[np.intp]:
    """Return the rows of the 6-bit multiplier's gates."""
    circuit = multiplier(bits=6, reduction=Reduction.ARRAY)
    mode = small_mode(circuit)
    order = critical_order(circuit, mode.graph) if critical else connected_order(circuit)
    return fill_rows(order, widths(circuit, LIBRARY.cells), rows=rows)


def small_problem(
    rows: int,
    *,
    clock: float = 0.9,
    step_v: float = 0.12,
    swing: bool = False,
    critical: bool = True,
    seed: int = 0,
) -> RowProblem:
    """Return the assignment of the 6-bit multiplier at a share of its fastest clock at 1 V."""
    mode = small_mode(seed=seed)
    return row_problem(
        mode,
        TECHNOLOGY,
        row=small_rows(rows, critical=critical),
        rails=Rails(1.0, 1.0 - step_v),
        frequency_hz=clock / mode.shortest_period_s(TECHNOLOGY, 1.0),
        swing=swing,
    )


def all_assignments(rows: int) -> NDArray[np.bool_]:
    """Return every assignment of rows to rails, shape (2^rows, rows)."""
    return ((np.arange(1 << rows)[:, None] >> np.arange(rows)) & 1).astype(np.bool_)
