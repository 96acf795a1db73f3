"""A fitted Foster model: how well it is known, and what it forecasts."""

from dataclasses import dataclass

import numpy as np

from thermal.identify.drift import Drift
from thermal.identify.foster import FosterModel
from thermal.identify.trace import HeatTrace
from thermal.network import Matrix, Vector


@dataclass(frozen=True, slots=True, eq=False)
class FosterFit:
    """A fitted model with how well it is known.

    Attributes
    ----------
    model
        The model.
    drift
        The slow part of what it leaves over.
    sigma_k
        Scale of the residuals [K], robust.
    names
        Parameters: logarithms of time constants, shares and gains; ambient, starts; leakage.
    covariance
        Their covariance, data and belief together, shape (p, p).
    information
        What the data alone say of them: inverse covariance without belief, shape (p, p).

    Notes
    -----
    Limits: covariance is that of a model linearised at its optimum with the noise's own
    correlation allowed for; it knows nothing of what the model lacks. Judge by held-out error.
    """

    model: FosterModel
    drift: Drift
    sigma_k: float
    names: tuple[str, ...]
    covariance: Matrix
    information: Matrix

    def forecast_degc(self, trace: HeatTrace, *, known: int) -> Vector:
        """Return a free run from a row on, given readings before it, shape (n - known,) [degC].

        The state at the row is that of the model run through all inputs up to it, corrected by the
        drift seen in the readings so far; with none, by nothing.
        """
        run = self.model.respond(trace)
        seen = np.flatnonzero(trace.read[:known])
        carried = self.drift.carried_k(
            trace.time_s[seen], trace.temps_degc[seen] - run[seen], at_s=trace.time_s[known:]
        )
        return np.asarray(run[known:] + carried)

    def forecast_sd_k(self, trace: HeatTrace) -> Vector:
        """Return what the parameters' covariance makes a free run uncertain by, shape (n,) [K]."""
        _, slope = self.model.sensitivity(trace)
        return np.asarray(np.sqrt(np.einsum("pn,pq,qn->n", slope, self.covariance, slope)))
