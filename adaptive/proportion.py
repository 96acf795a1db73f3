"""How sure a measured share is."""

import math

import numpy as np
from numpy.typing import NDArray

NORMAL_QUANTILE_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: two-sided 95 %."""


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    r"""Compute the 95 % interval of a share by Wilson's score method.

    .. math::
        \frac{p + z^2/2n \pm z \sqrt{p(1-p)/n + z^2/4n^2}}{1 + z^2/n}

    Parameters
    ----------
    successes
        How often it happened.
    trials
        How often it could have happened.

    Returns
    -------
    tuple of float
        Lower and upper end, both within 0..1.

    Notes
    -----
    Limits: trials are taken as independent. Several versions of one image are not, so an interval
    over augmented images is too narrow for comparing networks, though plans compared on the same
    images differ by less than it says.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference,"
       *J. Am. Stat. Assoc.*, vol. 22, no. 158, pp. 209-212, 1927. Unverified (quoted from memory).
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"{successes} successes in {trials} trials, expected 0..trials of 1 or more"
        )
    share = successes / trials
    spread = NORMAL_QUANTILE_95**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def paired_difference(
    left: NDArray[np.bool_], right: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Compute the difference of two shares on the same trials, with its normal 95 % interval.

    Parameters
    ----------
    left, right
        Whether each of at least two trials was a success, shape (N,).

    Returns
    -------
    tuple of float
        Share of `left` less that of `right`, and the lower and upper end.
    """
    each = left.astype(np.float64) - right
    value = float(each.mean())
    half = NORMAL_QUANTILE_95 * float(each.std(ddof=1)) / math.sqrt(len(each))
    return value, value - half, value + half
