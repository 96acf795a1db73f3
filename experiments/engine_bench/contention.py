"""Latency while other processes want the same cores."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from adaptive.engine.native import NativeEngine
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments.busy import busy
from experiments.engine_bench.networks import BenchNetwork

BUSY = 2
SECONDS = 3.0
MOST = 2000
PROBE_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class ContentionRow:
    """Latency alone and beside two busy processes: medians, the worst run, the medians' ratio.

    `yardstick_ratio` and `yardstick_worst_ms` are of a loop without threads that takes as long when
    it is alone and runs in turns with the engine: what the kernel's scheduler takes from anybody.
    """

    check: str
    network: str
    threads: int
    quiet_ms: float
    busy_ms: float
    worst_ms: float
    ratio: float
    yardstick_ratio: float
    yardstick_worst_ms: float

    def to_dict(self) -> dict[str, object]:
        """Return the fields as the JSON lines have them."""
        return asdict(self)


def measure_contention(network: BenchNetwork, *, threads: Sequence[int]) -> list[ContentionRow]:
    """Time all-8 alone and beside busy processes, for each thread count."""
    effort = Effort(PrecisionPlan.uniform(network.artifact.layers, Bits.INT8))
    image = np.load(network.images_path, allow_pickle=False)[:1]
    rows = []
    for count in threads:
        engine = NativeEngine(network.artifact, threads=count)

        def run(engine: NativeEngine = engine) -> None:
            engine.run(image, effort)

        [alone] = _latencies(run)
        yardstick = yardstick_of(float(np.median(alone)))
        quiet, loop = (float(np.median(spent)) for spent in _latencies(run, yardstick))
        with busy(BUSY):
            beside, loop_beside = _latencies(run, yardstick)
        rows.append(
            ContentionRow(
                "contention",
                network.name,
                count,
                round(quiet, 4),
                round(float(np.median(beside)), 4),
                round(float(np.max(beside)), 3),
                round(float(np.median(beside)) / quiet, 3),
                round(float(np.median(loop_beside)) / loop, 3),
                round(float(np.max(loop_beside)), 3),
            )
        )
    return rows


def yardstick_of(length_ms: float) -> Callable[[], object]:
    """Return a loop of machine code that takes about so long alone [ms]."""
    probe = bytes(PROBE_BYTES)
    [spent] = _latencies(lambda: hashlib.sha256(probe).digest(), seconds=0.1)
    content = bytes(max(1, round(PROBE_BYTES * length_ms / float(np.median(spent)))))
    return lambda: hashlib.sha256(content).digest()


def _latencies(*calls: Callable[[], object], seconds: float = SECONDS) -> list[list[float]]:
    """Time calls in turns for a while [ms]."""
    spent: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    while len(spent[0]) < MOST and time.perf_counter() < end:
        for call, taken in zip(calls, spent, strict=True):
            start = time.perf_counter()
            call()
            taken.append(1e3 * (time.perf_counter() - start))
    return spent
