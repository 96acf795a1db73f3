"""A circuit in one mode of work and the technology it is built in: delays and watts per volt."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dvfs.cells import CellLibrary, Kind
from dvfs.gates import Activity, Array, Netlist, Value
from dvfs.power import Leakage, dynamic_power, leakage_power
from dvfs.timing import AlphaPower, Indices, TimingGraph, loads, timing_graph

BOLTZMANN_OVER_CHARGE_V_PER_K = 8.617333262e-5  # CODATA 2018
ZERO_DEGC_K = 273.15
_TOLERANCE = 1e-9  # relative: rails as far apart as the bound may differ from it in the last bit


@dataclass(frozen=True, slots=True)
class Rails:
    """The two supply voltages of a row-assigned circuit.

    Attributes
    ----------
    high_v, low_v
        Voltages [V].

    Raises
    ------
    ValueError
        If they are not finite with 0 < low < high.
    """

    high_v: float
    low_v: float

    def __post_init__(self) -> None:
        if not 0.0 < self.low_v < self.high_v < math.inf:
            raise ValueError(f"low_v is {self.low_v!r}, expected 0 to high_v = {self.high_v!r}")


@dataclass(frozen=True, slots=True)
class Technology:
    """What turns a circuit and its voltages into delays and watts.

    Attributes
    ----------
    library
        Cells.
    law
        Delay against voltage.
    temp_degc
        Junction temperature [degC].
    slope_factor
        Sub-threshold slope factor `n` of the crossing leakage.
    crossing_bound_v
        Largest difference between rails that a crossing without level shifter may bridge [V].
    area_overhead
        Share of area that rows on two rails cost; charged on switched capacitance and on leakage
        of the row-assigned circuit (all of it, though only wires grow), not on crossings, whose
        number it does not change, nor on the baselines.

    Raises
    ------
    ValueError
        If the overhead is negative, or the slope factor below 1, or the bound not above 0.
    """

    library: CellLibrary
    law: AlphaPower
    temp_degc: float
    slope_factor: float
    crossing_bound_v: float
    area_overhead: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.area_overhead < math.inf:
            raise ValueError(f"area_overhead is {self.area_overhead!r}, expected 0 or more")
        if not self.slope_factor >= 1.0:
            raise ValueError(f"slope_factor is {self.slope_factor!r}, expected at least 1")
        if not self.crossing_bound_v > 0.0:
            raise ValueError(f"crossing_bound_v is {self.crossing_bound_v!r}, expected above 0")

    @property
    def leakage(self) -> Leakage:
        """Leakage of the unit inverter."""
        return self.library.leakage

    def power_w(
        self, switched_f: ArrayLike, width: ArrayLike, *, voltage_v: ArrayLike, f: float
    ) -> Array:
        """Return power of capacitance [F] and leaking width [unit inverters] at a clock [Hz]."""
        leaking = leakage_power(voltage_v, self.temp_degc, leakage=self.leakage)
        return dynamic_power(switched_f, voltage_v, f=f) + np.asarray(width) * leaking

    def crossing_power_w(self, rails: Rails) -> float:
        r"""Return what a unit inverter on the high rail leaks more while the low rail is its 1 [W].

        .. math:: V_h I(V_h, T) \left( e^{(V_h - V_l) / (n k T / q)} - 1 \right)

        Raises
        ------
        ValueError
            If the rails are further apart than the bound.

        Notes
        -----
        Limits: the p-transistor's sub-threshold current only, all of the inverter's leakage taken
        to be its own; the receiving gate's slower, weaker edge is not modelled.
        """
        difference = rails.high_v - rails.low_v
        if difference > self.crossing_bound_v * (1.0 + _TOLERANCE):
            raise ValueError(
                f"low_v is {rails.low_v!r}, expected at most {self.crossing_bound_v} V below "
                f"high_v = {rails.high_v!r}"
            )
        kelvin = self.temp_degc + ZERO_DEGC_K
        swing = self.slope_factor * BOLTZMANN_OVER_CHARGE_V_PER_K * kelvin
        unit = leakage_power(rails.high_v, self.temp_degc, leakage=self.leakage)
        return float(unit * math.expm1(difference / swing))


@dataclass(frozen=True, slots=True, eq=False)
class CircuitMode:
    """A circuit in one mode of work, under one workload.

    Attributes
    ----------
    name
        Circuit and mode.
    graph
        Its timing, constants propagated.
    switched_f
        Capacitance each gate charges in a mean cycle, clock pins included, shape (n_gates,) [F].
    width
        Leaking width of each gate, unit inverters, shape (n_gates,).
    driver, reader
        Gates at both ends of every connection, shape (n_pins,).
    pin_width
        Width of the reading pin times the share of the time its net is 1, shape (n_pins,).
    """

    name: str
    graph: TimingGraph
    switched_f: Array
    width: Array
    driver: Indices
    reader: Indices
    pin_width: Array

    def shortest_period_s(self, technology: Technology, voltage_v: float) -> float:
        """Return the shortest clock period with every gate at one voltage [s]."""
        nominal = float(self.graph.critical_s(self.graph.delay_s))
        return nominal * float(technology.law.factor(voltage_v))


def characterise(
    netlist: Netlist,
    library: CellLibrary,
    *,
    name: str,
    activity: Activity,
    constants: tuple[Value, ...],
) -> CircuitMode:
    """Gather what the rail assignment needs to know of a circuit in a mode.

    Notes
    -----
    Limits: no glitches (see `Activity`); registers that never change are still clocked; the net
    from a primary input is charged by whoever drives it, outside.
    """
    load = loads(netlist, library)
    cells = [library.cells[kind] for kind in netlist.kinds]
    own = np.array([cell.parasitic for cell in cells])
    clocked = np.array([kind is Kind.DFF for kind in netlist.kinds])
    units = 0.5 * activity.toggles * (load + own) + library.clock * clocked
    pins = [
        (net - netlist.n_inputs, gate)
        for gate, nets in enumerate(netlist.fanin)
        for net in nets
        if net >= netlist.n_inputs
    ]
    driver, reader = np.array(pins, dtype=np.intp).T
    effort = np.array([cell.effort for cell in cells])
    return CircuitMode(
        name=name,
        graph=timing_graph(netlist, library, constants=constants),
        switched_f=library.unit_f * units,
        width=np.array([cell.width for cell in cells]),
        driver=driver,
        reader=reader,
        pin_width=effort[reader] * activity.ones[driver],
    )
