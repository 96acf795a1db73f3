"""Latency while other processes want the same cores."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np

from adaptive.engine.native import NativeEngine
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments.engine_bench.networks import BenchNetwork

BUSY = 2
SECONDS = 2.0
MOST = 2000


@dataclass(frozen=True, slots=True)
class ContentionRow:
    """Latency alone and beside two busy processes: medians, the worst run, the medians' ratio."""

    check: str
    network: str
    threads: int
    quiet_ms: float
    busy_ms: float
    worst_ms: float
    ratio: float

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
        quiet = _latencies(engine, image, effort)
        with _busy(BUSY):
            busy = _latencies(engine, image, effort)
        rows.append(
            ContentionRow(
                "contention",
                network.name,
                count,
                round(float(np.median(quiet)), 4),
                round(float(np.median(busy)), 4),
                round(float(np.max(busy)), 3),
                round(float(np.median(busy) / np.median(quiet)), 3),
            )
        )
    return rows


def _latencies(engine: NativeEngine, image: np.ndarray, effort: Effort) -> list[float]:
    """Time single runs for a while [ms]."""
    engine.run(image, effort)
    spent: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(spent) < MOST and time.perf_counter() < end:
        start = time.perf_counter()
        engine.run(image, effort)
        spent.append(1e3 * (time.perf_counter() - start))
    return spent


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep processes busy for the length of the context."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
