"""Additive sensitivities and an integer programme: the way of HAWQ and its kin.

References
----------
.. [1] Z. Yao et al., "HAWQ-V3: dyadic neural network quantization," ICML 2021, section 3.4.
   Unverified (quoted from memory). Here the sensitivity of a layer is its measured loss of
   accuracy alone, not a second-order estimate of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from adaptive.search.problem import Problem
from adaptive.search.space import Mix

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AdditiveProgramme:
    """Measures each change alone, then what least adds up in loss under each cost budget.

    Attributes
    ----------
    budgets
        Budgets, evenly spaced between the cheapest and the dearest mix; as many distinct
        solutions as the evaluations allow are measured.
    """

    budgets: int = 128
    name: str = "additive-ilp"

    def run(self, problem: Problem, *, seed: int) -> None:  # noqa: ARG002
        """Measure singles, solve for each budget, measure the solutions."""
        space = problem.space
        (top,) = problem.measure([space.dearest])
        singles = space.singles()
        alone = problem.measure([space.changed(space.dearest, *single) for single in singles])
        loss = np.maximum(top - alone, 0.0)
        most = problem.cost(space.dearest)
        saving = np.array(
            [most - problem.cost(space.changed(space.dearest, *single)) for single in singles]
        )
        found: dict[Mix, None] = {}
        for wanted in _spread(self.budgets) * (most - problem.cost(space.cheapest)):
            if len(found) >= problem.left:
                break
            mix = _least_loss(space.dearest, singles, loss, saving, wanted)
            if mix is not None:
                found.setdefault(mix)
        problem.measure(list(found))


def _spread(count: int) -> Floats:
    """Return 0..1 in an order that covers it evenly from the start (van der Corput)."""
    values = [
        1.0,
        *(sum((k >> b & 1) / 2.0 ** (b + 1) for b in range(20)) for k in range(1, count)),
    ]
    return np.array(values)


def _least_loss(
    dearest: Mix,
    singles: tuple[tuple[int, int], ...],
    loss: Floats,
    saving: Floats,
    wanted: float,
) -> Mix | None:
    """Choose at most one option a gene, with the least summed loss, saving at least so much."""
    genes = np.array([[gene == g for gene, _ in singles] for g in range(len(dearest))], float)
    solved = milp(
        # Of equal losses the larger saving.
        loss - 1e-9 * saving / max(saving.max(), 1e-300),
        constraints=[
            LinearConstraint(genes, ub=1.0),
            LinearConstraint(saving[np.newaxis], lb=wanted * (1.0 - 1e-9)),
        ],
        integrality=np.ones(len(singles), dtype=np.int64),
        bounds=Bounds(0.0, 1.0),
    )
    if solved.x is None:
        return None
    mix = list(dearest)
    for chosen, (gene, option) in zip(solved.x, singles, strict=True):
        if chosen > 0.5:
            mix[gene] = option
    return tuple(mix)
