r"""What a fitted model leaves over, carried forward: unknown heat that comes and goes.

Residuals of a free run are readings' noise plus a slow part (a fan, the sun, work on a cluster that
no input tells of), taken as a first-order Markov process:

.. math:: r_i = d_i + e_i, \qquad d_i = e^{-\Delta t / \tau} d_{i-1} + w_i
"""

from dataclasses import dataclass

import numpy as np

from thermal.network import Vector

_SHARES = np.array([0.0, 0.25, 0.5, 0.7, 0.85, 0.95, 0.99])
_TAUS = 9


@dataclass(frozen=True, slots=True)
class Drift:
    """How fast the slow part fades, and how much of the residuals it is.

    Attributes
    ----------
    tau_s
        Its time constant [s].
    share
        Its share of the residuals' variance, 0..1.

    Notes
    -----
    Limits: a step of unknown heat is remembered for about `tau_s` and then forgotten; a lasting
    change of the board (a fan that stays on) needs a new fit.
    """

    tau_s: float
    share: float

    def carried_k(self, time_s: Vector, residual_k: Vector, *, at_s: Vector) -> Vector:
        """Return what earlier residuals say about the temperature at later times [K].

        Parameters
        ----------
        time_s, residual_k
            Readings minus free run up to now, shape (n,); n may be 0.
        at_s
            Later times, shape (k,) [s].
        """
        if len(time_s) == 0:
            return np.zeros(len(at_s))
        level = _filter(time_s, residual_k, np.array([self.tau_s]), np.array([self.share]))[0]
        return np.asarray(level[0] * np.exp(-(at_s - time_s[-1]) / self.tau_s))


def identify_drift(time_s: Vector, residual_k: Vector) -> Drift:
    """Return the most likely drift of residuals, over a grid of time constants and shares."""
    dt = np.diff(time_s)
    taus = np.geomspace(max(float(np.median(dt)), 1e-3), 2.0 * float(time_s[-1] - time_s[0]), _TAUS)
    tau, share = (grid.ravel() for grid in np.meshgrid(taus, _SHARES))
    _, cost = _filter(time_s, residual_k, tau, share)
    best = int(np.argmin(cost))
    return Drift(float(tau[best]), float(share[best]))


def _filter(
    time_s: Vector, residual_k: Vector, tau: Vector, share: Vector
) -> tuple[Vector, Vector]:
    """Return the last filtered level and twice the negative log likelihood, per candidate."""
    level, spread = np.zeros(len(tau)), share.copy()  # variances relative to the residuals' own
    squares, logs = np.zeros(len(tau)), np.zeros(len(tau))
    for i, residual in enumerate(residual_k):
        if i:
            fade = np.exp(-(time_s[i] - time_s[i - 1]) / tau)
            level, spread = fade * level, fade**2 * spread + (1.0 - fade**2) * share
        error, variance = residual - level, spread + 1.0 - share
        squares += error**2 / variance
        logs += np.log(variance)
        gain = spread / variance
        level, spread = level + gain * error, spread * (1.0 - gain)
    n = max(len(residual_k), 1)
    return level, n * np.log(np.maximum(squares, 1e-300) / n) + logs
