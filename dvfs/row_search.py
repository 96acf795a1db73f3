"""Heuristic rail assignment: greedy by power saved per slack consumed, then swaps."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dvfs.finevh import Bools, RowProblem
from dvfs.gates import Array

_BATCH = 48  # timing analyses that are run side by side
_TRIPLES_UP_TO = 24  # rows: beyond, sets of three are too many for too little
_GAIN = 1e-12  # relative: less is rounding


class PathCuts:
    """Late paths met so far; an assignment that one of them forbids needs no timing analysis."""

    def __init__(self, problem: RowProblem) -> None:
        self._problem = problem
        self.extra_s: Array = np.empty((0, problem.n_rows))
        self.room_s: Array = np.empty(0)

    def learn(self, low: NDArray[np.generic], *, most: int = 8) -> int:
        """Add the late paths of an assignment and return how many there are."""
        extra, room = self._problem.late_paths(low, most=most)
        self.extra_s = np.vstack([self.extra_s, extra])
        self.room_s = np.concatenate([self.room_s, room])
        return len(room)

    def admits(self, low: Bools) -> Bools:
        """Return which assignments, shape (n_cases, n_rows), no known path forbids."""
        used = low.astype(np.float64) @ self.extra_s.T
        return np.asarray((used <= self.room_s * (1.0 + 1e-12)).all(axis=-1))


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """A choice of rails.

    Attributes
    ----------
    low
        Whether each row is on the low rail, shape (n_rows,).
    power_w
        Power of the whole circuit [W].
    """

    low: Bools
    power_w: float


def assign_rows(problem: RowProblem, *, seed: int = 0, restarts: int = 24) -> Assignment:
    """Find a rail for every row.

    Greedy from all rows high and, backwards, from all rows low; each improved by flips and swaps;
    then the best is disturbed and improved again.

    Parameters
    ----------
    problem
        The rows, their powers and the timing.
    seed
        Draws the disturbances.
    restarts
        Number of disturbances.

    Notes
    -----
    Limits: no bound on the distance to the optimum; see `dvfs.row_optimum` for one.
    """
    cuts = PathCuts(problem)
    starts = (greedy(problem), _repair(problem, cuts))
    best = min((_improve(problem, low, cuts) for low in starts), key=problem.power_w)
    random = np.random.default_rng(seed)
    for _ in range(restarts):
        low = best.copy()
        size = min(problem.n_rows, 2 + int(random.integers(3)))
        low[random.choice(problem.n_rows, size=size, replace=False)] ^= True
        again = _improve(problem, _repair(problem, cuts, low), cuts)
        if _below(problem, again, best):
            best = again
    return Assignment(best, float(problem.power_w(best)))


def greedy(problem: RowProblem) -> Bools:
    """Lower rows one by one, each time the one that saves most power for the slack it consumes.

    Slack consumed is the mean, over the ends of paths, of the delay the row adds there relative to
    the slack still left. Shape (n_rows,).
    """
    low = np.zeros(problem.n_rows, dtype=np.bool_)
    ends = problem.graph.ends
    while True:
        rows = np.flatnonzero(~low)
        if not len(rows):
            return low
        cases = np.repeat(low[None], len(rows) + 1, axis=0)
        cases[np.arange(len(rows)), rows] = True
        arrival = problem.graph.arrival_s(problem.delays_s(cases))[ends]
        saved = problem.power_w(low) - problem.power_w(cases[:-1])
        left = problem.limit_s - arrival[:, -1:] + 0.01 * problem.period_s
        consumed = ((arrival[:, :-1] - arrival[:, -1:]) / left).mean(axis=0)
        good = (arrival[:, :-1].max(axis=0) <= problem.limit_s) & (saved > 0.0)
        if not good.any():
            return low
        score = np.where(good, saved / (consumed + 1e-6), -np.inf)
        low[rows[int(np.argmax(score))]] = True


def _repair(problem: RowProblem, cuts: PathCuts, start: Bools | None = None) -> Bools:
    """Raise rows of late paths until none is late: the cheapest for the delay it takes away."""
    low = np.ones(problem.n_rows, dtype=np.bool_) if start is None else start.copy()
    raised = problem.high_w - problem.low_w
    while True:
        extra, room = problem.late_paths(low)
        if not len(room):
            return low
        cuts.learn(low)
        helped = np.where(low, extra.sum(axis=0), 0.0)
        low[int(np.argmax(helped / raised))] = False


def _improve(problem: RowProblem, low: Bools, cuts: PathCuts) -> Bools:
    """Flip up to three rows at a time, best first, while that saves power in time."""
    moves = _moves(problem.n_rows)
    while True:
        cases = low ^ moves
        power = problem.power_w(cases)
        better = np.flatnonzero(power < problem.power_w(low) * (1.0 - _GAIN))
        better = better[cuts.admits(cases[better])]
        better = better[np.argsort(power[better], kind="stable")]
        found = _first_feasible(problem, cases[better], cuts)
        if found is None:
            return low
        low = found


def _first_feasible(problem: RowProblem, cases: Bools, cuts: PathCuts) -> Bools | None:
    while len(cases):
        batch = cases[:_BATCH]
        good = problem.feasible(batch)
        if good.any():
            return np.asarray(batch[int(np.argmax(good))])
        cuts.learn(batch[0], most=4)
        rest = cases[_BATCH:]
        cases = rest[cuts.admits(rest)]
    return None


def _moves(n_rows: int) -> Bools:
    """Return every small set of rows as a mask, shape (n_moves, n_rows)."""
    largest = 3 if n_rows <= _TRIPLES_UP_TO else 2
    sets = [rows for size in range(1, largest + 1) for rows in combinations(range(n_rows), size)]
    masks = np.zeros((len(sets), n_rows), dtype=np.bool_)
    for mask, rows in zip(masks, sets, strict=True):
        mask[list(rows)] = True
    return masks


def _below(problem: RowProblem, one: Bools, other: Bools) -> bool:
    return bool(problem.power_w(one) < problem.power_w(other) * (1.0 - _GAIN))
