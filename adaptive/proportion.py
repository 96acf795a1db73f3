"""How sure a measured share is."""

import math
from statistics import NormalDist

NORMAL_QUANTILE_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: two-sided 95 %."""


def wilson_interval(
    successes: int, trials: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    r"""Compute the interval of a share by Wilson's score method.

    .. math::
        \frac{p + z^2/2n \pm z \sqrt{p(1-p)/n + z^2/4n^2}}{1 + z^2/n}

    Parameters
    ----------
    successes
        How often it happened.
    trials
        How often it could have happened.
    confidence
        Probability of covering the true share, two-sided [0..1].

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
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}, expected above 0 and below 1")
    share = successes / trials
    quantile = (
        NORMAL_QUANTILE_95 if confidence == 0.95 else NormalDist().inv_cdf(0.5 + confidence / 2)
    )
    spread = quantile**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
