"""From what a search measured to points one can trust: selected, merged, measured afresh."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from adaptive.search.problem import Problem
from adaptive.search.space import Mix
from adaptive.search.trust import Interval, simultaneous_intervals, told_apart

Booleans = NDArray[np.bool_]
SEARCH, CALIBRATE, REPORT = "search", "calibrate", "report"


class Answers(Protocol):
    """Tells how mixes answer a named set of images at one level."""

    def __call__(self, images: str, mixes: Sequence[Mix], /) -> Booleans:
        """Return right answers, shape (mixes, n)."""
        ...


@dataclass(frozen=True, slots=True)
class FoundPoint:
    """One point of the front.

    Attributes
    ----------
    mix, cost
        What it is, and what one image costs.
    chosen_at
        Accuracy on the images that chose it: biased upward [0..1].
    reported
        Accuracy on images that chose nothing, with its interval.
    apart
        Whether it is surely better than the cheaper one before it, by the calibration images.
    """

    mix: Mix
    cost: float
    chosen_at: float
    reported: Interval
    apart: bool


def find_points(
    problem: Problem, answers: Answers, *, delta: float = 0.05
) -> tuple[FoundPoint, ...]:
    """Return the front of a finished search, cheapest first.

    The front is chosen on the search images, points that cannot be told apart on the calibration
    images are marked, and all are measured on the report images: intervals hold at once for the
    points that are kept, and at once for all.
    """
    mixes = [mix for mix in problem.front() if problem.accuracy(mix) > _useful_from(problem)]
    if not mixes:
        return ()
    kept = told_apart(answers(CALIBRATE, mixes), delta=delta)
    reported = simultaneous_intervals(answers(REPORT, mixes), confidence=1.0 - delta)
    of_kept = simultaneous_intervals(
        answers(REPORT, [mixes[k] for k in kept]), confidence=1.0 - delta
    )
    narrower = dict(zip(kept, of_kept, strict=True))
    return tuple(
        FoundPoint(
            mix, problem.cost(mix), problem.accuracy(mix), narrower.get(k, reported[k]), k in kept
        )
        for k, mix in enumerate(mixes)
    )


def _useful_from(problem: Problem) -> float:
    """Return the accuracy below which a point is of no use."""
    top = problem.answers.get(problem.space.dearest)
    best = problem.accuracy(problem.front()[-1]) if top is None else float(top.mean())
    return best - problem.floor


@dataclass(frozen=True, slots=True)
class Target:
    """What a user asks of a plan: an accuracy to reach as reported, or a cost not to exceed."""

    least_accuracy: float | None = None
    most_cost: float | None = None

    def choose(self, points: Sequence[FoundPoint]) -> FoundPoint | None:
        """Return the cheapest point of an accuracy, or the best one within a cost."""
        fitting = [
            point
            for point in points
            if (self.most_cost is None or point.cost <= self.most_cost)
            and (self.least_accuracy is None or point.reported.accuracy >= self.least_accuracy)
        ]
        if not fitting:
            return None
        if self.least_accuracy is not None:
            return min(fitting, key=lambda point: point.cost)
        return max(fitting, key=lambda point: (point.reported.accuracy, -point.cost))


def split_images(
    count: int, shares: tuple[float, float, float], *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Draw three disjoint sets of positions: to search, to calibrate and to report on.

    Raises
    ------
    ConfigError
        If a share is not above 0, they do not add up to 1, or a set would be empty.
    """
    if min(shares) <= 0.0 or abs(sum(shares) - 1.0) > 1e-9:
        raise ConfigError(f"--split is {shares}, expected three shares above 0 that add up to 1")
    ends = [round(count * shares[0]), round(count * (shares[0] + shares[1])), count]
    order = np.random.default_rng(seed).permutation(count)
    parts = np.split(order, ends[:2])
    if min(len(part) for part in parts) < 2:
        raise ConfigError(f"{count} images split by {shares} leave a set empty, expected more")
    return np.sort(parts[0]), np.sort(parts[1]), np.sort(parts[2])
