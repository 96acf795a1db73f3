"""Every node's temperature from a few coarse zone readings: a steady-state Kalman filter."""

import math
from dataclasses import dataclass, field

import numpy as np

from thermal.model import ThermalModel
from thermal.network import Matrix, Vector

# Each doubling squares what is left of the start, so 64 of them outlast any stable model.
_DOUBLINGS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Observer:
    r"""Estimator of node temperatures; the estimate itself is kept by the caller.

    Each period: `predict` with the power that flowed, then `correct` with what the zones read.

    .. math:: \hat T \leftarrow \hat T + K (y - H \hat T)

    with the gain `K` of the steady-state Riccati equation, found by doubling on construction.

    Attributes
    ----------
    model
        Discrete-time model of the board.
    zones
        Node index each zone reads, shape (m,).
    process_k
        Standard deviation of what the model gets wrong in one period, per node [K].
    noise_k
        Standard deviation of a reading [K]; for rounding to steps of q alone, q / sqrt(12).
    gain
        Kalman gain, shape (n, m).

    Raises
    ------
    ValueError
        If there is no zone, an index is not a node, or a standard deviation is not positive.

    Notes
    -----
    Limits: assumes power and ambient are known and errors are white; a wrong ambient or a constant
    error of the power model shows as a bias that the gain only shrinks. A reading must be a finite
    number: leave `correct` out for a period whose readings are missing, stale or not numbers.

    References
    ----------
    .. [1] B. D. O. Anderson and J. B. Moore, *Optimal Filtering*, Prentice-Hall, 1979, ch. 4 and 6
       (doubling: section 6.7; unverified).
    """

    model: ThermalModel
    zones: tuple[int, ...]
    process_k: float
    noise_k: float
    gain: Matrix = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n = len(self.model.nodes)
        if not self.zones or not all(0 <= zone < n for zone in self.zones):
            raise ValueError(f"zones is {self.zones!r}, expected node indices in 0..{n - 1}")
        for name, value in (("process_k", self.process_k), ("noise_k", self.noise_k)):
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value!r}, expected a finite number above 0")
        gain = steady_gain(
            self.model.A,
            np.eye(n)[list(self.zones)],
            process=np.eye(n) * self.process_k**2,
            noise=np.eye(len(self.zones)) * self.noise_k**2,
        )
        gain.setflags(write=False)
        object.__setattr__(self, "gain", gain)

    def predict(self, temps_degc: Vector, power_w: Vector, ambient_degc: float) -> Vector:
        """Return the estimate one period later, before any reading, shape (n,) [degC]."""
        return self.model.step(temps_degc, power_w, ambient_degc)

    def correct(self, temps_degc: Vector, readings_degc: Vector) -> Vector:
        """Return the estimate corrected by finite readings, one per zone, shape (n,) [degC]."""
        error = np.asarray(readings_degc, dtype=np.float64) - temps_degc[list(self.zones)]
        return np.asarray(temps_degc + self.gain @ error, dtype=np.float64)


def steady_gain(A: Matrix, H: Matrix, *, process: Matrix, noise: Matrix) -> Matrix:
    r"""Find the gain of the steady-state Kalman filter by structure-preserving doubling.

    .. math:: X = A X (1 + S X)^{-1} A^T + Q, \quad S = H^T R^{-1} H, \quad
        K = X H^T (H X H^T + R)^{-1}

    Parameters
    ----------
    A
        Transition of the state, shape (n, n).
    H
        What is read of it, shape (m, n).
    process
        Covariance Q of what the model gets wrong in one period, shape (n, n).
    noise
        Covariance R of the readings, shape (m, m).

    Returns
    -------
    ndarray
        Gain, shape (n, m).

    Notes
    -----
    Limits: (A, H) must be detectable; nothing here checks that.
    """
    n = len(A)
    step = A.T
    read = H.T @ np.linalg.solve(noise, H)  # S above
    X = process
    for _ in range(_DOUBLINGS):
        solved = np.linalg.solve(np.eye(n) + read @ X, np.hstack((step, read)))
        X = X + step.T @ X @ solved[:, :n]
        read = read + step @ solved[:, n:] @ step.T
        step = step @ solved[:, :n]
    return np.asarray(np.linalg.solve(H @ X @ H.T + noise, H @ X).T, dtype=np.float64)
