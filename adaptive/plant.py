"""A board as mathematics: clusters, voltage islands, power, heat, zones and limits."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaptive.precision import Bits
from dvfs.islands import IslandMap
from dvfs.opp import Opp
from dvfs.power import PowerModel
from thermal.network import RcNetwork, Vector

Array = NDArray[np.float64]


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} is {value!r}, expected a finite number above 0")


def _require_unique(field_name: str, names: Iterable[str]) -> None:
    listed = list(names)
    if not listed or len(set(listed)) != len(listed):
        raise ValueError(f"{field_name} is {listed!r}, expected unique names, at least one")


def _require_known(field_name: str, names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{field_name} is {name!r}, expected one of {tuple(known)}")


@dataclass(frozen=True, slots=True)
class Zone:
    """A thermal zone: a sensor near one node.

    Attributes
    ----------
    resolution_k
        Step it reads in, above 0 [K].
    """

    name: str
    node: str
    resolution_k: float

    def __post_init__(self) -> None:
        _require_positive(resolution_k=self.resolution_k)

    def reading_degc(self, temp_degc: float) -> float:
        """Return what the zone reads at a temperature: the nearest step [degC]."""
        return round(temp_degc / self.resolution_k) * self.resolution_k


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Cores of one kind on one voltage island.

    Attributes
    ----------
    name, core
        Cluster name, and what the cores are, e.g. ``"cortex-a15"``.
    cores
        How many there are.
    island
        The voltage island that feeds them.
    blocks
        Power blocks that stand for them: one a core, or one for all.
    mac_per_cycle, bytes_per_cycle
        Multiply-accumulates, by precision, and bytes moved, a cycle of one core.
    layer_overhead_cycles
        Cycles a layer costs beside its arithmetic and its bytes.

    Raises
    ------
    ValueError
        If a count or a rate is not positive, the overhead negative, or a block named twice.
    """

    name: str
    core: str
    cores: int
    island: str
    blocks: tuple[str, ...]
    mac_per_cycle: Mapping[Bits, float]
    bytes_per_cycle: float
    layer_overhead_cycles: float

    def __post_init__(self) -> None:
        _require_unique("blocks", self.blocks)
        _require_positive(cores=self.cores, bytes_per_cycle=self.bytes_per_cycle)
        if not self.mac_per_cycle:
            raise ValueError("mac_per_cycle is empty, expected at least one precision")
        for bits, rate in self.mac_per_cycle.items():
            _require_positive(**{f"mac_per_cycle at {int(bits)} bits": rate})
        if not (math.isfinite(self.layer_overhead_cycles) and self.layer_overhead_cycles >= 0.0):
            raise ValueError(
                f"layer_overhead_cycles is {self.layer_overhead_cycles!r}, "
                "expected a finite number not below 0"
            )
        object.__setattr__(self, "mac_per_cycle", MappingProxyType(dict(self.mac_per_cycle)))


