"""Racing: a mix that is surely beaten on the first images is not measured on the rest."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Booleans = NDArray[np.bool_]


def lower_bound(differences: NDArray[np.float64], delta: float) -> NDArray[np.float64]:
    r"""Bound the mean of paired differences from below.

    .. math::
        \bar d - \sqrt{\frac{2 V \ln(2/\delta)}{n}} - \frac{7 R \ln(2/\delta)}{3 (n - 1)}

    with the sample variance `V` and the range `R = 2` of differences within -1..1.

    Parameters
    ----------
    differences
        Within -1..1, shape (rows, n) with n of 2 or more.
    delta
        Probability that a row's true mean lies below its bound [0..1].

    Returns
    -------
    array
        Shape (rows,).

    Notes
    -----
    Limits: images are taken as independent draws; nothing is taken as normal. The last term makes
    it cautious where n is small: at n = 300 and delta = 1e-6 only means above 0.23 pass zero.

    References
    ----------
    .. [1] A. Maurer and M. Pontil, "Empirical Bernstein bounds and sample variance penalization,"
       COLT 2009, theorem 4, for a range of 2. Unverified (quoted from memory).
    """
    n = differences.shape[1]
    if n < 2:
        raise ValueError(f"differences has {n} columns, expected 2 or more")
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta is {delta}, expected above 0 and below 1")
    log = math.log(2.0 / delta)
    spread = np.sqrt(2.0 * differences.var(axis=1, ddof=1) * log / n)
    bound = differences.mean(axis=1) - spread - 14.0 * log / (3.0 * (n - 1))
    return np.asarray(bound, dtype=np.float64)


def exact_bound(differences: NDArray[np.float64], delta: float) -> NDArray[np.float64]:
    """Bound the mean of differences that are -1, 0 or 1 from below, exactly.

    The share of ones has a Clopper-Pearson bound from below and that of minus ones one from above,
    each with half of `delta`. Sharper than `lower_bound` where images are few; shapes as there.
    """
    n = differences.shape[1]
    better = (differences > 0.0).sum(axis=1)
    worse = (differences < 0.0).sum(axis=1)
    least = np.where(better > 0, beta.ppf(delta / 2, np.maximum(better, 1), n - better + 1), 0.0)
    most = np.where(worse < n, beta.ppf(1 - delta / 2, worse + 1, np.maximum(n - worse, 1)), 1.0)
    return np.asarray(least - most, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Race:
    """How a race is run.

    Attributes
    ----------
    delta
        Probability that any mix at all is dropped wrongly, over the whole search [0..1].
    first
        Share of the images of the first stage; every further one doubles what was seen.
    """

    delta: float = 0.05
    first: float = 1 / 16

    def __post_init__(self) -> None:
        if not 0.0 < self.delta < 1.0:
            raise ValueError(f"delta is {self.delta}, expected above 0 and below 1")
        if not 0.0 < self.first <= 1.0:
            raise ValueError(f"first is {self.first}, expected above 0 and at most 1")

    def stops(self, images: int) -> tuple[int, ...]:
        """Return how many images have been seen after each stage; the last is all of them."""
        stages = max(0, math.floor(-math.log2(self.first)))
        seen = [math.ceil(images / 2**k) for k in range(stages, -1, -1)]
        return tuple(dict.fromkeys(max(stop, min(2, images)) for stop in seen))

    def beaten(self, right: Booleans, rivals: Booleans, *, margin: float, budget: int) -> bool:
        """Tell whether some rival is surely better by more than a margin.

        Parameters
        ----------
        right, rivals
            Right answers to the same images, shapes (n,) and (rivals, n).
        margin
            Accuracy [0..1].
        budget
            How many mixes the search may measure: any pair of them, at any stage, may be compared.
        """
        if not len(rivals) or right.size < 2:
            return False
        stages = len(self.stops(2**20))
        share = self.delta / (stages * budget * (budget + 1))
        better = rivals.astype(np.float64) - right.astype(np.float64)
        bounds = np.maximum(lower_bound(better, share / 2), exact_bound(better, share / 2))
        return bool(np.any(bounds > margin))
