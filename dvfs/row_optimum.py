r"""The best rail assignment, proven: exact for few rows, a lower bound for many.

Both rest on the same fact: the delay of a path is linear in the assignment, so one static timing
analysis either accepts an assignment or names the paths that forbid it and many others.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from dvfs.finevh import RowProblem
from dvfs.gates import Array
from dvfs.row_search import Assignment, PathCuts

MOST_ROWS = 20  # of an exact search: 2^20 assignments are listed


def find_optimum(problem: RowProblem, *, start: Assignment) -> Assignment:
    """Find an assignment of least power, exactly.

    All assignments cheaper than `start` are listed with their power. Again and again the cheapest
    one is timed; if it is late, the paths that make it late strike out every listed assignment
    they forbid. The first that is not late is optimal, for all cheaper ones were struck out.

    Parameters
    ----------
    problem
        The rows, their powers and the timing.
    start
        A feasible assignment, whose power bounds the list.

    Raises
    ------
    ValueError
        If the problem has more than 20 rows.
    """
    n = problem.n_rows
    if n > MOST_ROWS:
        raise ValueError(f"problem has {n} rows, expected at most {MOST_ROWS} for an exact search")
    power = _all_powers(problem)
    listed = np.flatnonzero(power < start.power_w * (1.0 - 1e-12))
    listed = listed[np.argsort(power[listed], kind="stable")]
    while len(listed):
        low = (listed[0] >> np.arange(n)) & 1
        extra, room = problem.late_paths(low)
        if not len(room):
            return Assignment(low.astype(np.bool_), float(problem.power_w(low)))
        listed = listed[1:]
        for path, bears in zip(extra, room, strict=True):
            listed = listed[_subset_sums(path, listed) <= bears]
    return start


def lower_bound_w(problem: RowProblem, *, start: Assignment, rounds: int = 60) -> float:
    """Return a power that no assignment can go below [W].

    A linear programme over shares 0..1 instead of rails, with the late paths and the crossing
    leakage's supporting planes added as they are needed. Whatever the quality of its solution, the
    bound is the Lagrangian at the multipliers found, which weak duality makes valid.

    Parameters
    ----------
    problem
        The rows, their powers and the timing.
    start
        A feasible assignment: the search stops once the bound comes within 0.01 % of it.
    rounds
        Number of programmes solved at most.
    """
    n, floor = problem.n_rows, float(problem.high_w.sum())
    unit = floor / n
    price = (problem.low_w - problem.high_w) / unit
    cuts, planes = PathCuts(problem), np.empty((0, n))
    x, best = np.ones(n), -np.inf
    for _ in range(rounds):
        found = cuts.learn(x, most=16)
        plane = _plane(problem, x) / unit
        planes = np.vstack([planes, plane])
        path = cuts.extra_s / problem.period_s
        room = cuts.room_s / problem.period_s
        share, weights = _programme(price, path, room, planes)
        best = max(best, _lagrangian(price, path, room, planes, weights))
        crossing = share @ (_plane(problem, share) / unit)
        met = crossing <= (planes @ share).max() + 1e-6
        if best * unit + floor > start.power_w * (1.0 - 1e-4) or (not found and met):
            break
        x = share
    return min(best * unit + floor, start.power_w)


def _all_powers(problem: RowProblem) -> Array:
    """Return the power of all 2^n assignments; bit `r` of an index says that row `r` is low."""
    linear = problem.low_w - problem.high_w + problem.crossing_w.sum(axis=1)
    mutual = problem.crossing_w + problem.crossing_w.T
    power = np.array([problem.high_w.sum()])
    for r in range(problem.n_rows):
        among = np.zeros(1)
        for s in range(r):
            among = np.concatenate([among, among + mutual[r, s]])
        power = np.concatenate([power, power + linear[r] - among])
    return power


def _subset_sums(values: Array, subsets: NDArray[np.int64]) -> Array:
    """Return the sum of the values that each subset, a bit mask, holds: by halves from tables."""
    half = (len(values) + 1) // 2
    tables = []
    for part in (values[:half], values[half:]):
        table = np.zeros(1)
        for value in part:
            table = np.concatenate([table, table + value])
        tables.append(table)
    return np.asarray(tables[0][subsets & ((1 << half) - 1)] + tables[1][subsets >> half])


def _plane(problem: RowProblem, x: Array) -> Array:
    """Return a plane through 0 below the crossing leakage everywhere, tight at `x`.

    The leakage is a submodular function of the set of low rows; its greedy vector in the order of
    falling `x` is a subgradient of its convex closure (Lovász).
    """
    order = np.argsort(-x, kind="stable")
    c = problem.crossing_w[np.ix_(order, order)]
    # Row k joins the lower ones: its nets into rows still high are new, theirs into it end.
    gains = np.triu(c, 1).sum(axis=1) - np.triu(c, 1).sum(axis=0)
    plane = np.empty(len(x))
    plane[order] = gains
    return plane


def _lagrangian(price: Array, path: Array, room: Array, planes: Array, weights: Array) -> float:
    """Return the least of the Lagrangian over all shares: a lower bound for any weights >= 0."""
    on_paths, on_planes = weights[: len(path)], weights[len(path) :]
    on_planes = on_planes / max(1.0, on_planes.sum())
    slope = price + on_paths @ path + on_planes @ planes
    return float(np.minimum(slope, 0.0).sum() - on_paths @ room)


def _programme(price: Array, path: Array, room: Array, planes: Array) -> tuple[Array, Array]:
    """Solve min price x + z with path x <= room, planes x <= z, 0 <= x <= 1, 0 <= z.

    Returns the shares `x` and the multipliers of paths and planes, by Mehrotra's interior-point
    method on `rows v <= h`.
    """
    n = len(price)
    rows = np.vstack(
        [
            np.hstack([path, np.zeros((len(path), 1))]),
            np.hstack([planes, -np.ones((len(planes), 1))]),
            np.hstack([np.eye(n), np.zeros((n, 1))]),
            -np.eye(n + 1),
        ]
    )
    h = np.concatenate([room, np.zeros(len(planes)), np.ones(n), np.zeros(n + 1)])
    v, y = _interior_point(rows, h, np.append(price, 1.0))
    return np.clip(v[:n], 0.0, 1.0), y[: len(path) + len(planes)]


def _interior_point(rows: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """Solve min c v with rows v <= h; return `v` and the multipliers."""
    v, s, y = np.full(len(c), 0.5), np.ones(len(h)), np.ones(len(h))
    for _ in range(60):
        dual, primal, gap = c + rows.T @ y, rows @ v + s - h, float(s @ y) / len(h)
        if max(gap, np.abs(dual).max(), np.abs(primal).max()) < 1e-9:
            break
        normal = rows.T @ ((y / s)[:, None] * rows) + 1e-13 * np.eye(len(c))
        step = partial(_newton, rows, normal, dual=dual, primal=primal, s=s, y=y)
        _, ds, dy = step(-s * y)
        aim = float((s + _reach(s, ds) * ds) @ (y + _reach(y, dy) * dy)) / len(h)
        dv, ds, dy = step(-s * y - ds * dy + gap * (aim / gap) ** 3)
        forward, back = 0.99 * _reach(s, ds), 0.99 * _reach(y, dy)
        v, s, y = v + forward * dv, s + forward * ds, y + back * dy
    return v, y


def _newton(
    rows: Array, normal: Array, target: Array, *, dual: Array, primal: Array, s: Array, y: Array
) -> tuple[Array, Array, Array]:
    """Return the step that cancels both residuals and brings `s y` to `s y + target`."""
    dv: Array = np.asarray(
        np.linalg.solve(normal, -dual - rows.T @ ((target + y * primal) / s)), dtype=np.float64
    )
    ds = -primal - rows @ dv
    return dv, ds, (target - y * ds) / s


def _reach(values: Array, step: Array) -> float:
    """Return the longest step, at most 1, that keeps all values above 0."""
    falling = step < 0.0
    return min(1.0, float(np.min(-values[falling] / step[falling], initial=np.inf)))
