"""Static timing of gate-level circuits whose gates run at different supply voltages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dvfs.cells import CellLibrary, Kind
from dvfs.gates import Array, Netlist, Value

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class AlphaPower:
    r"""How delay depends on supply voltage, by the alpha-power law.

    .. math:: d(V) = d_0 \, \frac{V / (V - V_t)^a}{V_0 / (V_0 - V_t)^a}

    Attributes
    ----------
    threshold_v
        Threshold voltage `V_t` [V].
    exponent
        Velocity saturation `a`: 2 for long channels, towards 1 for short ones.
    nominal_v
        Voltage `V_0` at which the nominal delays hold [V].

    Raises
    ------
    ValueError
        If the threshold is not in (0, nominal) or the exponent not in [1, 2].

    Notes
    -----
    Limits: strong inversion only (some 0.1 V above `V_t`), no temperature, one law for all gates.

    References
    ----------
    .. [1] T. Sakurai and A. R. Newton, "Alpha-power law MOSFET model and its applications to CMOS
       inverter delay and other formulas," *IEEE J. Solid-State Circuits*, vol. 25, no. 2,
       pp. 584-594, 1990 (equation number unverified).
    """

    threshold_v: float
    exponent: float
    nominal_v: float

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold_v < self.nominal_v < math.inf:
            raise ValueError(
                f"threshold_v is {self.threshold_v!r}, expected 0 to nominal_v = {self.nominal_v!r}"
            )
        if not 1.0 <= self.exponent <= 2.0:
            raise ValueError(f"exponent is {self.exponent!r}, expected 1 to 2")

    def factor(self, voltage_v: ArrayLike) -> Array:
        """Return delay relative to that at `nominal_v`; ValueError at or below the threshold."""
        volts = np.asarray(voltage_v, dtype=np.float64)
        if not (volts > self.threshold_v).all():
            raise ValueError(
                f"voltage_v is {voltage_v!r}, expected above threshold_v = {self.threshold_v!r} V"
            )
        return np.asarray(self._law(volts) / self._law(np.float64(self.nominal_v)))

    def _law(self, volts: Array | np.float64) -> Array:
        return np.asarray(volts / (volts - self.threshold_v) ** self.exponent)

    def voltage_v(self, factor: float, *, highest_v: float = 2.0) -> float:
        """Return the lowest voltage whose delay is at most `factor` times the nominal one [V].

        Raises
        ------
        ValueError
            If even `highest_v` is too slow.
        """
        if self.factor(highest_v) > factor:
            raise ValueError(f"factor is {factor!r}, expected at least that of {highest_v} V")
        low, high = self.threshold_v, highest_v
        # Bisection to the last bit: the law falls with V wherever V > V_t and a >= 1.
        while low < (middle := 0.5 * (low + high)) < high:
            low, high = (low, middle) if self.factor(middle) <= factor else (middle, high)
        return high


@dataclass(frozen=True, slots=True, eq=False)
class TimingGraph:
    """The timing arcs of a circuit in one mode, level by level.

    Nodes are the gates that can switch, and one capture node for each register that can: the path
    from a register's clock edge to another register's set-up is a path from node to node. Nodes
    are sorted by level, so that a whole level is one slice.

    Attributes
    ----------
    gate
        Gate of each node (for a capture node the register), shape (n_nodes,).
    capture
        Whether each node is a capture node, shape (n_nodes,).
    delay_s
        Delay of each node at the library's nominal voltage, shape (n_nodes,) [s].
    fanin
        Nodes each node waits for, shape (n_nodes, 3); unused places hold `n_nodes`, a node that
        stands for the clock edge at time 0.
    levels
        First node of each level, and `n_nodes` at the end.
    """

    gate: Indices
    capture: NDArray[np.bool_]
    delay_s: Array
    fanin: Indices
    levels: tuple[int, ...]
    ends: Indices = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", np.flatnonzero(self.capture))

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.gate)

    def arrival_s(self, delay_s: Array) -> Array:
        """Return when each node's output has settled, for one or many sets of delays [s].

        Parameters
        ----------
        delay_s
            Delay of each node, shape (n_nodes,) or (n_nodes, n_cases) [s].

        Returns
        -------
        ndarray
            Arrival, shape (n_nodes + 1,) or (n_nodes + 1, n_cases): the last row is the clock
            edge, 0 [s].
        """
        arrival = np.zeros((self.n_nodes + 1, *delay_s.shape[1:]))
        for first, last in zip(self.levels[:-1], self.levels[1:], strict=True):
            waits = self.fanin[first:last]
            latest = np.maximum(arrival[waits[:, 0]], arrival[waits[:, 1]])
            if (waits[:, 2] < self.n_nodes).any():
                np.maximum(latest, arrival[waits[:, 2]], out=latest)
            np.add(latest, delay_s[first:last], out=arrival[first:last])
        return arrival

    def critical_s(self, delay_s: Array) -> Array:
        """Return the longest register-to-register delay, set-up included [s].

        Shape () for delays of shape (n_nodes,), (n_cases,) for (n_nodes, n_cases).
        """
        return np.asarray(self.arrival_s(delay_s)[self.ends].max(axis=0))

    def slack_s(self, delay_s: Array, *, period_s: float) -> Array:
        """Return by how much each node could be slower, alone, at a clock period [s].

        Required time minus arrival; shape (n_nodes,) for delays of shape (n_nodes,).
        """
        required = np.full(self.n_nodes + 1, np.inf)
        required[self.ends] = period_s
        for first, last in zip(self.levels[-2::-1], self.levels[:0:-1], strict=True):
            start = required[first:last] - delay_s[first:last]
            np.minimum.at(required, self.fanin[first:last].ravel(), np.repeat(start, 3))
        return np.asarray(required[:-1] - self.arrival_s(delay_s)[:-1])

    def worst_path(self, arrival_s: Array, end: int) -> list[int]:
        """Return the nodes of the longest path into a node, for arrivals of shape (n_nodes + 1,).

        Of equally late predecessors the first in `fanin` is taken.
        """
        path = [end]
        while True:
            waits = self.fanin[path[-1]]
            latest = int(waits[int(np.argmax(arrival_s[waits]))])
            if latest == self.n_nodes:
                return path[::-1]
            path.append(latest)


def loads(netlist: Netlist, library: CellLibrary) -> Array:
    """Return the load on each gate's output with its wires, unit inverters, shape (n_gates,)."""
    load = np.zeros(netlist.n_inputs + netlist.n_gates)
    for kind, nets in zip(netlist.kinds, netlist.fanin, strict=True):
        for net in nets:
            load[net] += library.cells[kind].effort + library.wire
    return load[netlist.n_inputs :]


