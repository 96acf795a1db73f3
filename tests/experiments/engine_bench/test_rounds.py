from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from experiments.engine_bench.config import BenchConfig
from experiments.engine_bench.peers.serve import time_runs
from experiments.engine_bench.rounds import Target, row_of, time_in_rounds
from experiments.engine_bench.worker import WorkerError

CONFIG = BenchConfig(
    networks=(), peers=(), threads=(1,), rounds=6, burst_s=0.01, burst_runs=5, slow_ms=100.0,
    slow_rounds=2, layer_rounds=1, seed=0, calibration_images=1,
)  # fmt: skip


@dataclass
class Scripted:
    """Answers bursts from a list; an error among them is raised."""

    name: str
    answers: list[Any]
    log: list[str] = field(default_factory=list)

    def burst(self, *, seconds: float, runs: int) -> list[float]:
        assert (seconds, runs) == (0.01, 5)
        self.log.append(self.name)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)


def target(timed: Scripted) -> Target:
    return Target("net", 1, timed.name, "int8", timed)  # type: ignore[arg-type]


def test_a_row_is_the_median_and_the_99th_percentile() -> None:
    row = row_of(target(Scripted("a", [])), [float(k) for k in range(101)])
    assert (row.median_ms, row.p99_ms) == (50.0, 99.0)


def test_models_take_turns_and_a_slow_one_drops_out_early() -> None:
    log: list[str] = []
    fast = Scripted("fast", [[1.0, 3.0]] * 6, log)
    slow = Scripted("slow", [[200.0]] * 6, log)
    shares: list[float] = []
    rows = time_in_rounds(
        [target(fast), target(slow)],
        CONFIG,
        progress=shares.append,
        fail=lambda target, reason: pytest.fail(reason),
    )
    assert [(row.runtime, row.median_ms) for row in rows] == [("fast", 2.0), ("slow", 200.0)]
    assert [set(log[k : k + 2]) for k in (0, 2)] == [{"fast", "slow"}] * 2
    assert log[4:] == ["fast"] * 4
    assert shares[-1] == 1.0


def test_a_model_that_fails_is_left_out_and_told_of() -> None:
    good = Scripted("good", [[1.0]] * 6)
    bad = Scripted("bad", [[1.0], WorkerError("lost")])
    failed: list[tuple[str, str]] = []
    rows = time_in_rounds(
        [target(bad), target(good)],
        replace(CONFIG, slow_rounds=1),
        progress=lambda share: None,
        fail=lambda target, reason: failed.append((target.runtime, reason)),
    )
    assert [row.runtime for row in rows] == ["good"]
    assert failed == [("bad", "lost")]


def test_runs_are_timed_after_one_that_is_not_and_end_at_either_limit() -> None:
    ran: list[int] = []
    assert len(time_runs(lambda: ran.append(1), seconds=10.0, runs=7)) == 7
    assert len(ran) == 8
    assert len(time_runs(lambda: ran.append(1), seconds=0.0, runs=7)) == 1
