"""Dominance between points of a cost, which is to be small, and a gain, which is to be large."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def front(costs: ArrayLike, gains: ArrayLike) -> Integers:
    """Return the positions of the points that no other beats, by rising cost and gain.

    Of points equal in both the first stays.

    Raises
    ------
    ValueError
        If the arrays differ in length or hold a value that is not finite.
    """
    cost, gain = _pair(costs, gains)
    order = np.lexsort((np.arange(len(cost)), -gain, cost))
    best = np.maximum.accumulate(np.concatenate([[-np.inf], gain[order][:-1]]))
    return np.asarray(order[gain[order] > best], dtype=np.int64)


def hypervolume(
    costs: ArrayLike, gains: ArrayLike, *, most_cost: float, least_gain: float
) -> float:
    """Area that points dominate, as far as it is below a cost and above a gain."""
    cost, gain = _pair(costs, gains)
    inside = (cost < most_cost) & (gain > least_gain)
    kept = front(cost[inside], gain[inside])
    cost, gain = cost[inside][kept], gain[inside][kept]
    widths = np.diff(np.append(cost, most_cost))
    return float(widths @ (gain - least_gain))


def _pair(costs: ArrayLike, gains: ArrayLike) -> tuple[Floats, Floats]:
    """Check two arrays against each other."""
    cost = np.asarray(costs, dtype=np.float64)
    gain = np.asarray(gains, dtype=np.float64)
    if cost.ndim != 1 or cost.shape != gain.shape:
        raise ValueError(f"costs {cost.shape} and gains {gain.shape}, expected two equal rows")
    if not (np.all(np.isfinite(cost)) and np.all(np.isfinite(gain))):
        raise ValueError("costs or gains holds a value that is not finite")
    return cost, gain
