"""How sure a front is: points that cannot be told apart are merged, the rest get intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from adaptive.search.paired import sign_test

Booleans = NDArray[np.bool_]


def told_apart(right: Booleans, *, delta: float = 0.05) -> list[int]:
    """Return the points of a front that are surely better than the cheaper one kept before them.

    Parameters
    ----------
    right
        Right answers of each point on images that did not choose it, shape (points, n), cheapest
        point first.
    delta
        Probability that any kept point is not better than the one before it [0..1].

    Notes
    -----
    The cheapest point is always kept; a dearer one must earn its cost on the images.
    """
    share = delta / max(1, len(right) - 1)
    kept = [0] if len(right) else []
    for k in range(1, len(right)):
        before = right[kept[-1]]
        better = int((right[k] & ~before).sum())
        worse = int((before & ~right[k]).sum())
        if sign_test(better, worse) <= share:
            kept.append(k)
    return kept


@dataclass(frozen=True, slots=True)
class Interval:
    """An accuracy, and the ends between which it truly lies, with all others at once [0..1]."""

    accuracy: float
    low: float
    high: float


def simultaneous_intervals(right: Booleans, *, confidence: float = 0.95) -> list[Interval]:
    """Return intervals that hold for all points at once.

    Parameters
    ----------
    right
        Right answers of each point on images that chose nothing, shape (points, n).
    confidence
        Probability that every interval covers [0..1].

    Notes
    -----
    Exact (Clopper and Pearson), each point with Bonferroni's share. Limits: points of one network
    are right and wrong together, so this is wider than need be.
    """
    points, images = right.shape
    outside = (1.0 - confidence) / max(points, 1) / 2.0
    found = []
    for row in right:
        hits = int(row.sum())
        low = float(beta.ppf(outside, hits, images - hits + 1)) if hits else 0.0
        high = float(beta.ppf(1.0 - outside, hits + 1, images - hits)) if hits < images else 1.0
        found.append(Interval(hits / images, low, high))
    return found
