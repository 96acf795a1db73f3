"""How much of the true front a method finds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.pareto import hypervolume
from adaptive.search.problem import Problem, Search, search
from experiments.search.methods import DRAWS
from experiments.search.oracle_file import Oracle, OracleMeter

FLOOR = 0.03
"""The reference of the hypervolume: the accuracy of the widest mix less three points."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a method found on an oracle."""

    oracle: str
    method: str
    seed: int
    evaluations: int
    hv_share: float


def problem_of(oracle: Oracle, budget: int) -> Problem:
    """Pose an oracle's problem, on all of its images."""
    meter = OracleMeter(oracle, np.arange(oracle.right.shape[1]))
    return Problem(oracle.space, meter, oracle.cost, budget, floor=FLOOR)


def hypervolume_share(oracle: Oracle, problem: Problem) -> float:
    """Return the hypervolume of what was measured over that of everything there is.

    Notes
    -----
    The reference is the cost of the widest mix and its accuracy less three points: with the worst
    mix as the reference everything would score near 1.
    """
    reference = {
        "most_cost": float(oracle.costs[0]),
        "least_gain": float(oracle.accuracies[0]) - FLOOR,
    }
    rows = [oracle.row(mix) for mix in problem.finished]
    found = hypervolume(oracle.costs[rows], oracle.accuracies[rows], **reference)
    return found / hypervolume(oracle.costs, oracle.accuracies, **reference)


def score(
    oracle: Oracle, methods: Sequence[Search], seeds: Sequence[int], *, budget: int
) -> Iterator[Score]:
    """Score methods on an oracle; a method that draws nothing is run once for all seeds."""
    for method in methods:
        found: tuple[int, float] | None = None
        for seed in seeds:
            if found is None or method.name in DRAWS:
                allowed = oracle.space.size if method.name == "exhaustive" else budget
                problem = search(method, problem_of(oracle, allowed), seed=seed)
                found = (len(problem.answers), hypervolume_share(oracle, problem))
            yield Score(oracle.name, method.name, seed, *found)
