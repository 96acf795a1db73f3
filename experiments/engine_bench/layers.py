"""Where our own time goes: each layer against the core's measured peak."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from adaptive.artifact import Artifact
from adaptive.engine.native import NativeEngine, StepProfile
from adaptive.graph import Conv2d, Node
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments.engine_bench.networks import BenchNetwork
from experiments.engine_bench.peak import Peak

PLANS = {"all-8": Bits.INT8, "all-16": Bits.INT16}
REPEATS = 3
PREPARATIONS = ("narrow", "weave")
"""What makes codes ready for a layer, under its name."""
LARGE = 10_000_000
"""Multiply-accumulates from which on a layer is large."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One step of one network at one thread: median [ms], rate, share of the peak of 8 bits.

    `peak_share` is 0 where the core has no dot product, `macs` is 0 where nothing is multiplied.
    """

    network: str
    threads: int
    runtime: str
    plan: str
    layer: str
    kind: str
    macs: int
    median_ms: float
    gmacs_s: float
    peak_share: float

    def to_dict(self) -> dict[str, object]:
        """Return the fields as the JSON lines have them."""
        return asdict(self)


def profile_layers(
    networks: Sequence[BenchNetwork],
    peak: Peak,
    *,
    rounds: int,
    progress: Callable[[float], None],
) -> list[LayerRow]:
    """Profile every network at both precisions, the peak measured between them."""
    rates: list[float] = []
    rows: list[LayerRow] = []
    for index, network in enumerate(networks):
        engine = NativeEngine(network.artifact)
        spent: dict[str, list[list[float]]] = {plan: [] for plan in PLANS}
        macs: dict[str, list[tuple[str, str, int]]] = {}
        for _ in range(rounds):
            for plan, bits in PLANS.items():
                effort = Effort(PrecisionPlan.uniform(network.artifact.layers, bits))
                steps = engine.profile(effort, repeats=REPEATS)
                spent[plan].append([1e3 * step.time_s for step in steps])
                macs[plan] = [
                    (step.name, kind_of(step, network.artifact), step.macs) for step in steps
                ]
                rates.append(peak.macs_hz())
        for plan in PLANS:
            medians = np.median(spent[plan], axis=0)
            rows += [
                _row(network, plan, name, kind, count, float(ms), float(np.median(rates)))
                for (name, kind, count), ms in zip(macs[plan], medians, strict=True)
            ]
        progress((index + 1) / len(networks))
    return rows


def _row(
    network: BenchNetwork,
    plan: str,
    name: str,
    kind: str,
    macs: int,
    ms: float,
    peak_hz: float,
) -> LayerRow:
    rate_hz = macs / (1e-3 * ms) if ms > 0.0 else 0.0
    return LayerRow(
        network.name,
        1,
        "native",
        plan,
        name,
        kind,
        macs,
        round(ms, 5),
        round(1e-9 * rate_hz, 2),
        round(rate_hz / peak_hz, 3) if peak_hz else 0.0,
    )


def kind_of(step: StepProfile, artifact: Artifact) -> str:
    """Name the kind of a step: `3x3 large`, `1x1`, `depthwise`, `linear`, or its operation."""
    node: Node | None = next((n for n in artifact.graph if n.name == step.name), None)
    if node is None or step.operation in PREPARATIONS:
        return step.operation
    if isinstance(node, Conv2d):
        if node.groups > 1:
            return "depthwise" if node.groups == node.channels else "grouped"
        size = "large" if step.macs >= LARGE else "small"
        return f"{node.kernel[0]}x{node.kernel[1]} {size}"
    return type(node).__name__.lower()
