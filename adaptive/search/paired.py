"""Which of two plans is better, from the images that one answers rightly and the other does not."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from scipy.stats import binom

Floats = NDArray[np.float64]

_STAKES = 1.0 - np.geomspace(0.02, 0.999, 24)  # shares of what a bet may lose at most


def sign_test(better: ArrayLike, worse: ArrayLike) -> Floats:
    r"""Return how likely at least `better` of all differing images fall so by chance alone.

    .. math:: P(X \ge better), \quad X \sim B(better + worse, 1/2)

    Notes
    -----
    Exact. Images on which two plans agree say nothing about which is better.
    """
    better, worse = np.asarray(better), np.asarray(worse)
    if np.any(better < 0) or np.any(worse < 0):
        raise ValueError(f"better is {better} and worse is {worse}, expected 0 or more")
    return np.asarray(binom.sf(better - 1, better + worse, 0.5), dtype=np.float64)


def margin_test(better: ArrayLike, worse: ArrayLike, images: int, *, margin: float) -> Floats:
    r"""Return how likely such a lead is if the first plan is better by no more than a margin.

    Someone who bets a share :math:`\lambda` of what is at hand on every image that the lead is
    above the margin does not gain in the mean if it is not. What a mixture of such players has won,

    .. math:: W = \sum_\lambda w_\lambda \prod_i (1 + \lambda (d_i - m)),

    is therefore above :math:`1 / \delta` with a probability of :math:`\delta` at most, however
    often one looks.

    Parameters
    ----------
    better, worse
        Images that the first plan alone answers rightly, and the second alone.
    images
        All images.
    margin
        Accuracy [0..1].

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by
       betting," J. R. Stat. Soc. B, 2024. Unverified (quoted from memory).
    """
    if not 0.0 <= margin < 1.0:
        raise ValueError(f"margin is {margin}, expected 0 to below 1")
    better, worse = np.asarray(better)[..., np.newaxis], np.asarray(worse)[..., np.newaxis]
    stake = _STAKES / (1.0 + margin)
    won = (
        better * np.log1p(stake * (1.0 - margin))
        + worse * np.log1p(-stake * (1.0 + margin))
        + (images - better - worse) * np.log1p(-stake * margin)
    )
    log_wealth = logsumexp(won, axis=-1) - np.log(len(_STAKES))
    return np.asarray(np.exp(np.minimum(-log_wealth, 0.0)), dtype=np.float64)
