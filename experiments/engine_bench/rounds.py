"""Timing many models in turns, so that whatever else the machine does hits all of them alike.

Each round times every model once, in a new random order, as one short burst. Medians of the runs
of all rounds are then comparable even on a busy machine; their ratios more than their values.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from experiments.engine_bench.config import BenchConfig, Plan
from experiments.engine_bench.worker import Timed, WorkerError


@dataclass(frozen=True, slots=True)
class Target:
    """One model to time."""

    network: str
    threads: int
    runtime: str
    plan: Plan
    timed: Timed


@dataclass(frozen=True, slots=True)
class Row:
    """Latency of one model: median and 99th percentile over all its runs [ms]."""

    network: str
    threads: int
    runtime: str
    plan: str
    median_ms: float
    p99_ms: float

    def to_dict(self) -> dict[str, object]:
        """Return the fields as the JSON lines have them."""
        return asdict(self)


def time_in_rounds(
    targets: Sequence[Target],
    config: BenchConfig,
    *,
    progress: Callable[[float], None],
    fail: Callable[[Target, str], None],
) -> list[Row]:
    """Time every model; one that fails is reported through `fail` and left out."""
    spent: dict[int, list[float]] = {index: [] for index in range(len(targets))}
    order = list(spent)
    shuffler = random.Random(config.seed)
    for turn in range(config.rounds):
        shuffler.shuffle(order)
        for index in list(order):
            slow = bool(spent[index]) and float(np.median(spent[index])) > config.slow_ms
            if slow and turn >= config.slow_rounds:
                continue
            try:
                burst = targets[index].timed.burst(seconds=config.burst_s, runs=config.burst_runs)
            except WorkerError as error:
                fail(targets[index], str(error))
                order.remove(index)
                spent[index] = []
                continue
            spent[index] += burst
        progress((turn + 1) / config.rounds)
    return [row_of(targets[index], runs) for index, runs in spent.items() if runs]


def row_of(target: Target, runs: Sequence[float]) -> Row:
    """Summarise the runs of one model [ms]."""
    return Row(
        target.network,
        target.threads,
        target.runtime,
        target.plan,
        median_ms=round(float(np.median(runs)), 4),
        p99_ms=round(float(np.percentile(runs, 99)), 4),
    )
