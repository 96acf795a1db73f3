"""Discrete-time thermal model: one matrix step per control period."""

import math
from dataclasses import dataclass

import numpy as np

from thermal.network import Matrix, Vector, check_nodes, frozen_array


@dataclass(frozen=True, slots=True, eq=False)
class ThermalModel:
    """x[k+1] = A x[k] + B P[k], with x the rise of each node above ambient [K].

    Attributes
    ----------
    nodes
        Node names, in state order.
    A, B
        Discrete-time matrices, shape (n, n); B in [K/W].
    period_s
        Step length [s].

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, the period is not positive, or A has an
        eigenvalue on or outside the unit circle: such a chip would heat for ever.

    Notes
    -----
    Limits: power and ambient are constant within a step; what depends on temperature (leakage)
    must be refreshed at every step. For A and B from `thermal.discretise` the step is then exact.
    """

    nodes: tuple[str, ...]
    A: Matrix
    B: Matrix
    period_s: float

    def __post_init__(self) -> None:
        check_nodes(self.nodes)
        n = len(self.nodes)
        object.__setattr__(self, "A", frozen_array(self.A, field="A", shape=(n, n)))
        object.__setattr__(self, "B", frozen_array(self.B, field="B", shape=(n, n)))
        if not (math.isfinite(self.period_s) and self.period_s > 0.0):
            raise ValueError(f"period_s is {self.period_s!r}, expected a finite number above 0")
        radius = float(np.abs(np.linalg.eigvals(self.A)).max())
        if radius >= 1.0:
            raise ValueError(f"A has spectral radius {radius!r}, expected below 1: not stable")

    def step(self, temps_degc: Vector, power_w: Vector, ambient_degc: float) -> Vector:
        """Return node temperatures one period later [degC].

        Parameters
        ----------
        temps_degc
            Node temperatures now, shape (..., n) [degC].
        power_w
            Power into each node over the period, shape (..., n) [W].
        ambient_degc
            Ambient temperature [degC].

        Returns
        -------
        ndarray
            Temperatures at the end of the period, of the broadcast shape (..., n) [degC].
        """
        rise = (temps_degc - ambient_degc) @ self.A.T + power_w @ self.B.T
        return np.asarray(ambient_degc + rise, dtype=np.float64)

    def steady_state(self, power_w: Vector, ambient_degc: float) -> Vector:
        """Return the temperatures constant power settles at, shape (..., n) [degC]."""
        gain = np.linalg.solve(np.eye(len(self.nodes)) - self.A, self.B)
        return np.asarray(ambient_degc + power_w @ gain.T, dtype=np.float64)
