"""What an effort costs on a board: cycles, then time, then the table of operating points."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product

import numpy as np

from adaptive.artifact import Artifact, LayerWork
from adaptive.errors import ConfigError
from adaptive.escalation import rest_of
from adaptive.operating_point import OperatingPoint, OperatingPointTable
from adaptive.plant import Cluster, Plant
from adaptive.precision import Bits, Effort, PrecisionPlan
from dvfs.opp import Opp

EffortCycles = Callable[[Effort], float]
"""Core cycles of an effort for one image."""
DUTIES = (1.0, 0.75, 0.5, 0.25, 0.0)


def layer_cycles(work: LayerWork, bits: Bits, cluster: Cluster) -> float:
    r"""Estimate the core cycles of one layer for one image.

    .. math:: c = \frac{MAC}{r(b)} + \frac{b}{8} \frac{W + I + O}{r_{mem}} + c_0

    Parameters
    ----------
    work
        The layer's counts for one image.
    bits
        Precision of the layer.
    cluster
        Rates of one core: `r(b)` multiply-accumulates a cycle, `r_mem` bytes a cycle, and a
        fixed overhead `c_0` a layer.

    Returns
    -------
    float
        Cycles on one core.

    Raises
    ------
    ConfigError
        If the board gives no rate for the precision.

    Notes
    -----
    Limits: the rates in the bundled board files are modelled, not measured (each file says so).
    Every byte is charged at the same rate wherever it lies, and the memory's own clock is taken
    to follow the core's, which flatters high frequencies on large networks.
    """
    rate = cluster.mac_per_cycle.get(bits)
    if rate is None:
        raise ConfigError(
            f"board's cluster {cluster.name}: mac_per_cycle has no rate at {int(bits)} bits, "
            f"which layer {work.name} asks for; known are {[int(b) for b in cluster.mac_per_cycle]}"
        )
    moved = (work.weights + work.inputs + work.outputs) * bits / 8
    return work.macs / rate + moved / cluster.bytes_per_cycle + cluster.layer_overhead_cycles


def plan_cycles(work: Sequence[LayerWork], plan: PrecisionPlan, cluster: Cluster) -> float:
    """Sum `layer_cycles` over the network under a plan, for one image [core cycles]."""
    return sum(layer_cycles(layer, plan.bits_of(layer.name), cluster) for layer in work)


def effort_cycles(artifact: Artifact, effort: Effort, cluster: Cluster) -> float:
    """Estimate the core cycles of an effort for one image; in the mean where it escalates."""
    return _expected(artifact, effort, lambda work, plan: plan_cycles(work, plan, cluster))


def macs_of(artifact: Artifact, effort: Effort) -> int:
    """Count the multiply-accumulates of an effort for one image; in the mean where it escalates."""
    return round(_expected(artifact, effort, lambda work, _plan: sum(w.macs for w in work)))


def bytes_of(artifact: Artifact, effort: Effort) -> int:
    """Count the bytes of weights and activations that an effort's layers read and write.

    In the mean where it escalates.
    """
    return round(_expected(artifact, effort, bytes_moved))


def byte_products(artifact: Artifact, effort: Effort) -> float:
    """Count products of two bytes for one image: one of 16 bits is four of them.

    In the mean where it escalates.
    """

    def products(work: Sequence[LayerWork], plan: PrecisionPlan) -> float:
        return sum(w.macs * (plan.bits_of(w.name) / Bits.INT8) ** 2 for w in work)

    return _expected(artifact, effort, products)


def _expected(
    artifact: Artifact,
    effort: Effort,
    cost: Callable[[Sequence[LayerWork], PrecisionPlan], float],
) -> float:
    """Add to an effort's cost the share of the rest's that is expected."""
    total = cost(artifact.work_of(effort), effort.plan)
    if effort.onward is not None:
        rest = rest_of(artifact, effort)
        total += effort.onward.share * cost(rest, effort.onward.effort.plan)
    return total


def bytes_moved(work: Sequence[LayerWork], plan: PrecisionPlan) -> int:
    """Count the bytes of weights and activations that layers read and write under a plan."""
    return sum((w.weights + w.inputs + w.outputs) * plan.bits_of(w.name) for w in work) // 8


def frame_latency_s(
    work: Sequence[LayerWork],
    plan: PrecisionPlan,
    cluster: Cluster,
    frequency_hz: float,
    *,
    images_per_frame: int,
) -> float:
    """Time for a cluster to answer one frame at a frequency [s].

    A frame's images are shared evenly among the cluster's cores, with no loss.
    """
    cycles = plan_cycles(work, plan, cluster) * images_per_frame
    return cycles / (cluster.cores * frequency_hz)


def efficient_efforts(
    artifact: Artifact,
    cluster: Cluster,
    *,
    level: str | None = None,
    cycles: EffortCycles | None = None,
) -> tuple[Effort, ...]:
    """Return the measured efforts on the upper hull of accuracy over cycles, cheapest first.

    Accuracy is that at a level of the labels, the leaves by default; cycles are modelled by
    default.

    Each step along the hull buys less accuracy a cycle than the one before; an effort below it is
    beaten by another one, or by time shared between two.

    Notes
    -----
    Limits: accuracies are taken as measured, so gains smaller than their error bars stay in.
    """
    level = level or artifact.labels.levels[0]
    costs = [
        (
            effort_cycles(artifact, m.effort, cluster) if cycles is None else cycles(m.effort),
            -m.accuracy[level],
            m.effort,
        )
        for m in artifact.measured
        if level in m.accuracy
    ]
    hull: list[tuple[float, float, Effort]] = []
    for entry in sorted(costs, key=lambda cost: cost[:2]):
        if hull and entry[1] >= hull[-1][1]:
            continue  # dearer and no more accurate
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], entry):
            hull.pop()
        hull.append(entry)
    return tuple(effort for _, _, effort in hull)


def _slope(a: tuple[float, float, Effort], b: tuple[float, float, Effort]) -> float:
    """Misses that a cycle more avoids, as a negative number: the hull's slopes must rise."""
    return (b[1] - a[1]) / (b[0] - a[0])


