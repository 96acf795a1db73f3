r"""Modal form of an RC network: every node is a sum of decaying exponentials."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from thermal.network import Matrix, RcNetwork, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    r"""Eigenform of :math:`C^{-1} G`.

    With :math:`S = C^{-1/2} G C^{-1/2} = M \Lambda M^T` symmetric, the rise above ambient at
    constant power is :math:`x(t) = x_\infty + L e^{-\Lambda t} R (x_0 - x_\infty)`, where
    :math:`L = C^{-1/2} M` and :math:`R = M^T C^{1/2}` are each other's inverse.

    Attributes
    ----------
    rate
        Decay rates, rising, shape (n,) [1/s].
    left
        `L`, column k the temperatures of mode k, shape (n, n).
    right
        `R`, row k what reads mode k out of the temperatures, shape (n, n).

    Notes
    -----
    Of many networks at once (`decompose_many`) every array has their axes in front.
    """

    rate: Vector
    left: Matrix
    right: Matrix

    def coefficients(self, start_k: Vector, settled_k: Vector) -> Matrix:
        """Return what each mode adds to each node at time zero, shape (node, mode) [K]."""
        return np.asarray(self.left * (self.right @ (start_k - settled_k)))


def decompose(network: RcNetwork) -> Modes:
    """Return the modal form of a network.

    Raises
    ------
    ValueError
        If capacities and conductances lie so far apart that double precision loses a decay rate.
    """
    return decompose_many(network.capacitance, network.laplacian)


def decompose_many(capacitance: Vector, laplacian: Matrix) -> Modes:
    """Return the modal forms of networks, shapes (..., n) [J/K] and (..., n, n) [W/K].

    Raises
    ------
    ValueError
        As `decompose`, for the first network that loses a decay rate.
    """
    root_c = np.sqrt(capacitance)
    down, across = root_c[..., np.newaxis], root_c[..., np.newaxis, :]
    rate, mode = np.linalg.eigh(laplacian / (down * across))
    good = np.isfinite(rate).all(axis=-1) & (rate[..., 0] > rate[..., -1] * 1e-15)
    if not good.all():
        raise ValueError(
            f"decay rates are {rate[~good][0].tolist()} 1/s, expected all above 0: "
            "capacities or conductances lie too many orders of magnitude apart"
        )
    return Modes(rate, mode / down, mode.swapaxes(-1, -2) * across)


def crossings(weights: Vector, rate: Vector, *, until_s: float) -> tuple[float, ...]:
    r"""Return where a sum of exponentials changes sign in (0, until_s], in order.

    .. math:: f(t) = \sum_i w_i e^{-r_i t}

    Multiplying by :math:`e^{r_j t}` and differentiating removes the j-th term and keeps a sum of
    exponentials, so by Rolle's theorem the sign changes of the shorter sum cut the axis into pieces
    on each of which :math:`f e^{r_j t}` is monotone and changes sign at most once. Starting from
    one term, which has no zero, every sign change is found and none can be stepped over.

    Parameters
    ----------
    weights
        Weight of each term, shape (m,).
    rate
        Decay rate of each term, not negative, shape (m,) [1/s].
    until_s
        End of the search [s].

    Returns
    -------
    tuple of float
        Times of the sign changes [s].
    """
    rates, where = np.unique(rate, return_inverse=True)
    merged = np.zeros(len(rates))
    np.add.at(merged, where, weights)
    rates, merged = rates[merged != 0.0], merged[merged != 0.0]
    # derived[k] keeps the terms k.. and is the derivative, in the sense above, of derived[k - 1].
    derived = [merged]
    for k in range(1, len(rates)):
        derived.append(derived[-1][1:] * (rates[k - 1] - rates[k:]))
    roots: tuple[float, ...] = ()
    for k in range(len(rates) - 2, -1, -1):
        roots = _sign_changes(derived[k], rates[k:], cuts=(0.0, *roots, until_s))
    return roots


def _sign_changes(weights: Vector, rate: Vector, *, cuts: tuple[float, ...]) -> tuple[float, ...]:
    """Bisect each monotone piece whose ends have opposite signs."""
    # The slowest decay is divided out: it changes no sign, and nothing under- or overflows.
    decay = rate - rate[0]

    def sign(time_s: float) -> float:
        return float(np.sign(weights @ np.exp(-decay * time_s)))

    found = []
    before = sign(cuts[0])
    for low, high in pairwise(cuts):
        after = sign(high)
        if after != 0.0 and before not in (0.0, after):
            found.append(_bisect(sign, low, high=high, after=after))
        before = after or before
    return tuple(found)


def _bisect(sign: Callable[[float], float], low: float, *, high: float, after: float) -> float:
    """Return the first time, as far as doubles tell, at which the sign is the later one."""
    while low < (middle := 0.5 * (low + high)) < high:
        if sign(middle) == after:
            high = middle
        else:
            low = middle
    return high
