"""What a search method is given: mixes, their costs, and measurements within a budget."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive.pareto import front
from adaptive.search.racing import Race
from adaptive.search.space import Mix, SearchSpace

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]


class BudgetSpent(Exception):
    """More mixes were asked for than may be measured; what was measured stays."""


class Meter(Protocol):
    """Measures mixes on the search images."""

    @property
    def images(self) -> int:
        """How many images there are."""
        ...

    def right(self, mixes: Sequence[Mix], start: int, stop: int) -> Booleans:
        """Tell which of the images from `start` to `stop` each mix answers rightly, (mixes, n)."""
        ...


class Cost(Protocol):
    """What running a mix costs."""

    def __call__(self, mix: Mix, /) -> float:
        """Return the cost of one image."""
        ...


class Search(Protocol):
    """A method: it finds by `problem.measure`, which ends it when the budget is spent."""

    @property
    def name(self) -> str:
        """Short name."""
        ...

    def run(self, problem: "Problem", *, seed: int) -> None:
        """Measure what seems worth it; may end before the budget does."""
        ...


@dataclass(slots=True)
class Problem:
    """A space to search, with a meter, costs and a budget.

    Attributes
    ----------
    space, meter, cost
        What there is, and what each mix gives and costs.
    budget
        How many mixes may be measured.
    floor
        Accuracy lost against the dearest mix beyond which a mix is of no use [0..1].
    race
        How soon to stop measuring what cannot be on the front; never, if None.
    answers
        Right answers of every mix measured, on the first images as far as it was measured.
    image_evaluations
        Images that went through the network so far, over all mixes.
    """

    space: SearchSpace
    meter: Meter
    cost: Cost
    budget: int
    floor: float = 0.03
    race: Race | None = None
    answers: dict[Mix, Booleans] = field(default_factory=dict)
    image_evaluations: int = 0

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise ValueError(f"budget is {self.budget}, expected 1 or more")

    def measure(self, mixes: Sequence[Mix]) -> Floats:
        """Return the accuracy of each mix on the search images, shape (mixes,).

        Mixes measured before cost nothing. With racing, the accuracy of what was dropped is that
        on the images it got to.

        Raises
        ------
        BudgetSpent
            If not all of them could be measured; those that could have been.
        """
        new = [mix for mix in dict.fromkeys(mixes) if mix not in self.answers]
        affordable = new[: self.budget - len(self.answers)]
        if affordable:
            self._measure(affordable)
        if len(affordable) < len(new):
            raise BudgetSpent
        return np.array([self.accuracy(mix) for mix in mixes])

    def _measure(self, mixes: list[Mix]) -> None:
        """Measure new mixes, stage by stage if they are raced."""
        stops = self.race.stops(self.meter.images) if self.race else (self.meter.images,)
        active, start = mixes, 0
        got: dict[Mix, list[Booleans]] = {mix: [] for mix in mixes}
        for stop in stops:
            right = self.meter.right(active, start, stop)
            self.image_evaluations += len(active) * (stop - start)
            for mix, row in zip(active, right, strict=True):
                got[mix].append(row)
                self.answers[mix] = np.concatenate(got[mix])
            start = stop
            if self.race and stop < self.meter.images:
                active = self._still_racing(self.race, active, stop)
            if not active:
                return

    def _still_racing(self, race: Race, active: list[Mix], images: int) -> list[Mix]:
        """Return the mixes that may still be on the front after so many images."""
        rivals = [mix for mix, right in self.answers.items() if len(right) >= images]
        right = np.array([self.answers[mix][:images] for mix in rivals])
        costs = np.array([self.cost(mix) for mix in rivals])
        at = {mix: k for k, mix in enumerate(rivals)}
        best = [int(k) for k in front(costs, right.mean(axis=1))]
        dearest = at.get(self.space.dearest)
        kept = []
        for mix in active:
            own = at[mix]
            cheaper = [k for k in best if costs[k] <= costs[own] and k != own]
            beaten = race.beaten(right[own], right[cheaper], margin=0.0, budget=self.budget)
            useless = dearest is not None and race.beaten(
                right[own], right[[dearest]], margin=self.floor, budget=self.budget
            )
            if not (beaten or useless):
                kept.append(mix)
        return kept

    def accuracy(self, mix: Mix) -> float:
        """Return the share of right answers of a mix measured."""
        return float(self.answers[mix].mean())

    @property
    def finished(self) -> list[Mix]:
        """Mixes measured on all images, in the order they were asked for."""
        return [mix for mix, right in self.answers.items() if len(right) == self.meter.images]

    @property
    def left(self) -> int:
        """How many more mixes may be measured."""
        return self.budget - len(self.answers)

    def front(self) -> list[Mix]:
        """Return the measured mixes that no other beats, cheapest first."""
        mixes = self.finished
        if not mixes:
            return []
        kept = front([self.cost(m) for m in mixes], [self.accuracy(m) for m in mixes])
        return [mixes[k] for k in kept]


def search(method: Search, problem: Problem, *, seed: int) -> Problem:
    """Run a method until it ends or the budget is spent; return the problem with what it found."""
    with suppress(BudgetSpent):
        method.run(problem, seed=seed)
    return problem
