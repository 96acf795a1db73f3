"""Heat nobody announced: an ambient step, a busy GPU, a fan, found from coarse zone readings."""

import math
from dataclasses import dataclass, field

import numpy as np

from thermal.model import ThermalModel
from thermal.network import Matrix, Vector
from thermal.observer import steady_gain

_WORST_CONDITION = 1e12


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What is believed of a board at one instant.

    Attributes
    ----------
    temps_degc
        Temperature of every node, shape (n,) [degC].
    size
        Size of each disturbance, shape (k,), in the units its pattern is given per.
    """

    temps_degc: Vector
    size: Vector


@dataclass(frozen=True, slots=True, eq=False)
class DisturbanceObserver:
    r"""Estimator of node temperatures and of unknown heat; the estimate is kept by the caller.

    Unknown heat flows in fixed patterns `E` of unknown size `w`, which drifts slowly:

    .. math:: T^+ = A T + B (P + E w), \\quad w^+ = w + \\nu

    A pattern is watts into each node for one unit of the disturbance: a one at the GPU's node for
    watts of unknown GPU power; the network's `to_ambient` for kelvins of an ambient that differs
    from the one given; a one at the heat sink for watts that a fan takes away (negative size).

    Attributes
    ----------
    model
        Discrete-time model of the board.
    zones
        Node index each zone reads, shape (m,).
    patterns
        Watts into each node for one unit of each disturbance, shape (n, k) [W].
    process_k
        Standard deviation of what the model gets wrong in one period, per node [K].
    drift
        Standard deviation of each disturbance's change in one period, shape (k,).
    noise_k
        Standard deviation of a reading [K]; for rounding to steps of q alone, q / sqrt(12).
    gain
        Kalman gain, shape (n + k, m).

    Raises
    ------
    ValueError
        If a shape is wrong, a deviation is not positive, or the zones cannot tell the disturbances
        apart.

    Notes
    -----
    Limits: as `Observer`, with constant disturbances no longer a bias. Quantised readings are not
    white noise: an estimate may hunt within half a step. A disturbance smaller than the sensor's
    step shows slowly.

    References
    ----------
    .. [1] G. Pannocchia and J. B. Rawlings, "Disturbance models for offset-free model-predictive
       control," AIChE J., vol. 49, no. 2, pp. 426-437, 2003 (detectability: eq. 9; unverified).
    """

    model: ThermalModel
    zones: tuple[int, ...]
    patterns: Matrix
    process_k: float
    drift: Vector
    noise_k: float
    gain: Matrix = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n, k = len(self.model.nodes), len(self.drift)
        if self.patterns.shape != (n, k) or k < 1 or not np.isfinite(self.patterns).all():
            raise ValueError(
                f"patterns has shape {self.patterns.shape}, expected ({n}, {k}), finite, k >= 1"
            )
        if not self.zones or not all(0 <= zone < n for zone in self.zones):
            raise ValueError(f"zones is {self.zones!r}, expected node indices in 0..{n - 1}")
        for name, value in (("process_k", self.process_k), ("noise_k", self.noise_k)):
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value!r}, expected a finite number above 0")
        if not (np.isfinite(self.drift).all() and (self.drift > 0.0).all()):
            raise ValueError(f"drift is {self.drift.tolist()}, expected finite numbers above 0")
        A, H = self._augmented()
        # A constant disturbance is seen if no state is at rest with it and unseen by every zone.
        at_rest = np.vstack((A - np.eye(n + k), H))
        if np.linalg.cond(at_rest / np.abs(at_rest).max(axis=0, initial=1e-300)) > _WORST_CONDITION:
            raise ValueError(
                f"patterns: {len(self.zones)} zones cannot tell the {k} disturbances apart"
            )
        gain = steady_gain(
            A,
            H,
            process=np.diag(np.concatenate((np.full(n, self.process_k**2), self.drift**2))),
            noise=np.eye(len(self.zones)) * self.noise_k**2,
        )
        gain.setflags(write=False)
        object.__setattr__(self, "gain", gain)

    def _augmented(self) -> tuple[Matrix, Matrix]:
        """Return transition and reading of temperatures and disturbances together."""
        n, k = self.patterns.shape
        A = np.block([[self.model.A, self.model.B @ self.patterns], [np.zeros((k, n)), np.eye(k)]])
        H = np.hstack((np.eye(n)[list(self.zones)], np.zeros((len(self.zones), k))))
        return A, H

    def predict(self, estimate: Estimate, power_w: Vector, ambient_degc: float) -> Estimate:
        """Return the estimate one period later, before any reading."""
        power = power_w + self.patterns @ estimate.size
        return Estimate(self.model.step(estimate.temps_degc, power, ambient_degc), estimate.size)

    def correct(self, estimate: Estimate, readings_degc: Vector) -> Estimate:
        """Return the estimate corrected by finite readings, one per zone [degC]."""
        error = np.asarray(readings_degc, dtype=np.float64) - estimate.temps_degc[list(self.zones)]
        change = self.gain @ error
        n = len(self.model.nodes)
        return Estimate(estimate.temps_degc + change[:n], estimate.size + change[n:])
