"""What changing the effort costs: time of the next run, memory, leaks."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import psutil

from adaptive.artifact import Artifact, load_artifact
from adaptive.engine.native import NativeEngine
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from experiments.engine_bench.networks import BenchNetwork, draw_images

SWITCHES = 1000
PLANS = 200
PAIRS = 1000
NESTED = ("resnet8_early_cifar10", "mobilenet_v1_early_cifar10")
"""Bundled networks of several widths and heads."""


@dataclass(frozen=True, slots=True)
class SwitchRow:
    """Switching on one network, among plans of bits or among widths and heads (`changes`).

    `first_over_second` is the ratio of the first run after a change to the second: the median over
    efforts of the medians over changes to each. `growth_kib` is what resident memory grew by over
    1,000 random switches between known efforts, `effort_kib` what each further effort takes.
    """

    check: str
    network: str
    changes: str
    first_over_second: float
    growth_kib: float
    effort_kib: float

    def to_dict(self) -> dict[str, object]:
        """Return the fields as the JSON lines have them."""
        return asdict(self)


def measure_all(networks: Sequence[BenchNetwork], *, seed: int) -> list[SwitchRow]:
    """Switch bits on every network; widths and heads, and again bits, on those that carry them."""
    rows = [
        measure_switching(
            network.name,
            network.artifact,
            np.load(network.images_path, allow_pickle=False)[:1],
            plans_of(network.artifact, seed=seed),
            changes="bits",
            seed=seed,
        )
        for network in networks
    ]
    for name in NESTED:
        artifact = load_artifact(name)
        image = draw_images(artifact.source.shape, 1, seed=seed)
        kinds = {"bits": plans_of(artifact, seed=seed), "widths and heads": shapes_of(artifact)}
        rows += [
            measure_switching(name, artifact, image, efforts, changes=changes, seed=seed)
            for changes, efforts in kinds.items()
        ]
    return rows


def plans_of(artifact: Artifact, *, seed: int) -> tuple[Effort, ...]:
    """Return random plans of bits at the full width."""
    count = min(PLANS, 2 ** len(artifact.layers))
    return tuple(map(Effort, random_plans(artifact.layers, count, seed=seed)))


def shapes_of(artifact: Artifact) -> tuple[Effort, ...]:
    """Return every width and head at 8 bits."""
    plan = PrecisionPlan.uniform(artifact.layers, Bits.INT8)
    return tuple(Effort(plan, width, head) for width in artifact.widths for head in artifact.heads)


def measure_switching(
    name: str,
    artifact: Artifact,
    image: np.ndarray,
    efforts: Sequence[Effort],
    *,
    changes: str,
    seed: int,
) -> SwitchRow:
    """Switch at random and look at time and memory."""
    engine, process = NativeEngine(artifact), psutil.Process()
    for bits in (Bits.INT8, Bits.INT16):
        engine.run(image, Effort(PrecisionPlan.uniform(artifact.layers, bits)))
    before = process.memory_info().rss
    for effort in efforts:
        engine.run(image, effort)
    after = process.memory_info().rss
    rng = np.random.default_rng(seed)
    for index in rng.integers(0, len(efforts), SWITCHES):
        engine.run(image, efforts[index])
    growth = process.memory_info().rss - after
    return SwitchRow(
        "switching",
        name,
        changes,
        round(_first_over_second(engine, image, efforts, rng), 4),
        growth / 1024,
        round((after - before) / 1024 / len(efforts), 2),
    )


def _first_over_second(
    engine: NativeEngine, image: np.ndarray, efforts: Sequence[Effort], rng: np.random.Generator
) -> float:
    """Time the first and the second run after each change; return the median ratio."""
    times: dict[Effort, list[tuple[float, float]]] = {}
    last = None
    for index in rng.integers(0, len(efforts), PAIRS):
        effort = efforts[index]
        if effort == last:
            continue
        last = effort
        start = time.perf_counter()
        engine.run(image, effort)
        middle = time.perf_counter()
        engine.run(image, effort)
        times.setdefault(effort, []).append((middle - start, time.perf_counter() - middle))
    medians = [np.median(pairs, axis=0) for pairs in times.values()]
    return float(np.median([first / second for first, second in medians]))
