"""How far the codes of a signal should reach, from a histogram of its magnitudes.

Codes reach `reach` at the ends and round within; what lies beyond saturates. The greatest value
never saturates; a lower reach rounds the many small values more finely.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from adaptive.arithmetic import Arithmetic
from adaptive.precision import Bits

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


def choose_reach(
    magnitudes: Magnitudes,
    method: RangeMethod,
    *,
    codes: int,
    arithmetic: Arithmetic = Arithmetic.AFFINE,
) -> float:
    """Return how far codes should reach: in radix, to a power of two for each code.

    Parameters
    ----------
    magnitudes
        Of the values on calibration images.
    method
        How to choose.
    codes
        Of 16 bits from zero to the reach: 32639 where values are signed, else 65407.
    arithmetic
        Which scales there are, and how 8 bits are cut.
    """
    reaches = magnitudes.greatest * CANDIDATES
    if method is RangeMethod.GREATEST:
        reaches = reaches[-1:]
    elif method is RangeMethod.PERCENTILE:
        below = np.cumsum(magnitudes.counts) / magnitudes.counts.sum()
        last = int(np.searchsorted(below, 1.0 - 1e-4))
        reaches = np.array([magnitudes.greatest * (last + 1) / len(magnitudes.counts)])
    if arithmetic is Arithmetic.RADIX:
        reaches = np.unique([codes * arithmetic.signal_scale(float(r) / codes) for r in reaches])
    noise = [
        quantisation_noise(magnitudes, float(reach), steps=codes // 256, arithmetic=arithmetic)
        for reach in reaches
    ]
    return float(reaches[int(np.argmin(noise))])


def quantisation_noise(
    magnitudes: Magnitudes,
    reach: float,
    *,
    steps: int,
    arithmetic: Arithmetic = Arithmetic.AFFINE,
) -> float:
    """Estimate the sum of squared errors of 8 bits within a reach and of saturating beyond it.

    Parameters
    ----------
    magnitudes
        Of the values.
    reach, steps
        How far codes reach, and in how many 8-bit steps.
    arithmetic
        How 8 bits are cut.

    Notes
    -----
    Limits: what is cut off is taken as uniform over one step, for all values within reach: rounded
    it has the mean square `step^2 / 12`, truncated `step^2 / 3`. Values are taken to lie in the
    middle of their bins.
    """
    values, counts = magnitudes.centres, magnitudes.counts
    beyond = values > reach
    saturated = float((counts[beyond] * (values[beyond] - reach) ** 2).sum())
    mean_square = 1 / 12 + (0.5 - arithmetic.carry(Bits.INT8)) ** 2
    return float(counts[~beyond].sum()) * (reach / steps) ** 2 * mean_square + saturated
