"""How far the codes of a signal should reach, from a histogram of its magnitudes.

Codes reach `reach` at the ends and round within; what lies beyond saturates. The greatest value
never saturates; a lower reach rounds the many small values more finely.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

BINS = 2048
CANDIDATES = np.linspace(0.05, 1.0, 96)


class RangeMethod(Enum):
    """How a range is chosen.

    `GREATEST` takes the greatest magnitude, `PERCENTILE` leaves one value in ten thousand beyond,
    `SQNR` makes the ratio of signal to quantisation noise at 8 bits the greatest.
    """

    GREATEST = "greatest"
    PERCENTILE = "percentile"
    SQNR = "sqnr"


@dataclass(frozen=True, slots=True, eq=False)
class Magnitudes:
    """Counts of magnitudes in equal bins from zero to `greatest`, shape (bins,)."""

    counts: NDArray[np.int64]
    greatest: float

    def __post_init__(self) -> None:
        if self.greatest <= 0.0 or self.counts.ndim != 1 or self.counts.sum() < 1:
            raise ValueError(
                f"greatest is {self.greatest} and counts has shape {self.counts.shape}, "
                "expected some values, one of them above 0"
            )

    @property
    def centres(self) -> NDArray[np.float64]:
        """Middle of each bin."""
        bins = len(self.counts)
        return np.asarray((np.arange(bins) + 0.5) * self.greatest / bins, dtype=np.float64)


def choose_reach(magnitudes: Magnitudes, method: RangeMethod, *, steps: float) -> float:
    """Return how far codes should reach.

    Parameters
    ----------
    magnitudes
        Of the values on calibration images.
    method
        How to choose.
    steps
        Codes of 8 bits from zero to the reach: 127 where values are signed, else 255.

    Notes
    -----
    Limits: the noise of rounding is taken as uniform, `step^2 / 12`, for all values within reach;
    values are taken to lie in the middle of their bins.
    """
    if method is RangeMethod.GREATEST:
        return magnitudes.greatest
    reaches = magnitudes.greatest * CANDIDATES
    if method is RangeMethod.PERCENTILE:
        below = np.cumsum(magnitudes.counts) / magnitudes.counts.sum()
        last = int(np.searchsorted(below, 1.0 - 1e-4))
        return magnitudes.greatest * (last + 1) / len(magnitudes.counts)
    noise = [quantisation_noise(magnitudes, float(reach), steps=steps) for reach in reaches]
    return float(reaches[int(np.argmin(noise))])


def quantisation_noise(magnitudes: Magnitudes, reach: float, *, steps: float) -> float:
    """Estimate the sum of squared errors of rounding within a reach and saturating beyond it."""
    values, counts = magnitudes.centres, magnitudes.counts
    beyond = values > reach
    saturated = float((counts[beyond] * (values[beyond] - reach) ** 2).sum())
    return float(counts[~beyond].sum()) * (reach / steps) ** 2 / 12 + saturated