def build_points(
    plant: Plant,
    artifact: Artifact,
    *,
    images_per_frame: int,
    efforts: Sequence[Effort] = (),
    level: str | None = None,
    measured_cycles: Mapping[str, EffortCycles] | None = None,
) -> OperatingPointTable:
    """Cross a network's efforts with every cluster, OPP and duty of a board.

    Parameters
    ----------
    plant
        The board.
    artifact
        The network, with the accuracies measured at its export.
    images_per_frame
        How many images the network classifies to answer one frame.
    efforts
        Measured efforts to use; the efficient ones by default.
    level
        Level of the labels at which frames are answered; the leaves by default.
    measured_cycles
        Core cycles of an effort on the clusters named, in place of what the board's rates model.

    Returns
    -------
    OperatingPointTable
        One point per combination; duty 0 (idle) once per cluster, at its slowest OPP.

    Raises
    ------
    ConfigError
        If the labels have no such level, or none of the efforts was measured at it.

    Notes
    -----
    `power_w` is taken with every node at the board's cap and the cluster kept busy: an upper
    bound on what the point draws below the cap.
    """
    levels = artifact.labels.levels
    level = levels[0] if level is None else level
    if level not in levels:
        raise ConfigError(f"level is {level!r}, expected one of {', '.join(levels)}")
    measured = {m.effort: m.accuracy[level] for m in artifact.measured if level in m.accuracy}
    cycles_on = {
        cluster.name: (measured_cycles or {}).get(
            cluster.name, partial(effort_cycles, artifact, cluster=cluster)
        )
        for cluster in plant.clusters
    }
    first = plant.clusters[0]
    chosen = tuple(efforts) or efficient_efforts(
        artifact, first, level=level, cycles=cycles_on[first.name]
    )
    if not chosen:
        raise ConfigError(f"none of {artifact.name}'s efforts was measured at level {level}")
    at_cap = np.full(len(plant.network.nodes), plant.cap_degc)
    points = []
    for cluster, effort in product(plant.clusters, chosen):
        table = plant.islands.named(cluster.island).table
        for opp, duty in product(table, DUTIES):
            if duty == 0.0 and (opp != table.slowest or effort != chosen[0]):
                continue
            islands = {cluster.island: opp}
            power = plant.node_power_w(islands, {cluster.name: duty}, at_cap)
            points.append(
                OperatingPoint(
                    name=_name(cluster.name, opp, effort, duty),
                    effort=effort,
                    level=level,
                    cores=cluster.name,
                    islands=islands,
                    duty=duty,
                    accuracy=measured[effort],
                    latency_s=images_per_frame
                    * cycles_on[cluster.name](effort)
                    / (cluster.cores * opp.frequency_hz),
                    power_w=float(power.sum()),
                )
            )
    return OperatingPointTable(plant.name, artifact.name, artifact.checksum, tuple(points))


def _name(cluster: str, opp: Opp, effort: Effort, duty: float) -> str:
    megahertz = round(opp.frequency_hz / 1e6)
    if duty == 0.0:
        return f"{cluster}-{megahertz}MHz/idle"
    return f"{cluster}-{megahertz}MHz/{effort.code}/{duty:.0%}"