@dataclass(frozen=True, slots=True, eq=False)
class Plant:
    """A board: what draws power, where it heats, what is read, what must not be passed.

    Every power block is a node of the thermal network, of the same name; further nodes (a heat
    sink, a graphics core) carry constant power or none.

    Attributes
    ----------
    name, title
        Short name and description.
    clusters
        The cores inference may use.
    islands
        Voltage islands of the power blocks.
    power
        Power of the blocks, in the order of `power.blocks`.
    constant_w
        Power that flows whatever runs, by node [W].
    network
        Where the heat goes.
    zones
        What can be read.
    cap_degc
        Temperature no junction is to pass [degC].
    critical_degc
        Temperature at which the board shuts itself down [degC].

    Raises
    ------
    ValueError
        If names do not match up, constant power is negative, or the cap is not below critical.

    Notes
    -----
    Limits: those of the parts; power depends on a block's own temperature only, and power outside
    the chip that does not heat it (regulators, USB, the supply) is not in the model.
    """

    name: str
    title: str
    clusters: tuple[Cluster, ...]
    islands: IslandMap
    power: PowerModel
    constant_w: Mapping[str, float]
    network: RcNetwork
    zones: tuple[Zone, ...]
    cap_degc: float
    critical_degc: float
    _nodes: NDArray[np.intp] = field(init=False, repr=False)  # node of each block
    _constant: Vector = field(init=False, repr=False)  # (n_nodes,)

    def __post_init__(self) -> None:
        nodes = self.network.nodes
        _require_unique("clusters", (cluster.name for cluster in self.clusters))
        _require_unique("zones", (zone.name for zone in self.zones))
        if set(self.islands.blocks) != set(self.power.blocks):
            raise ValueError(
                f"power.blocks is {self.power.blocks}, expected the blocks of the islands: "
                f"{self.islands.blocks}"
            )
        _require_known("power block", self.power.blocks, nodes)
        _require_known("constant_w", self.constant_w, nodes)
        _require_known("zone node", (zone.node for zone in self.zones), nodes)
        self._check_clusters()
        for node, watts in self.constant_w.items():
            if not (math.isfinite(watts) and watts >= 0.0):
                raise ValueError(f"constant_w of {node!r} is {watts!r}, expected 0 or more")
        if not (math.isfinite(self.critical_degc) and -273.15 < self.cap_degc < self.critical_degc):
            raise ValueError(
                f"cap_degc is {self.cap_degc!r}, expected below critical_degc = "
                f"{self.critical_degc!r}, both finite"
            )
        constant = np.array([self.constant_w.get(node, 0.0) for node in nodes])
        object.__setattr__(self, "constant_w", MappingProxyType(dict(self.constant_w)))
        object.__setattr__(self, "_constant", constant)
        object.__setattr__(self, "_nodes", np.array([nodes.index(b) for b in self.power.blocks]))

    def _check_clusters(self) -> None:
        owned: list[str] = []
        for cluster in self.clusters:
            island = self.islands.named(cluster.island)
            _require_known(f"block of cluster {cluster.name!r}", cluster.blocks, island.blocks)
            owned.extend(cluster.blocks)
        _require_unique("blocks of the clusters", owned)

    def cluster(self, name: str) -> Cluster:
        """Return the cluster of a name; ValueError if there is none."""
        for cluster in self.clusters:
            if cluster.name == name:
                return cluster
        raise ValueError(f"cluster is {name!r}, expected one of {[c.name for c in self.clusters]}")

    def junctions(self, temps_degc: ArrayLike) -> Array:
        """Return the temperatures of the power blocks, shape (..., n_blocks) [degC]."""
        return np.asarray(temps_degc, dtype=np.float64)[..., self._nodes]

    def block_arrays(self, islands: Sequence[Mapping[str, Opp]]) -> tuple[Array, Array]:
        """Return voltage [V] and frequency [Hz] of every block at N settings.

        Parameters
        ----------
        islands
            For each setting, the OPP of each island by name; an island left out runs at its
            slowest OPP.

        Returns
        -------
        tuple of ndarray
            Voltages and frequencies, each of shape (N, n_blocks).

        Raises
        ------
        ValueError
            If an island is unknown.
        """
        for setting in islands:
            _require_known("island", setting, self.islands.names)
        feeds = [self.islands.island_of(block) for block in self.power.blocks]
        opps = [[s.get(feed.name, feed.table.slowest) for feed in feeds] for s in islands]
        shape = (len(islands), len(feeds))
        voltage = np.array([[opp.voltage_v for opp in row] for row in opps]).reshape(shape)
        frequency = np.array([[opp.frequency_hz for opp in row] for row in opps]).reshape(shape)
        return voltage, frequency

    def utilisation_array(self, utilisation: Sequence[Mapping[str, float]]) -> Array:
        """Return the utilisation of every block at N settings, shape (N, n_blocks) [0..1].

        Each names clusters (ValueError if unknown); a cluster's blocks share its utilisation.
        """
        busy = np.zeros((len(utilisation), len(self.power.blocks)))
        for row, setting in zip(busy, utilisation, strict=True):
            for name, share in setting.items():
                for block in self.cluster(name).blocks:
                    row[self.power.blocks.index(block)] = share
        return busy

    def node_power(
        self, voltage_v: Array, frequency_hz: Array, *, utilisation: Array, temps_degc: Array
    ) -> Array:
        """Return the power into every node, constant power included, shape (..., n_nodes) [W].

        The first three are of blocks, shape (..., n_blocks), temperatures of nodes (..., n_nodes).
        """
        blocks = self.power.power_w(
            voltage_v,
            frequency_hz,
            utilisation=utilisation,
            temps_degc=self.junctions(temps_degc),
        )
        return self._at_nodes(blocks) + self._constant

    def node_slope(self, voltage_v: Array, *, temps_degc: Array) -> Array:
        """Return how fast each node's power grows with its temperature, (..., n_nodes) [W/K]."""
        slope = self.power.slope_w_per_k(voltage_v, self.junctions(temps_degc))
        return self._at_nodes(slope)

    def _at_nodes(self, blocks: Array) -> Array:
        nodes = np.zeros((*blocks.shape[:-1], len(self.network.nodes)))
        nodes[..., self._nodes] = blocks
        return nodes

    def node_power_w(
        self,
        islands: Mapping[str, Opp],
        utilisation: Mapping[str, float],
        temps_degc: ArrayLike,
    ) -> Vector:
        """Return the power into every node at one setting, shape (n_nodes,) [W].

        Parameters
        ----------
        islands
            OPP of each island by name; an island left out runs at its slowest OPP.
        utilisation
            Share of the time each cluster works, by name; one left out idles [0..1].
        temps_degc
            Node temperatures, shape (n_nodes,) [degC].
        """
        voltage, frequency = self.block_arrays([islands])
        busy = self.utilisation_array([utilisation])
        temps = np.asarray(temps_degc, dtype=np.float64)
        power = self.node_power(voltage, frequency, utilisation=busy, temps_degc=temps)
        return np.asarray(power[0])

    def node_power_slope_w_per_k(self, islands: Mapping[str, Opp], temps_degc: ArrayLike) -> Vector:
        """Return dP/dT of every node at one setting, shape (n_nodes,) [W/K]."""
        voltage, _ = self.block_arrays([islands])
        temps = np.asarray(temps_degc, dtype=np.float64)
        return np.asarray(self.node_slope(voltage, temps_degc=temps)[0])
