"""A gate-level circuit as data: gates in topological order, simulated bit-parallel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dvfs.cells import Kind, fan_in

Array = NDArray[np.float64]
Value = int | None  # of a net under case analysis: 0, 1 or not known


@dataclass(frozen=True, slots=True)
class Netlist:
    """Single-output gates on one clock.

    Nets are numbered: the primary inputs first, then gate `g` drives net `n_inputs + g`.

    Attributes
    ----------
    name
        What the circuit is.
    n_inputs
        Number of primary inputs.
    kinds
        Kind of each gate.
    fanin
        Nets that feed each gate.
    input_buses, output_buses
        Nets of each named bus, least significant first.

    Raises
    ------
    ValueError
        If lengths differ, a gate has the wrong number of inputs, a net does not exist, or a gate
        that is no register reads a net that is driven after it.
    """

    name: str
    n_inputs: int
    kinds: tuple[Kind, ...]
    fanin: tuple[tuple[int, ...], ...]
    input_buses: Mapping[str, tuple[int, ...]]
    output_buses: Mapping[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        if len(self.kinds) != len(self.fanin) or not self.kinds:
            raise ValueError(
                f"fanin has {len(self.fanin)} entries, expected one for each of the "
                f"{len(self.kinds)} gates, at least one"
            )
        last = self.n_inputs + len(self.kinds)
        for gate, (kind, nets) in enumerate(zip(self.kinds, self.fanin, strict=True)):
            if len(nets) != fan_in(kind) or not all(0 <= net < last for net in nets):
                raise ValueError(
                    f"fanin of gate {gate} ({kind.value}) is {nets}, expected {fan_in(kind)} "
                    f"nets in 0..{last - 1}"
                )
            if kind is not Kind.DFF and any(self._later(net, gate) for net in nets):
                raise ValueError(f"gate {gate} reads {nets}, expected nets driven before it")
        for bus, nets in {**self.input_buses, **self.output_buses}.items():
            if not all(0 <= net < last for net in nets):
                raise ValueError(f"bus {bus!r} is {nets}, expected nets in 0..{last - 1}")

    def _later(self, net: int, gate: int) -> bool:
        driver = net - self.n_inputs
        return driver >= gate and self.kinds[driver] is not Kind.DFF

    @property
    def n_gates(self) -> int:
        """Number of gates, registers among them."""
        return len(self.kinds)

    @property
    def registers(self) -> tuple[int, ...]:
        """The gates that are registers."""
        return tuple(gate for gate, kind in enumerate(self.kinds) if kind is Kind.DFF)


def pack(numbers: ArrayLike, bits: int) -> list[int]:
    """Return one integer for each of `bits` bit positions; its bit `k` belongs to number `k`."""
    words = np.asarray(numbers, dtype=np.int64)
    planes = ((words[None, :] >> np.arange(bits)[:, None]) & 1).astype(np.uint8)
    packed = np.packbits(planes, axis=1, bitorder="little")
    return [int.from_bytes(plane.tobytes(), "little") for plane in packed]


def unpack(planes: Sequence[int], count: int) -> NDArray[np.int64]:
    """Undo `pack`: the first `count` unsigned numbers whose bits the planes hold."""
    size = (count + 7) // 8
    raw = np.frombuffer(b"".join(plane.to_bytes(size, "little") for plane in planes), np.uint8)
    bits = np.unpackbits(raw.reshape(len(planes), size), axis=1, bitorder="little")[:, :count]
    return np.asarray((bits.astype(np.int64) << np.arange(len(planes))[:, None]).sum(axis=0))


def simulate(
    netlist: Netlist, cycles: Sequence[Mapping[str, ArrayLike]], *, streams: int
) -> list[list[int]]:
    """Run the clock and return the value of every net in every cycle.

    Parameters
    ----------
    netlist
        The circuit; its registers start at 0.
    cycles
        For each cycle the number on every input bus in each stream.
    streams
        Independent runs simulated side by side, one bit of every integer each.

    Returns
    -------
    list
        For each cycle one integer a net, bit `k` being its value in stream `k`.
    """
    mask = (1 << streams) - 1
    state = dict.fromkeys(netlist.registers, 0)
    trace = []
    for inputs in cycles:
        values = [0] * (netlist.n_inputs + netlist.n_gates)
        for bus, nets in netlist.input_buses.items():
            for net, plane in zip(nets, pack(inputs[bus], len(nets)), strict=True):
                values[net] = plane
        for gate, value in state.items():
            values[netlist.n_inputs + gate] = value
        _settle(netlist, values, mask)
        state = {gate: values[netlist.fanin[gate][0]] for gate in state}
        trace.append(values)
    return trace


def _settle(netlist: Netlist, values: list[int], mask: int) -> None:
    first = netlist.n_inputs
    for gate, (kind, nets) in enumerate(zip(netlist.kinds, netlist.fanin, strict=True)):
        if kind is Kind.DFF:
            continue
        a = values[nets[0]]
        if kind is Kind.INV:
            value = mask ^ a
        elif kind is Kind.BUF:
            value = a
        elif kind is Kind.NAND2:
            value = mask ^ (a & values[nets[1]])
        elif kind is Kind.NOR2:
            value = mask ^ (a | values[nets[1]])
        elif kind is Kind.XOR2:
            value = a ^ values[nets[1]]
        else:
            select = values[nets[2]]
            value = (a & (mask ^ select)) | (values[nets[1]] & select)
        values[first + gate] = value


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """How the gates of a circuit behave under a workload.

    Attributes
    ----------
    toggles
        Transitions of each gate's output in a mean cycle, shape (n_gates,).
    ones
        Share of the cycles in which each gate's output is 1, shape (n_gates,).

    Notes
    -----
    Limits: zero-delay simulation, so glitches are not counted; deep arithmetic has many.
    """

    toggles: Array
    ones: Array


def measure_activity(netlist: Netlist, trace: Sequence[Sequence[int]], *, streams: int) -> Activity:
    """Count transitions and ones in a simulated trace, leaving out its first cycle.

    Raises
    ------
    ValueError
        If the trace has fewer than two cycles.
    """
    if len(trace) < 2:
        raise ValueError(f"trace has {len(trace)} cycles, expected at least 2")
    first = netlist.n_inputs
    nets = range(first, first + netlist.n_gates)
    pairs = list(pairwise(trace))
    toggles = [sum((a[net] ^ b[net]).bit_count() for a, b in pairs) for net in nets]
    ones = [sum(b[net].bit_count() for _, b in pairs) for net in nets]
    scale = 1.0 / (streams * len(pairs))
    return Activity(np.array(toggles) * scale, np.array(ones) * scale)


def propagate(netlist: Netlist, held: Mapping[str, int]) -> tuple[Value, ...]:
    """Return the value each net keeps for ever while some input buses are held.

    A register whose input never changes keeps that value from the second cycle on, so its output
    is constant too: case analysis as a static timer does it.
    """
    values: list[Value] = [None] * (netlist.n_inputs + netlist.n_gates)
    for bus, number in held.items():
        for position, net in enumerate(netlist.input_buses[bus]):
            values[net] = (number >> position) & 1
    while True:
        for gate, (kind, nets) in enumerate(zip(netlist.kinds, netlist.fanin, strict=True)):
            if kind is not Kind.DFF:
                values[netlist.n_inputs + gate] = _constant(kind, [values[net] for net in nets])
        settled = [
            gate
            for gate in netlist.registers
            if values[netlist.n_inputs + gate] is None
            and values[netlist.fanin[gate][0]] is not None
        ]
        if not settled:
            return tuple(values)
        for gate in settled:
            values[netlist.n_inputs + gate] = values[netlist.fanin[gate][0]]


def _constant(kind: Kind, inputs: Sequence[Value]) -> Value:
    """Return a gate's output if its known inputs fix it."""
    a = inputs[0]
    if kind in (Kind.INV, Kind.BUF):
        return None if a is None else (a ^ (kind is Kind.INV))
    b = inputs[1]
    if kind in (Kind.NAND2, Kind.NOR2):
        forcing = 0 if kind is Kind.NAND2 else 1
        if forcing in (a, b):
            return 1 - forcing
        return None if a is None or b is None else forcing
    if kind is Kind.XOR2:
        return None if a is None or b is None else a ^ b
    if inputs[2] is not None:
        return b if inputs[2] else a
    return a if a == b else None
