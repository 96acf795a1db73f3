"""Foster form to a ladder of nodes that exist: capacities to the ambient, resistances in a row."""

import numpy as np

from thermal.network import Vector

_SMALLEST = 1e-9


def foster_to_ladder(resistance_k_per_w: Vector, tau_s: Vector) -> tuple[Vector, Vector]:
    r"""Return the Cauer ladder of the same driving-point impedance.

    .. math:: Z(s) = \sum_k \frac{R_k}{1 + s \tau_k} = b^T (s I + D)^{-1} b

    Lanczos' method on `D`, started at `b`, makes it tridiagonal, and a tridiagonal matrix is the
    ladder's :math:`C^{-1/2} G C^{-1/2}`.

    Parameters
    ----------
    resistance_k_per_w, tau_s
        Foster resistances [K/W] and time constants [s], all above 0, no two alike, shape (K,).

    Returns
    -------
    tuple of ndarray
        Capacities of the nodes [J/K], the heated one first, and the resistance from each node to
        the next, the last to the ambient [K/W]; each of shape (K,).

    Raises
    ------
    ValueError
        If a value is not positive, or two time constants are too alike to tell apart.

    Notes
    -----
    Limits: a Foster mode's capacity is no part of the board; a ladder's nodes may be one, but a
    fit to one sensor cannot say which.
    """
    R, tau = np.asarray(resistance_k_per_w, float), np.asarray(tau_s, float)
    if R.shape != tau.shape or (R <= 0.0).any() or (tau <= 0.0).any():
        raise ValueError(
            f"resistances {R.tolist()} and tau_s {tau.tolist()}: expected pairs above 0"
        )
    D, b = 1.0 / tau, np.sqrt(R / tau)
    K = len(R)
    q = b / np.linalg.norm(b)
    basis = [q]
    capacity = np.zeros(K)
    conductance = np.zeros(K)
    capacity[0] = 1.0 / float(b @ b)
    before = 0.0
    for i in range(K):
        diagonal = float(basis[i] @ (D * basis[i]))
        conductance[i] = diagonal * capacity[i] - before
        if i + 1 == K:
            break
        rest = D * basis[i]
        for vector in basis:  # all of them: three-term recurrence alone loses digits
            rest = rest - vector * (vector @ rest)
        size = float(np.linalg.norm(rest))
        if size <= _SMALLEST * float(D.max()):
            raise ValueError(f"tau_s {tau.tolist()} has two too alike, expected distinct ones")
        basis.append(rest / size)
        capacity[i + 1] = conductance[i] ** 2 / (size**2 * capacity[i])
        before = conductance[i]
    return capacity, 1.0 / conductance
