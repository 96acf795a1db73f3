"""Proves optima beyond the reach of listing: an integer programme over rows, paths added lazily.

Independent of `dvfs.row_optimum` in its solver (HiGHS through scipy), the same in its constraints.
"""

import time

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from dvfs.finevh import RowProblem
from dvfs.row_search import PathCuts

_PATHS = 32  # late paths added after each programme
_TIGHT = 1e-9  # relative gap at which the solver may stop


def prove_optimum(
    problem: RowProblem, *, rounds: int = 100, limit_s: float = 5.0
) -> tuple[float, bool]:
    """Return the least power of any assignment, or a lower bound where time runs out.

    Parameters
    ----------
    problem
        The rows, their powers and the timing.
    rounds
        Programmes solved at most.
    limit_s
        Time it may take [s]; how far a proof cut short gets depends on the machine.

    Returns
    -------
    power_w
        The optimum, or a power no assignment goes below [W].
    proven
        Whether it is the optimum.
    """
    n, floor = problem.n_rows, float(problem.high_w.sum())
    pairs = np.argwhere(problem.crossing_w > 0.0)
    count = len(pairs)
    cost = np.concatenate([problem.low_w - problem.high_w, problem.crossing_w[tuple(pairs.T)]])
    # A crossing leaks at least x_low - x_high.
    crossing = np.zeros((count, n + count))
    each = np.arange(count)
    crossing[each, n + each], crossing[each, pairs[:, 0]], crossing[each, pairs[:, 1]] = 1, -1, 1
    whole = np.concatenate([np.ones(n), np.zeros(count)])
    cuts = PathCuts(problem)
    cuts.learn(np.ones(n), most=_PATHS)
    bound, until = 0.0, time.monotonic() + limit_s
    for _ in range(rounds):
        paths = np.hstack([cuts.extra_s, np.zeros((len(cuts.room_s), count))])
        solved = milp(
            cost / floor,
            integrality=whole,
            bounds=Bounds(0.0, 1.0),
            constraints=[
                LinearConstraint(paths / problem.period_s, -np.inf, cuts.room_s / problem.period_s),
                LinearConstraint(crossing, 0.0, np.inf),
            ],
            options={"time_limit": max(until - time.monotonic(), 0.01), "mip_rel_gap": _TIGHT},
        )
        if solved.mip_dual_bound is not None:
            bound = max(bound, float(solved.mip_dual_bound * floor + floor))
        if solved.status != 0:
            return bound, False
        if not cuts.learn(np.round(solved.x[:n]), most=_PATHS):
            return float(problem.power_w(np.round(solved.x[:n]))), True
    return bound, False
