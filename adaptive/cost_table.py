"""What each layer costs at each precision: on a board, on a modelled machine, or as measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from adaptive.artifact import Artifact, LayerWork
from adaptive.cost import layer_cycles
from adaptive.errors import ConfigError
from adaptive.graph import layer_work
from adaptive.plant import Cluster, Plant
from adaptive.precision import Bits, Effort
from adaptive.reach import reached_layers, shared_layers
from adaptive.strict_yaml import load_yaml, parse_yaml
from dvfs.opp import Opp

Positive = Annotated[float, Meta(gt=0.0)]
NotNegative = Annotated[float, Meta(ge=0.0)]
MACHINES = ("accelerator",)


class Objective(Enum):
    """What a search keeps small."""

    ENERGY = "energy_j"
    LATENCY = "latency_s"
    CYCLES = "cycles"


class LayerCost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one layer costs for one image."""

    cycles: NotNegative | None = None
    latency_s: NotNegative | None = None
    energy_j: NotNegative | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CostTable:
    """Costs of every layer of one network at every width and precision.

    Attributes
    ----------
    name
        What the costs hold for.
    layers
        By width, layer and precision.
    reached
        Layers that run for each head; the others cost nothing.
    source
        Where the costs come from: how they were measured, or "modelled".
    """

    name: str
    layers: Mapping[float, Mapping[str, Mapping[Bits, LayerCost]]]
    reached: Mapping[str, frozenset[str]]
    source: str = "modelled"

    def of(self, effort: Effort, objective: Objective) -> float:
        """Return what an effort costs for one image; in the mean where it escalates.

        Raises
        ------
        ConfigError
            If the table does not say what a layer costs.
        """
        cost = self._sum(effort, objective, frozenset())
        then = effort.onward
        if then is not None:
            shared = shared_layers(effort, self.reached)
            cost += then.share * self._sum(then.effort, objective, shared)
        return cost

    def _sum(self, effort: Effort, objective: Objective, without: frozenset[str]) -> float:
        plan, reached = effort.plan, self.reached[effort.head] - without
        return sum(
            self._layer(effort.width, layer, bits, objective)
            for layer, bits in zip(plan.layers, plan.bits, strict=True)
            if layer in reached
        )

    def _layer(self, width: float, layer: str, bits: Bits, objective: Objective) -> float:
        cost = self.layers.get(width, {}).get(layer, {}).get(bits)
        value = None if cost is None else getattr(cost, objective.value)
        if value is None:
            raise ConfigError(
                f"cost table {self.name}: layers.{layer}.{int(bits)}.{objective.value} is missing"
                f"{'' if width == 1.0 else f' at width {width:g}'}, expected a number not below 0"
            )
        return float(value)


class _Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bits: Bits
    mac_per_cycle: Positive
    mac_j: NotNegative


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A modelled machine: rates and energies, the same for every layer."""

    schema: Literal[1]
    kind: Literal["machine"]
    name: str
    title: str
    clock_hz: Positive
    static_w: NotNegative
    rates: tuple[_Rate, ...]
    byte_j: NotNegative
    bytes_per_cycle: Positive
    source: str
    confidence: Literal["A", "B", "C", "D"]
    uncertainty: str

    def cost(self, work: LayerWork, bits: Bits) -> LayerCost:
        r"""Compute what a layer costs for one image.

        .. math::
            c = \max\left(\frac{MAC}{r(b)}, \frac{M}{r_{mem}}\right), \quad
            E = MAC\, e_{mac}(b) + M e_{byte} + P_{static} \frac{c}{f}, \quad
            M = \frac{b}{8} (W + I + O)

        Notes
        -----
        Limits: every byte moves once and overlaps with arithmetic; all at one price.
        """
        rate = next((rate for rate in self.rates if rate.bits == bits), None)
        if rate is None:
            raise ConfigError(
                f"cost table {self.name}: rates has none at {int(bits)} bits, "
                f"which layer {work.name} asks for"
            )
        moved = (work.weights + work.inputs + work.outputs) * bits / 8
        cycles = max(work.macs / rate.mac_per_cycle, moved / self.bytes_per_cycle)
        latency_s = cycles / self.clock_hz
        energy_j = work.macs * rate.mac_j + moved * self.byte_j + self.static_w * latency_s
        return LayerCost(cycles, latency_s, energy_j)


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of one network, layer by layer, as someone measured it.

    `widths` holds the same for narrower widths, by their share of the channels.
    """

    schema: Literal[1]
    kind: Literal["layers"]
    name: str
    source: str
    layers: dict[str, dict[str, LayerCost]]
    widths: dict[str, dict[str, dict[str, LayerCost]]] = {}


