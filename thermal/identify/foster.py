"""Foster form: one temperature as a sum of first-order modes, stepped exactly at any times."""

from dataclasses import dataclass

import numpy as np

from thermal.identify.trace import HeatTrace
from thermal.network import Matrix, Vector

_PICARD_LIMIT = 60
_PICARD_K = 1e-7
_EXPONENT_LIMIT = 4.0  # e^4: past any real rise of leakage; keeps a wild guess finite


@dataclass(frozen=True, slots=True, eq=False)
class FosterModel:
    r"""Temperature of one zone from its inputs.

    .. math::

        T = T_a + \sum_k z_k, \qquad \tau_k \dot z_k = s_k q - z_k, \qquad
        q = \sum_j b_j u_j + b_L w \, e^{k_T (T - T_L)}

    Attributes
    ----------
    tau_s
        Time constants, rising, shape (K,) [s].
    share
        Share of each mode in the steady rise, summing to 1, shape (K,).
    gain
        Steady rise per unit of each input, shape (m,): [K/W] for inputs in [W].
    ambient_degc
        Temperature without inputs and leakage [degC].
    leak_k, leak_per_k, leak_degc
        Rise by leakage at `leak_degc` and weight 1 [K], its relative growth [1/K], and where that
        rise holds [degC]. A rise of 0 means that leakage is not modelled.
    start_k
        How far each mode starts from its steady state under the first row's inputs, (K,) [K].

    Notes
    -----
    Limits: all inputs share the modes, so a sensor that sees two clusters at different distances
    is matched on average only; a Foster model of a driving point has no negative share. Resistance
    and leakage trade off without a power meter: neither is then a fact about the board, only what
    they predict is.
    """

    tau_s: Vector
    share: Vector
    gain: Vector
    ambient_degc: float
    leak_k: float
    leak_per_k: float
    leak_degc: float
    start_k: Vector

    def respond(self, trace: HeatTrace) -> Vector:
        """Return the temperatures of a free run from the model's own start, shape (n,) [degC]."""
        return _Run(self, trace).temps_degc

    def sensitivity(self, trace: HeatTrace) -> tuple[Vector, Matrix]:
        """Return the free run and its derivative by the parameters, (n,) and (p, n).

        Parameters in the order log tau, log share (before scaling to sum 1, as in a softmax), log
        gain, ambient, start, log leak_k, log leak_per_k; p = 3 K + m + 3.
        """
        run = _Run(self, trace)
        return run.temps_degc, run.derivative()

    def steady_degc(self, inputs: Vector) -> float:
        """Return where the zone settles under constant inputs, without leakage [degC]."""
        return float(self.ambient_degc + np.asarray(inputs) @ self.gain)


class _Run:
    """One free run and what its derivative needs."""

    def __init__(self, model: FosterModel, trace: HeatTrace) -> None:
        self.model = model
        self.trace = trace
        self.dt = np.diff(trace.time_s, prepend=trace.time_s[0])
        self.decay = np.exp(-self.dt / model.tau_s[:, np.newaxis])  # (K, n)
        self.fade = np.exp(-(trace.time_s - trace.time_s[0]) / model.tau_s[:, np.newaxis])
        self.drive = trace.inputs @ model.gain  # (n,)
        first = trace.temps_degc[trace.read][0]
        # The start is steady under the first row, leakage as at the first reading.
        self.leak_0 = model.leak_k * trace.leak_weight[0] * self._growth(np.array([first]))[0]
        start: Vector = model.start_k @ self.fade
        steady = model.ambient_degc + start
        self.temps_degc: Vector = steady + self._pass(self.drive + self.leak_0)
        self.leak = np.full(len(self.dt), self.leak_0)
        if model.leak_k > 0.0:
            for _ in range(_PICARD_LIMIT):
                before = self.temps_degc
                self.leak = model.leak_k * trace.leak_weight * self._growth(_middle(before))
                self.leak[0] = self.leak_0
                self.temps_degc = steady + self._pass(self.drive + self.leak)
                if np.abs(self.temps_degc - before).max() < _PICARD_K:
                    break

    def _growth(self, temps_degc: Vector) -> Vector:
        exponent = self.model.leak_per_k * (temps_degc - self.model.leak_degc)
        return np.asarray(np.exp(np.minimum(exponent, _EXPONENT_LIMIT)))

    def _modes(self, drive: Matrix) -> Matrix:
        """Low-pass drives (..., n) by every mode of share 1 from steady: (..., K, n)."""
        steps = (1.0 - self.decay) * drive[..., np.newaxis, :]
        steps[..., 0] = drive[..., np.newaxis, 0]
        return scan(self.decay, steps)

    def _pass(self, drive: Matrix) -> Matrix:
        return np.asarray(self.model.share @ self._modes(drive))

    def derivative(self) -> Matrix:
        model, trace = self.model, self.trace
        q = self.drive + self.leak
        modes = self._modes(q)  # (K, n)
        slide = self.decay * self.dt / model.tau_s[:, np.newaxis]  # d decay / d log tau
        lag = np.zeros_like(modes)
        lag[:, 1:] = slide[:, 1:] * (modes[:, :-1] - q[1:])
        elapsed = (trace.time_s - trace.time_s[0]) / model.tau_s[:, np.newaxis]
        by_tau = model.share[:, np.newaxis] * scan(self.decay, lag)
        by_tau += model.start_k[:, np.newaxis] * self.fade * elapsed
        by_share = model.share[:, np.newaxis] * (modes - model.share @ modes)
        by_gain = self._pass(trace.inputs.T * model.gain[:, np.newaxis])
        by_ambient = np.ones((1, len(q)))
        middle = _middle(self.temps_degc) - model.leak_degc
        middle[0] = trace.temps_degc[trace.read][0] - model.leak_degc
        by_leak = self._pass(np.stack([self.leak, self.leak * model.leak_per_k * middle]))
        direct = np.vstack([by_tau, by_share, by_gain, by_ambient, self.fade, by_leak])
        slope = model.leak_per_k * self.leak
        slope[0] = 0.0  # the start follows the first reading, not the run
        total = direct
        if model.leak_k > 0.0:
            for _ in range(_PICARD_LIMIT):
                before = total
                total = direct + self._pass(slope * _middle(total))
                if np.abs(total - before).max() < 1e-5 * np.abs(total).max():
                    break
        return total


def _middle(values: Matrix) -> Matrix:
    """Return the mean of each value and the one before it along the last axis."""
    before = np.concatenate([values[..., :1], values[..., :-1]], axis=-1)
    return np.asarray(0.5 * (values + before))


def scan(decay: Matrix, drive: Matrix) -> Matrix:
    """Return x with x[i] = decay[i] x[i-1] + drive[i] along the last axis, x[-1] = 0.

    By doubling: log2(n) passes over whole arrays instead of n steps, and no division, so that
    decays down to 0 do no harm.
    """
    x = np.array(np.broadcast_arrays(drive, decay)[0])
    a = np.array(decay)
    reach = 1
    while reach < x.shape[-1]:
        x[..., reach:] = x[..., reach:] + a[..., reach:] * x[..., :-reach]
        a[..., reach:] = a[..., reach:] * a[..., :-reach]
        reach *= 2
    return x
