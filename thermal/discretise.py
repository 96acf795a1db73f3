"""Exact (zero-order-hold) discretisation of an RC network."""

import math

import numpy as np

from thermal.model import ThermalModel
from thermal.modes import decompose
from thermal.network import RcNetwork


def discretise(network: RcNetwork, period_s: float) -> ThermalModel:
    r"""Return the discrete-time model of a network for a control period.

    .. math:: A = e^{-C^{-1} G h}, \qquad B = \int_0^h e^{-C^{-1} G s} \, ds \; C^{-1}

    Computed through the symmetric eigenproblem of :math:`C^{-1/2} G C^{-1/2}`, so there is no step
    size to choose and B is symmetric (reciprocity) by construction.

    Parameters
    ----------
    network
        A passive RC network.
    period_s
        Length of a step, `h` above [s].

    Returns
    -------
    ThermalModel
        Its exact sampled form.

    Raises
    ------
    ValueError
        If the period is not positive, or so short against the slowest time constant that double
        precision cannot tell A from the identity.

    Notes
    -----
    Limits: exact for power held constant over the period; what happens between samples (a peak
    inside a step) is `thermal.headroom.peak_degc`'s business.
    """
    if not (math.isfinite(period_s) and period_s > 0.0):
        raise ValueError(f"period_s is {period_s!r}, expected a finite number above 0")
    modes = decompose(network)
    A = (modes.left * np.exp(-modes.rate * period_s)) @ modes.right
    # L diag(.) L^T: with C = L^-T L^-1 this is the integral above times C^-1.
    B = (modes.left * (-np.expm1(-modes.rate * period_s) / modes.rate)) @ modes.left.T
    return ThermalModel(network.nodes, A, 0.5 * (B + B.T), period_s)
