"""Ours: single and pair effects, a response surface, its front measured, raced, and refitted."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from adaptive.pareto import front
from adaptive.search.problem import Problem
from adaptive.search.response import START, Response
from adaptive.search.space import Mix

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
ENUMERATED = 2**16
"""Spaces up to this size are predicted whole."""


@dataclass(frozen=True, slots=True)
class Surrogate:
    """Spends a part of the budget on pairs, the rest on what the surface thinks best.

    Attributes
    ----------
    pair_share
        Share of the budget for singles and pairs together.
    batch
        Mixes measured between two fits; neighbours in a batch share prefixes.
    hopes
        Standard deviations by which a mix may be better than predicted; the next one is tried
        where the one before leaves nothing that promises to be better.
    pool
        Mixes predicted where the space is too large for all.
    """

    pair_share: float = 0.4
    batch: int = 8
    hopes: tuple[float, ...] = (1.0, 2.0, 4.0)
    pool: int = 4000
    name: str = "surrogate"

    def run(self, problem: Problem, *, seed: int) -> None:
        """Measure until the budget is spent or nothing promises to be better."""
        space, rng = problem.space, np.random.default_rng(seed)
        (top,) = problem.measure([space.dearest])
        singles = space.singles()
        alone = problem.measure([space.changed(space.dearest, *single) for single in singles])
        (bottom,) = problem.measure([space.cheapest])
        room = max(0, int(self.pair_share * problem.budget) - len(problem.answers))
        if bottom > top - problem.floor:
            # Even the cheapest is of use: the front lies near it.
            problem.measure(_widened(problem)[:room])
        else:
            problem.measure(_pairs(problem, singles, top - alone)[:room])
        logs = START
        while problem.left > 0:
            mixes = list(problem.answers)
            losses = top - np.array([problem.accuracy(mix) for mix in mixes])
            surface = Response.fit(mixes, losses, scale=problem.floor / 2, start=logs)
            logs = surface.kernel.logs
            pool = self._pool(problem, rng)
            batches = (self._promising(problem, surface, pool, hope, top) for hope in self.hopes)
            wanted = next((batch for batch in batches if batch), None)
            if wanted is None:
                return
            problem.measure(wanted)

    def _promising(
        self, problem: Problem, surface: Response, pool: Integers, hope: float, top: float
    ) -> list[Mix]:
        """Return the next batch: each adds most to the front if it and those before do as hoped."""
        if not len(pool):
            return []
        mean, deviation = surface.predict(pool)
        hoped = -surface.loss(mean - hope * deviation)
        expected = -surface.loss(mean)
        costs = np.array([problem.cost(tuple(int(k) for k in row)) for row in pool])
        most = problem.cost(problem.space.dearest)
        scale = most - problem.cost(problem.space.cheapest)
        measured = problem.finished
        have_cost = np.array([problem.cost(mix) for mix in measured])
        have_gain = np.array([problem.accuracy(mix) for mix in measured]) - top
        chosen: list[Mix] = []
        taken = np.zeros(len(pool), dtype=np.bool_)
        for _ in range(min(self.batch, problem.left)):
            gains = _gains(
                have_cost, have_gain, costs, hoped, most_cost=most, least_gain=-problem.floor
            )
            gains[taken] = -1.0
            best = int(np.argmax(gains))
            if gains[best] <= 1e-9 * scale:
                break
            taken[best] = True
            chosen.append(tuple(int(k) for k in pool[best]))
            have_cost = np.append(have_cost, costs[best])
            have_gain = np.append(have_gain, expected[best])
        return chosen

    def _pool(self, problem: Problem, rng: np.random.Generator) -> Integers:
        """Return unmeasured mixes to predict: all, or neighbours of the front and random ones."""
        space = problem.space
        whole = space.size <= ENUMERATED
        everything = space.table() if whole else self._drawn(problem, rng)
        known = set(problem.answers)
        fresh = [k for k, row in enumerate(everything.tolist()) if tuple(row) not in known]
        return everything[fresh]

    def _drawn(self, problem: Problem, rng: np.random.Generator) -> Integers:
        """Draw mixes: parents from the front, genes crossed and changed."""
        options = np.array(problem.space.options)
        parents = np.array(problem.front())
        a, b = (parents[rng.integers(len(parents), size=self.pool)] for _ in range(2))
        crossed = np.where(rng.random(a.shape) < 0.5, a, b)
        steps = rng.integers(1, np.broadcast_to(options, a.shape))
        changes = rng.random(a.shape) < 1.5 / len(options)
        return np.unique(np.where(changes, (crossed + steps) % options, crossed), axis=0)


def _pairs(problem: Problem, singles: tuple[tuple[int, int], ...], loss: Floats) -> list[Mix]:
    """Return the pairs of changes from the dearest, the least harmful first."""
    space = problem.space
    pairs = [
        (loss[a] + loss[b], singles[a], singles[b])
        for a, b in combinations(range(len(singles)), 2)
        if singles[a][0] != singles[b][0]
    ]
    pairs.sort(key=lambda pair: pair[0])
    return [space.changed(space.changed(space.dearest, *a), *b) for _, a, b in pairs]


def _widened(problem: Problem) -> list[Mix]:
    """Return the cheapest mix with one gene widened, the cheapest first."""
    space = problem.space
    mixes = [
        space.changed(space.cheapest, gene, option)
        for gene, count in enumerate(space.options)
        for option in range(count - 1)
    ]
    return sorted(mixes, key=problem.cost)


def _gains(
    have_cost: Floats,
    have_gain: Floats,
    costs: Floats,
    gains: Floats,
    *,
    most_cost: float,
    least_gain: float,
) -> Floats:
    """Return how much hypervolume each candidate alone would add to the points there are."""
    inside = (have_cost < most_cost) & (have_gain > least_gain)
    kept = front(have_cost[inside], have_gain[inside])
    edges = have_cost[inside][kept]
    levels = have_gain[inside][kept]
    # Between two edges the front is flat: add up what a candidate rises above each step.
    left = np.concatenate([[-np.inf], edges])
    right = np.concatenate([edges, [most_cost]])
    height = np.concatenate([[least_gain], levels])
    width = np.maximum(0.0, right - np.maximum(left, costs[:, np.newaxis]))
    rise = np.maximum(0.0, gains[:, np.newaxis] - height)
    return np.asarray((width * rise).sum(axis=1))
