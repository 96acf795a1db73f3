"""What changing the precision plan costs: time of the next run, memory, leaks."""

import time
from dataclasses import asdict, dataclass

import numpy as np
import psutil

from adaptive.engine.native import NativeEngine
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from experiments.engine_bench.networks import BenchNetwork

SWITCHES = 1000
PLANS = 200
PAIRS = 300


@dataclass(frozen=True, slots=True)
class SwitchRow:
    """Switching on one network.

    `first_over_second` is the median ratio of the first run after a change of plan to the second.
    `growth_kib` is what resident memory grew by over 1,000 random switches between known plans,
    `plan_kib` what each further plan takes.
    """

    check: str
    network: str
    first_over_second: float
    growth_kib: float
    plan_kib: float

    def to_dict(self) -> dict[str, object]:
        """Return the fields as the JSON lines have them."""
        return asdict(self)


def measure_switching(network: BenchNetwork, *, seed: int) -> SwitchRow:
    """Switch at random and look at time and memory."""
    artifact = network.artifact
    engine = NativeEngine(artifact)
    image = np.load(network.images_path, allow_pickle=False)[:1]
    uniform = [PrecisionPlan.uniform(artifact.layers, bits) for bits in (Bits.INT8, Bits.INT16)]
    count = min(PLANS, 2 ** len(artifact.layers))
    drawn = random_plans(artifact.layers, count, seed=seed)
    process = psutil.Process()
    for plan in uniform:
        engine.run(image, Effort(plan))
    before = process.memory_info().rss
    for plan in drawn:
        engine.run(image, Effort(plan))
    after = process.memory_info().rss
    rng = np.random.default_rng(seed)
    settled = process.memory_info().rss
    for index in rng.integers(0, count, SWITCHES if artifact.work else 0):
        engine.run(image, Effort(drawn[index]))
    growth = process.memory_info().rss - settled
    return SwitchRow(
        "switching",
        network.name,
        round(_first_over_second(engine, image, drawn, rng), 4),
        growth / 1024,
        round((after - before) / 1024 / count, 2),
    )


def _first_over_second(
    engine: NativeEngine,
    image: np.ndarray,
    plans: tuple[PrecisionPlan, ...],
    rng: np.random.Generator,
) -> float:
    """Time the first and the second run after changes of plan; return the median ratio."""
    ratios = []
    for index in rng.integers(0, len(plans), PAIRS):
        effort = Effort(plans[index])
        start = time.perf_counter()
        engine.run(image, effort)
        middle = time.perf_counter()
        engine.run(image, effort)
        ratios.append((middle - start) / (time.perf_counter() - middle))
    return float(np.median(ratios))
