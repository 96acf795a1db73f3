"""Assembles netlists: folds constants, drops dead gates, buffers heavy nets, sorts."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from dvfs.cells import Kind
from dvfs.gates import Netlist

ZERO, ONE = -1, -2  # literals; every other net is a number from 0


class Builder:
    """Collects the gates of one circuit; `finish` makes the netlist."""

    def __init__(self, name: str, *, max_fanout: int = 8) -> None:
        self._name = name
        self._max_fanout = max_fanout
        self._inputs: dict[str, tuple[int, ...]] = {}
        self._kinds: dict[int, Kind] = {}
        self._fanin: dict[int, tuple[int, ...]] = {}
        self._count = 0

    def input(self, bus: str, bits: int) -> list[int]:
        """Add a bus of primary inputs."""
        nets = list(range(self._count, self._count + bits))
        self._count += bits
        self._inputs[bus] = tuple(nets)
        return nets

    def register(self, data: int | None = None) -> int:
        """Add a register; its input may be connected later, for feedback."""
        net = self._add(Kind.DFF, ())
        if data is not None:
            self.connect(net, data)
        return net

    def connect(self, register: int, data: int) -> None:
        """Give a register its input; a constant comes from a gate that ties it."""
        if data in (ZERO, ONE):
            raise ValueError(f"data of register {register} is constant, expected a net")
        self._fanin[register] = (data,)

    def inv(self, a: int) -> int:
        """Return NOT a."""
        if a in (ZERO, ONE):
            return ONE if a == ZERO else ZERO
        return self._add(Kind.INV, (a,))

    def nand(self, a: int, b: int) -> int:
        """Return NOT (a AND b)."""
        if ZERO in (a, b):
            return ONE
        if ONE in (a, b):
            return self.inv(b if a == ONE else a)
        return self._add(Kind.NAND2, (a, b))

    def nor(self, a: int, b: int) -> int:
        """Return NOT (a OR b)."""
        if ONE in (a, b):
            return ZERO
        if ZERO in (a, b):
            return self.inv(b if a == ZERO else a)
        return self._add(Kind.NOR2, (a, b))

    def both(self, a: int, b: int) -> int:
        """Return a AND b."""
        if ZERO in (a, b):
            return ZERO
        if ONE in (a, b):
            return b if a == ONE else a
        return self.inv(self.nand(a, b))

    def either(self, a: int, b: int) -> int:
        """Return a OR b."""
        if ONE in (a, b):
            return ONE
        if ZERO in (a, b):
            return b if a == ZERO else a
        return self.inv(self.nor(a, b))

    def xor(self, a: int, b: int) -> int:
        """Return a XOR b."""
        if a in (ZERO, ONE):
            a, b = b, a
        if b == ZERO:
            return a
        return self.inv(a) if b == ONE else self._add(Kind.XOR2, (a, b))

    def mux(self, low: int, high: int, select: int) -> int:
        """Return `high` where `select` is 1, else `low`: nets, not constants."""
        return self._add(Kind.MUX2, (low, high, select))

    def full_adder(self, a: int, b: int, c: int) -> tuple[int, int]:
        """Return sum and carry of three bits."""
        for constant in (ZERO, ONE):
            if constant in (a, b, c):
                x, y = _others(a, b, c, constant)
                half = self.xor(x, y)
                if constant == ZERO:
                    return half, self.both(x, y)
                return self.inv(half), self.either(x, y)
        half = self.xor(a, b)
        return self.xor(half, c), self.nand(self.nand(a, b), self.nand(half, c))

    def finish(self, outputs: Mapping[str, Sequence[int]]) -> Netlist:
        """Drop what no output needs, buffer the heavy nets, sort, and return the circuit.

        Raises
        ------
        ValueError
            If a register was never connected or the gates form a loop.
        """
        self._drop_dead(outputs)
        for net, readers in self._readers().items():
            self._buffer(net, readers)
        n_inputs = sum(len(nets) for nets in self._inputs.values())
        order = self._sorted()
        inputs = [net for nets in self._inputs.values() for net in nets]
        renamed = {net: index for index, net in enumerate([*inputs, *order])}
        return Netlist(
            self._name,
            n_inputs,
            tuple(self._kinds[net] for net in order),
            tuple(tuple(renamed[source] for source in self._fanin[net]) for net in order),
            {bus: tuple(renamed[net] for net in nets) for bus, nets in self._inputs.items()},
            {bus: tuple(renamed[net] for net in nets) for bus, nets in outputs.items()},
        )

    def _add(self, kind: Kind, nets: tuple[int, ...]) -> int:
        net = self._count
        self._count += 1
        self._kinds[net] = kind
        self._fanin[net] = nets
        return net

    def _drop_dead(self, outputs: Mapping[str, Sequence[int]]) -> None:
        """Remove the gates from which no path leads to an output."""
        found: set[int] = set()
        frontier = [net for nets in outputs.values() for net in nets]
        while frontier:
            net = frontier.pop()
            if net in self._kinds and net not in found:
                found.add(net)
                frontier.extend(self._fanin[net])
        self._kinds = {net: kind for net, kind in self._kinds.items() if net in found}
        self._fanin = {net: nets for net, nets in self._fanin.items() if net in found}

    def _readers(self) -> dict[int, list[tuple[int, int]]]:
        """Return the (gate, pin) pairs that read each net."""
        readers: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for gate, nets in self._fanin.items():
            for pin, net in enumerate(nets):
                readers[net].append((gate, pin))
        return readers

    def _buffer(self, net: int, readers: list[tuple[int, int]]) -> None:
        """Split the readers of a heavy net into groups, each behind a buffer of its own."""
        while len(readers) > self._max_fanout:
            groups = [
                readers[at : at + self._max_fanout]
                for at in range(0, len(readers), self._max_fanout)
            ]
            readers = []
            for group in groups:
                buffer = self._add(Kind.BUF, (net,))
                readers.append((buffer, 0))
                for gate, pin in group:
                    nets = list(self._fanin[gate])
                    nets[pin] = buffer
                    self._fanin[gate] = tuple(nets)

    def _sorted(self) -> list[int]:
        """Return the gates so that each follows what it reads, first come first served."""
        waiting: dict[int, int] = {}
        readers: defaultdict[int, list[int]] = defaultdict(list)
        for gate, nets in self._fanin.items():
            if not nets:
                raise ValueError(f"register {gate} is not connected, expected a net at its input")
            # A register starts a path: it waits for nothing.
            driven = nets if self._kinds[gate] is not Kind.DFF else ()
            waiting[gate] = sum(net in self._kinds for net in driven)
            for net in driven:
                readers[net].append(gate)
        ready = deque(gate for gate, pending in waiting.items() if pending == 0)
        order = []
        while ready:
            gate = ready.popleft()
            order.append(gate)
            for reader in readers[gate]:
                waiting[reader] -= 1
                if waiting[reader] == 0:
                    ready.append(reader)
        if len(order) != len(self._kinds):
            raise ValueError(f"{self._name} has a combinational loop, expected none")
        return order


def _others(a: int, b: int, c: int, constant: int) -> tuple[int, int]:
    nets = [a, b, c]
    nets.remove(constant)
    return nets[0], nets[1]
