"""What efforts take on this machine: latency in percentiles, and the cost of every layer.

Times are wall-clock times of the native engine on the machine this runs on. They are noisy where
other processes run: medians are reported, and the load is the caller's to keep away.
"""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

from adaptive.artifact import Artifact
from adaptive.engine.native import NativeEngine
from adaptive.files import write_atomically
from adaptive.precision import Bits, Effort, PrecisionPlan


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of one image under an effort.

    Attributes
    ----------
    effort
        What was run.
    median_s, p90_s, p99_s, worst_s
        Percentiles over the repeats, and the longest of them [s].
    """

    effort: Effort
    median_s: float
    p90_s: float
    p99_s: float
    worst_s: float


@dataclass(frozen=True, slots=True)
class LayerTime:
    """What one layer takes for one image at one precision; a fused addition is part of it.

    Attributes
    ----------
    layer, bits, width
        Which layer, its precision, and the share of the network's channels that run.
    time_s
        Median over the repeats [s].
    cycles
        The same in core cycles, at `clock_hz`.
    macs, bytes
        Multiply-accumulates, and bytes of weights and activations touched.
    """

    layer: str
    bits: Bits
    width: float
    time_s: float
    cycles: float
    macs: int
    bytes: int


def clock_hz() -> float:
    """Return the clock the cycles are counted at: the highest the kernel tells of core 0 [Hz].

    Where it tells none (virtual machines), the current one is taken.
    """
    clock = psutil.cpu_freq()
    return 1e6 * (clock.max or clock.current)


def measure_latency(
    engine: NativeEngine, efforts: Sequence[Effort], *, repeats: int
) -> tuple[Latency, ...]:
    """Time whole images, the efforts taking turns so that they meet the same disturbances."""
    images = np.random.default_rng(0).integers(
        0, 256, (1, *engine.artifact.source.shape), dtype=np.uint8
    )
    engine.prepare(efforts)
    for effort in efforts:
        engine.run(images, effort)
    times = np.empty((repeats, len(efforts)))
    for i in range(repeats):
        for j, effort in enumerate(efforts):
            begin = time.perf_counter()
            engine.run(images, effort)
            times[i, j] = time.perf_counter() - begin
    marks = np.percentile(times, (50, 90, 99, 100), axis=0)
    return tuple(Latency(effort, *marks[:, j].tolist()) for j, effort in enumerate(efforts))


def measure_layers(engine: NativeEngine, *, repeats: int) -> tuple[LayerTime, ...]:
    """Time every layer at every width and precision of the network, under the uniform plans."""
    artifact, clock = engine.artifact, clock_hz()
    found: dict[tuple[float, Bits, str], LayerTime] = {}
    for width, bits, head in product(artifact.widths, artifact.bits, artifact.heads):
        effort = Effort(PrecisionPlan.uniform(artifact.layers, bits), width, head)
        ahead_s: dict[str, float] = {}  # spent on making codes ready for a layer
        for step in engine.profile(effort, repeats=repeats):
            if not step.bits:
                ahead_s[step.name] = step.time_s
                continue
            time_s = step.time_s + ahead_s.get(step.name, 0.0)
            found.setdefault(  # what an earlier head ran too is timed once
                (width, bits, step.name),
                LayerTime(
                    layer=step.name,
                    bits=bits,
                    width=width,
                    time_s=time_s,
                    cycles=time_s * clock,
                    macs=step.macs,
                    bytes=step.bytes,
                ),
            )
    return tuple(found.values())


def cost_document(artifact: Artifact, times: Sequence[LayerTime], *, where: str) -> dict[str, Any]:
    """Return a cost table of kind `layers`, as searches load it."""
    widths: dict[str, dict[str, dict[str, dict[str, float]]]] = {
        f"{width:g}": {name: {} for name in artifact.layers} for width in artifact.widths
    }
    for row in times:
        widths[f"{row.width:g}"][row.layer][str(int(row.bits))] = {
            "cycles": float(f"{row.cycles:.6g}"),
            "latency_s": float(f"{row.time_s:.6g}"),
        }
    layers = widths.pop("1")
    return {
        "schema": 1,
        "kind": "layers",
        "name": f"{artifact.name} on {platform.node() or 'this machine'}",
        "source": where,
        "layers": layers,
    } | ({"widths": widths} if widths else {})


def save_costs(document: dict[str, Any], path: Path) -> None:
    """Write a cost table whole or not at all."""
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    write_atomically(path, text.encode())
