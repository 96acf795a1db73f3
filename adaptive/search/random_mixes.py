"""Measure mixes drawn at random: what every method must beat."""

from dataclasses import dataclass

import numpy as np

from adaptive.search.problem import Problem


@dataclass(frozen=True, slots=True)
class RandomMixes:
    """Draws distinct mixes uniformly, after the dearest and the cheapest."""

    name: str = "random"

    def run(self, problem: Problem, *, seed: int) -> None:
        """Measure until the budget or the space is exhausted."""
        space, rng = problem.space, np.random.default_rng(seed)
        wanted = dict.fromkeys([space.dearest, space.cheapest])
        while len(wanted) < min(problem.budget, space.size):
            wanted[tuple(int(rng.integers(count)) for count in space.options)] = None
        problem.measure(list(wanted)[: problem.budget])