def timing_graph(
    netlist: Netlist, library: CellLibrary, *, constants: Sequence[Value] | None = None
) -> TimingGraph:
    """Build the timing graph of a circuit, less what constants switch off.

    Parameters
    ----------
    netlist
        The circuit.
    library
        Delays: `tau (parasitic + load / drive)` for each gate.
    constants
        Value of each net under case analysis (`dvfs.gates.propagate`); none by default. A gate
        with a constant output has no node; a multiplexer whose select is constant has an arc from
        the chosen input only.

    Raises
    ------
    ValueError
        If no register can switch.
    """
    known = [None] * (netlist.n_inputs + netlist.n_gates) if constants is None else constants
    load = loads(netlist, library)
    sources, delays, level = _gate_nodes(netlist, library, known, load)
    n_gates, depth = netlist.n_gates, max(level.values(), default=0) + 1
    keys = sorted(level, key=lambda gate: (level[gate], gate))
    captures = []
    for register in netlist.registers:
        driver = netlist.fanin[register][0] - netlist.n_inputs
        if known[netlist.fanin[register][0]] is None:
            captures.append(n_gates + register)
            sources[n_gates + register] = [driver] if driver >= 0 else []
            delays[n_gates + register] = library.setup * library.tau_s
    if not captures:
        raise ValueError("constants stop every register, expected one that can switch")
    order = keys + captures
    counts = np.bincount([level[gate] for gate in keys], minlength=depth)
    return TimingGraph(
        gate=np.array([key % n_gates for key in order], dtype=np.intp),
        capture=np.array([key >= n_gates for key in order]),
        delay_s=np.array([delays[key] for key in order]),
        fanin=_padded(order, sources),
        levels=(0, *(int(end) for end in np.cumsum(counts)), len(order)),
    )


def _gate_nodes(
    netlist: Netlist, library: CellLibrary, known: Sequence[Value], load: Array
) -> tuple[dict[int, list[int]], dict[int, float], dict[int, int]]:
    """Return sources, delay and level of every gate that can switch."""
    sources: dict[int, list[int]] = {}
    delays: dict[int, float] = {}
    level: dict[int, int] = {}
    # Registers first: they start paths, and a gate sorted before one may read it.
    order = sorted(range(netlist.n_gates), key=lambda gate: netlist.kinds[gate] is not Kind.DFF)
    for gate in order:
        kind, nets = netlist.kinds[gate], netlist.fanin[gate]
        if known[netlist.n_inputs + gate] is not None:
            continue
        select = known[nets[2]] if kind is Kind.MUX2 else None
        live = nets if select is None else (nets[select],)
        if kind is Kind.DFF:
            live = ()
        sources[gate] = [
            net - netlist.n_inputs for net in live if net >= netlist.n_inputs and known[net] is None
        ]
        cell = library.cells[kind]
        delays[gate] = library.tau_s * (cell.parasitic + load[gate] / cell.drive)
        level[gate] = 1 + max((level[source] for source in sources[gate]), default=-1)
    return sources, delays, level


def _padded(order: Sequence[int], sources: dict[int, list[int]]) -> Indices:
    position = {key: index for index, key in enumerate(order)}
    fanin = np.full((len(order), 3), len(order), dtype=np.intp)
    for index, key in enumerate(order):
        for place, source in enumerate(sources[key]):
            fanin[index, place] = position[source]
    return fanin