def load_costs(name_or_path: str, artifact: Artifact) -> CostTable:
    """Load a cost table: the bundled ``accelerator``, or any YAML file of either kind.

    Raises
    ------
    ConfigError
        Naming the file and the field, if it cannot be read or lacks a layer of the network.
    """
    if name_or_path in MACHINES:
        text = files("adaptive.cost_tables").joinpath(f"{name_or_path}.yaml").read_text()
        content = parse_yaml(text, origin=f"{name_or_path}.yaml")
    else:
        content = load_yaml(Path(name_or_path))
    try:
        document: Machine | Listed = msgspec.convert(_with_text_keys(content), _kind_of(content))
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name_or_path}: {error}") from error
    if isinstance(document, Machine):
        return _table(artifact, document.name, document.cost)
    return _listed(artifact, document, where=name_or_path)


def _kind_of(content: object) -> type[Machine] | type[Listed]:
    """Tell the two kinds of file apart."""
    listed = isinstance(content, Mapping) and content.get("kind") == "layers"
    return Listed if listed else Machine


def _with_text_keys(content: object) -> object:
    """Let precisions be written as numbers: YAML reads `16:` as one."""
    if isinstance(content, Mapping):
        return {str(key): _with_text_keys(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_with_text_keys(value) for value in content]
    return content


def _listed(artifact: Artifact, document: Listed, *, where: str) -> CostTable:
    """Check a listed table against the network."""
    names = {f"{width:g}": width for width in artifact.widths[1:]}
    costs = {1.0: _of_layers(artifact, document.layers, where=f"{where}: layers")}
    for name, layers in document.widths.items():
        if name not in names:
            raise ConfigError(
                f"{where}: widths.{name} is unknown, expected one of {', '.join(names) or 'none'}"
            )
        costs[names[name]] = _of_layers(artifact, layers, where=f"{where}: widths.{name}")
    return CostTable(document.name, costs, reached_layers(artifact), document.source)


def _of_layers(
    artifact: Artifact, listed: Mapping[str, Mapping[str, LayerCost]], *, where: str
) -> dict[str, dict[Bits, LayerCost]]:
    """Check the costs of one width against the network's layers."""
    for layer in listed:
        if layer not in artifact.layers:
            raise ConfigError(
                f"{where}.{layer} is unknown, expected one of {', '.join(artifact.layers)}"
            )
    layers: dict[str, dict[Bits, LayerCost]] = {}
    for layer in artifact.layers:
        found = listed.get(layer, {})
        for bits in artifact.bits:
            if str(int(bits)) not in found:
                raise ConfigError(f"{where}.{layer}.{int(bits)} is missing, expected its cost")
        layers[layer] = {bits: found[str(int(bits))] for bits in artifact.bits}
    return layers


def board_costs(artifact: Artifact, plant: Plant, cluster: Cluster, opp: Opp) -> CostTable:
    """Return what a network costs on a cluster of a board at an OPP, junctions at the cap.

    Energy is that of the whole board while it works on the image.
    """
    at_cap = np.full(len(plant.network.nodes), plant.cap_degc)
    power_w = float(plant.node_power_w({cluster.island: opp}, {cluster.name: 1.0}, at_cap).sum())

    def cost(work: LayerWork, bits: Bits) -> LayerCost:
        cycles = layer_cycles(work, bits, cluster)
        latency_s = cycles / (cluster.cores * opp.frequency_hz)
        return LayerCost(cycles, latency_s, power_w * latency_s)

    megahertz = round(opp.frequency_hz / 1e6)
    return _table(artifact, f"{plant.name} {cluster.name} at {megahertz} MHz", cost)


def find_opp(
    plant: Plant, *, cluster: str | None, frequency_hz: float | None
) -> tuple[Cluster, Opp]:
    """Return a cluster, the first by default, and its OPP at a frequency, the fastest by default.

    Raises
    ------
    ConfigError
        If the board has no such cluster, or the cluster no such OPP.
    """
    names = [one.name for one in plant.clusters]
    if cluster is not None and cluster not in names:
        raise ConfigError(f"--cores is {cluster!r}, expected one of {', '.join(names)}")
    found = plant.clusters[0 if cluster is None else names.index(cluster)]
    opps: Sequence[Opp] = tuple(plant.islands.named(found.island).table)
    if frequency_hz is None:
        return found, opps[-1]
    near = [
        opp for opp in opps if isfinite(frequency_hz) and abs(opp.frequency_hz - frequency_hz) < 5e5
    ]
    if not near:
        known = ", ".join(f"{opp.frequency_hz / 1e6:g}" for opp in opps)
        raise ConfigError(f"--mhz is {frequency_hz / 1e6:g}, expected one of {known}")
    return found, near[0]


def _table(
    artifact: Artifact, name: str, cost: Callable[[LayerWork, Bits], LayerCost]
) -> CostTable:
    """Cost every layer at every precision."""
    layers = {
        width: {
            node.name: {
                bits: cost(layer_work(node, network.signals), bits) for bits in artifact.bits
            }
            for node in network.switchable
        }
        for width, network in artifact.subnetworks.items()
    }
    return CostTable(name, layers, reached_layers(artifact))
