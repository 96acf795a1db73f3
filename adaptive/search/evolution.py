"""NSGA-II, which the seed's authors used in a modified form; pymoo's implementation.

References
----------
.. [1] K. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II," *IEEE Trans.
   Evol. Comput.*, vol. 6, no. 2, pp. 182-197, 2002.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.mutation import Mutation
from pymoo.core.problem import Problem as Genes
from pymoo.core.sampling import Sampling
from pymoo.operators.crossover.ux import UX
from pymoo.termination import get_termination

from adaptive.search.problem import Problem
from adaptive.search.space import SearchSpace

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evolution:
    """Lets mixes breed: uniform crossover, one changed gene on average.

    Attributes
    ----------
    population
        Mixes of each generation; the dearest and the cheapest are in the first.
    """

    population: int = 20
    name: str = "nsga2"

    def run(self, problem: Problem, *, seed: int) -> None:
        """Breed until the budget is spent or nothing new comes."""
        space = problem.space
        rng = np.random.default_rng(seed)
        algorithm = NSGA2(
            pop_size=min(self.population, problem.budget, space.size),
            sampling=_First(space),
            crossover=UX(),
            mutation=_Change(np.array(space.options)),
            eliminate_duplicates=True,
        )
        genes = Genes(
            n_var=len(space.options),
            n_obj=2,
            xl=np.zeros(len(space.options)),
            xu=np.array(space.options) - 1.0,
            vtype=int,
        )
        algorithm.setup(
            genes,
            termination=get_termination("n_gen", 10**6),
            seed=int(rng.integers(2**31)),
            verbose=False,
        )
        while problem.left > 0 and len(problem.answers) < space.size:
            young = algorithm.ask()
            if young is None or len(young) == 0:
                return
            mixes = [tuple(int(choice) for choice in row) for row in young.get("X")]
            accuracies = problem.measure(mixes)
            costs = [problem.cost(mix) for mix in mixes]
            young.set("F", np.column_stack([costs, -accuracies]))
            for one in young:
                one.evaluated.update({"F", "G", "H"})
            algorithm.tell(infills=young)


class _First(Sampling):  # type: ignore[misc]  # pymoo is untyped
    """Draws the first generation."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self._space = space

    def _do(
        self, _problem: Genes, count: int, *_: Any, random_state: np.random.Generator, **__: Any
    ) -> Integers:
        drawn = random_state.integers(
            0, np.array(self._space.options), (count, len(self._space.options))
        )
        drawn[0] = self._space.dearest
        if count > 1:
            drawn[1] = self._space.cheapest
        return np.asarray(drawn, dtype=np.int64)


class _Change(Mutation):  # type: ignore[misc]  # pymoo is untyped
    """Redraws each gene with a probability of one over their number."""

    def __init__(self, options: Integers) -> None:
        super().__init__()
        self._options = options

    def _do(
        self,
        _problem: Genes,
        young: Integers,
        *_: Any,
        random_state: np.random.Generator,
        **__: Any,
    ) -> Integers:
        changes = random_state.random(young.shape) < 1.0 / len(self._options)
        steps = random_state.integers(1, np.broadcast_to(self._options, young.shape))
        return np.where(changes, (young + steps) % self._options, young)
