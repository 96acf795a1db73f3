"""The circuits of the FINE-VH study, characterised in their modes, and their technology."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import dvfs
from dvfs.cells import Cell, CellLibrary, Kind
from dvfs.circuit import CircuitMode, Technology, characterise
from dvfs.gates import Netlist, measure_activity, propagate, simulate
from dvfs.netlists import Reduction, alu, multiplier, multiply_accumulate
from dvfs.placement import connected_order, critical_order, widths
from dvfs.power import Leakage
from dvfs.timing import AlphaPower
from experiments.study_config import read_config

CIRCUITS: Mapping[str, Callable[[], Netlist]] = {
    "mac": multiply_accumulate,
    "mac-array": partial(multiply_accumulate, reduction=Reduction.ARRAY),
    "multiplier": multiplier,
    "multiplier-array": partial(multiplier, reduction=Reduction.ARRAY),
    "alu": alu,
}
# Held inputs of each mode. An ALU has one mode, named for its word.
MODES: Mapping[bool, Mapping[int, Mapping[str, int]]] = {
    True: {16: {"narrow": 0}, 8: {"narrow": 1}},
    False: {32: {}},
}


@dataclass(frozen=True, slots=True)
class _Sourced:
    source: str


@dataclass(frozen=True, slots=True)
class _Units(_Sourced):
    tau_s: float
    nominal_v: float
    unit_f: float
    wire: float
    setup: float
    clock: float


@dataclass(frozen=True, slots=True)
class _Leakage(_Sourced):
    I_0: float
    T_0: float
    k_T: float  # noqa: N815 - as in dvfs.power
    V_0: float
    k_V: float  # noqa: N815


@dataclass(frozen=True, slots=True)
class _Delay(_Sourced):
    threshold_v: float
    exponent: float


@dataclass(frozen=True, slots=True)
class _Crossing(_Sourced):
    slope_factor: float
    bound_v: float


@dataclass(frozen=True, slots=True)
class _CellFile:
    effort_source: str
    width_source: str
    cells: dict[Kind, Cell]
    technology: _Units
    leakage: _Leakage
    delay: _Delay
    crossing: _Crossing


def load_technology(
    path: Path | None = None, *, temp_degc: float, area_overhead: float
) -> Technology:
    """Return the technology of a cell file; ``dvfs/cells.yaml`` by default.

    Raises
    ------
    ConfigError
        If the file cannot be read or a figure in it is wrong.
    """
    file = Path(str(dvfs.__file__)).with_name("cells.yaml") if path is None else path
    content = read_config("cells", _CellFile, file)
    units, leak = content.technology, content.leakage
    library = CellLibrary(
        cells=content.cells,
        tau_s=units.tau_s,
        nominal_v=units.nominal_v,
        unit_f=units.unit_f,
        wire=units.wire,
        setup=units.setup,
        clock=units.clock,
        leakage=Leakage(leak.I_0, leak.T_0, leak.k_T, leak.V_0, leak.k_V),
    )
    return Technology(
        library=library,
        law=AlphaPower(content.delay.threshold_v, content.delay.exponent, units.nominal_v),
        temp_degc=temp_degc,
        slope_factor=content.crossing.slope_factor,
        crossing_bound_v=content.crossing.bound_v,
        area_overhead=area_overhead,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Circuit:
    """A circuit with its modes, widest first, and its gates' orders under each placement."""

    name: str
    modes: Mapping[int, CircuitMode]
    orders: Mapping[str, NDArray[np.intp]]
    width: NDArray[np.float64]

    @property
    def widest(self) -> CircuitMode:
        """The mode that sets clock, placement and rails."""
        return next(iter(self.modes.values()))


def build_circuit(
    name: str, technology: Technology, *, cycles: int, streams: int, seed: int
) -> Circuit:
    """Generate a circuit and characterise its modes under uniformly random operands."""
    netlist = CIRCUITS[name]()
    modes = {}
    for bits, held in MODES["narrow" in netlist.input_buses].items():
        stimuli = _stimuli(netlist, held, cycles=cycles, streams=streams, seed=seed)
        trace = simulate(netlist, stimuli, streams=streams)
        modes[bits] = characterise(
            netlist,
            technology.library,
            name=f"{name}, {bits} bits",
            activity=measure_activity(netlist, trace[2:], streams=streams),
            constants=propagate(netlist, held),
        )
    widest = next(iter(modes.values()))
    orders = {
        "connected": connected_order(netlist),
        "critical": critical_order(netlist, widest.graph),
    }
    return Circuit(name, modes, orders, widths(netlist, technology.library.cells))


def _stimuli(
    netlist: Netlist, held: Mapping[str, int], *, cycles: int, streams: int, seed: int
) -> list[dict[str, NDArray[np.int64]]]:
    random = np.random.default_rng(seed)
    return [
        {
            bus: np.full(streams, held[bus])
            if bus in held
            else random.integers(0, 1 << len(nets), streams)
            for bus, nets in netlist.input_buses.items()
        }
        for _ in range(cycles)
    ]
