"""How far a front can be trusted: the same oracle, split into three sets again and again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.pareto import front
from adaptive.search.points import CALIBRATE, REPORT, SEARCH, FoundPoint, find_points, split_images
from adaptive.search.problem import Problem, Search, search
from adaptive.search.racing import Booleans
from adaptive.search.space import Mix
from experiments.search.oracle_file import Oracle, OracleMeter
from experiments.search.scoring import FLOOR

SHARES = (0.5, 0.25, 0.25)


@dataclass(frozen=True, slots=True)
class Trust:
    """What happened over the splits; shares are 0..1.

    Attributes
    ----------
    splits
        How many.
    covered
        Share of splits in which every interval held the accuracy over all images.
    kept_undominated, front_undominated
        Share of points that no other point beats on the report images: of those kept after
        merging, and of the whole front before it.
    kept, front
        Mean number of points.
    optimism
        Mean accuracy on the search images less that on the report images, over the front [0..1].
    """

    oracle: str
    splits: int
    covered: float
    kept_undominated: float
    front_undominated: float
    kept: float
    front: float
    optimism: float


def trust(oracle: Oracle, method: Search, *, budget: int, splits: int = 50) -> Trust:
    """Search, merge and report on so many random splits of an oracle's images.

    Notes
    -----
    Limits: the truth an interval is held against is the accuracy over all the images, of which
    the report images are a part; so it covers a little more often than on endless images.
    """
    rows = [_one(oracle, method, budget=budget, seed=seed) for seed in range(splits)]
    table = np.array(rows)
    return Trust(oracle.name, splits, *(float(column) for column in table.mean(axis=0)))


def _one(oracle: Oracle, method: Search, *, budget: int, seed: int) -> tuple[float, ...]:
    """Return the figures of one split."""
    parts = split_images(oracle.right.shape[1], SHARES, seed=seed)
    sets = dict(zip((SEARCH, CALIBRATE, REPORT), parts, strict=True))
    problem = Problem(
        oracle.space, OracleMeter(oracle, sets[SEARCH]), oracle.cost, budget, floor=FLOOR
    )
    search(method, problem, seed=seed)

    def answers(images: str, mixes: Sequence[Mix]) -> Booleans:
        return OracleMeter(oracle, sets[images]).right(mixes, 0, len(sets[images]))

    points = find_points(problem, answers)
    kept = [point for point in points if point.apart]
    truth = oracle.accuracies
    covered = all(
        point.reported.low <= truth[oracle.row(point.mix)] <= point.reported.high for point in kept
    )
    optimism = np.mean([point.chosen_at - point.reported.accuracy for point in points])
    return (
        float(covered),
        _undominated(kept),
        _undominated(list(points)),
        float(len(kept)),
        float(len(points)),
        float(optimism),
    )


def _undominated(points: list[FoundPoint]) -> float:
    """Return the share of points that no other beats on the report images."""
    if not points:
        return 1.0
    costs = [point.cost for point in points]
    return len(front(costs, [point.reported.accuracy for point in points])) / len(points)
