"""What a fleet's boards came to, counted while they run."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from adaptive.operating_point import OperatingPointTable
from experiments.fleet.platform import Span
from experiments.reward import Worth
from experiments.workloads import Workload
from thermal.network import Matrix, Vector

_LATENCY_STEP_S = 0.002  # to which a percentile of the latency is known
_BINS = 240  # what a picture of a run can show


@dataclass(frozen=True, slots=True, eq=False)
class BoardResults:
    """One entry a board, each of shape (N,).

    Attributes
    ----------
    seed
        What each board and its stream were drawn from.
    reward, answered, dropped
        As `experiments.reward.Score`, and the share of the frames demanded that was dropped [0..1].
    peak_degc
        Hottest junction of the whole run [degC].
    time_above_cap_s, time_above_cap_1k_s
        Time some junction was above the cap, and above it by more than 1 K [s].
    energy_j, energy_per_correct_j
        Energy of the board, and for one frame rightly answered; infinite if none [J].
    latency_p99_s
        From arrival to answer, 99 % of the frames answered took no longer, to 2 ms [s].
    backlog_peak
        Most frames left waiting at the end of a period.
    shut_down
        Whether the board reached its critical temperature.
    """

    seed: NDArray[np.int64]
    reward: Vector
    answered: Vector
    dropped: Vector
    peak_degc: Vector
    time_above_cap_s: Vector
    time_above_cap_1k_s: Vector
    energy_j: Vector
    energy_per_correct_j: Vector
    latency_p99_s: Vector
    backlog_peak: NDArray[np.int64]
    shut_down: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """How a fleet's runs went, in bins of equal length.

    Attributes
    ----------
    time_s
        End of each bin, shape (bins,) [s].
    hottest_degc
        Hottest junction of each board in each bin, shape (bins, N) [degC].
    power_w
        Mean power of each board, shape (bins, N) [W].
    reward
        Reward of each board in each bin, NaN where nothing arrived, shape (bins, N).
    """

    time_s: Vector
    hottest_degc: Matrix
    power_w: Matrix
    reward: Matrix


class Tally:
    """Counts what happens to N boards.

    Parameters
    ----------
    points, worth
        What the boards can run, and what answers are worth.
    workload
        The run.
    boards
        How many.
    """

    def __init__(
        self, points: OperatingPointTable, worth: Worth, *, workload: Workload, boards: int
    ) -> None:
        self._worth = np.array([worth.of_frame(point) for point in points])
        self._best = worth.best(points)
        self._accuracy = np.array([point.accuracy for point in points])
        self._periods, self._period_s = workload.periods, workload.period_s
        bins = min(_BINS, self._periods)
        self._bins = bins
        self._hottest = np.full((bins, boards), -np.inf)
        self._energy, self._earned, self._demanded = (np.zeros((bins, boards)) for _ in range(3))
        self._right, self._over, self._over_1k = (np.zeros(boards) for _ in range(3))
        self._served, self._dropped = (np.zeros(boards, dtype=np.int64) for _ in range(2))
        self._backlog = np.zeros(boards, dtype=np.int64)
        longest_s = 2.0 * (workload.deadline_s + workload.period_s)
        self._delays = np.zeros((boards, int(longest_s / _LATENCY_STEP_S) + 2), dtype=np.int64)
        self._every = np.arange(boards)

    def add(self, period: int, spans: Sequence[Span], waiting: NDArray[np.int64]) -> None:
        """Count a period."""
        at = period * self._bins // self._periods
        for span in spans:
            rows, answered = span.rows, span.answered
            self._hottest[at, rows] = np.maximum(self._hottest[at, rows], span.hottest_degc)
            self._energy[at, rows] += span.energy_j
            self._demanded[at, rows] += answered.arrived
            self._earned[at, rows] += answered.served * self._worth[span.points]
            self._right[rows] += answered.served * self._accuracy[span.points]
            self._served[rows] += answered.served
            self._dropped[rows] += answered.dropped
            self._over[rows] += span.over_cap_s
            self._over_1k[rows] += span.over_cap_1k_s
            board, slot = np.nonzero(answered.counts)
            step = np.ceil(answered.delays_s[board, slot] / _LATENCY_STEP_S - 1e-6).astype(np.intp)
            step = np.minimum(step, self._delays.shape[1] - 1)
            np.add.at(self._delays, (self._every[rows][board], step), answered.counts[board, slot])
        self._backlog = np.maximum(self._backlog, waiting)

    def results(self, seeds: Sequence[int], on: NDArray[np.bool_]) -> BoardResults:
        """Return what the boards came to, given their seeds and whether they are still on."""
        demanded = np.maximum(self._demanded.sum(axis=0), 1.0)
        energy = self._energy.sum(axis=0)
        reached = np.cumsum(self._delays, axis=1)
        p99 = (reached >= 0.99 * reached[:, -1:]).argmax(axis=1) * _LATENCY_STEP_S
        with np.errstate(divide="ignore"):
            per_correct = np.where(self._right > 0.0, energy / self._right, np.inf)
        return BoardResults(
            seed=np.array(seeds, dtype=np.int64),
            reward=self._earned.sum(axis=0) / (demanded * self._best),
            answered=self._served / demanded,
            dropped=self._dropped / demanded,
            peak_degc=self._hottest.max(axis=0),
            time_above_cap_s=self._over,
            time_above_cap_1k_s=self._over_1k,
            energy_j=energy,
            energy_per_correct_j=per_correct,
            latency_p99_s=p99,
            backlog_peak=self._backlog,
            shut_down=~on,
        )

    def course(self) -> Course:
        """Return how the runs went."""
        ends = np.ceil(np.arange(1, self._bins + 1) * self._periods / self._bins)
        length_s = np.diff(ends, prepend=0.0)[:, np.newaxis] * self._period_s
        demanded = np.where(self._demanded > 0.0, self._demanded, np.nan)
        return Course(
            time_s=ends * self._period_s,
            hottest_degc=self._hottest,
            power_w=self._energy / length_s,
            reward=self._earned / (demanded * self._best),
        )


def joined(parts: Sequence[BoardResults]) -> BoardResults:
    """Return the boards of several parts as one."""
    return BoardResults(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(parts[0])
        )
    )


def joined_courses(parts: Sequence[Course]) -> Course:
    """Return the courses of several parts as one."""
    return Course(
        parts[0].time_s,
        *(
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("hottest_degc", "power_w", "reward")
        ),
    )
