r"""Fast exact transients: long traces and many boards, in modal coordinates.

In the coordinates of `thermal.modes` every mode decays on its own, so a step costs
(inputs + outputs + 1) x modes multiplications instead of nodes squared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thermal.modes import decompose
from thermal.network import Matrix, RcNetwork, Vector

# Numbers held at a time: a segment's modal states stay within a processor's cache.
_SEGMENT = 1 << 17
# From this many numbers in a step, numpy's own overhead no longer matters.
_WIDE = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class ModalModel:
    r"""Sampled modal form of a network for power that is constant, or a ramp, within a step.

    .. math:: z_{k+1} = d \odot z_k + P_k D + \Delta P_k R, \qquad x_k = z_k L

    with `x` the rise of the outputs above the ambient and `P + \Delta P` the power at the end of
    the step. States of many boards are stacked in leading axes.

    Attributes
    ----------
    inputs, outputs
        Nodes that take power, nodes that are observed.
    decay
        `d`, shape (modes,).
    drive, ramp
        `D` and `R`, shape (inputs, modes) [K/W].
    read
        `L`, shape (modes, outputs).
    enter
        From the rise of all nodes to the state, shape (nodes, modes).
    period_s
        Length of a step [s].

    Notes
    -----
    Limits: exact for such power and a constant ambient; for another ambient, `start` again.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    decay: Vector
    drive: Matrix
    ramp: Matrix
    read: Matrix
    enter: Matrix
    period_s: float

    def start(self, temps_degc: Vector, ambient_degc: float | Vector) -> Vector:
        """Return the state of node temperatures.

        Parameters
        ----------
        temps_degc
            Temperature of all nodes, shape (..., nodes) [degC].
        ambient_degc
            Ambient, one number or one for each board, shape (...) [degC].

        Returns
        -------
        ndarray
            State, shape (..., modes).
        """
        rise = np.asarray(temps_degc) - np.asarray(ambient_degc)[..., np.newaxis]
        return np.asarray(rise @ self.enter)

    def step(self, state: Vector, power_w: Vector) -> Vector:
        """Return the state one period later.

        Parameters
        ----------
        state
            State, shape (..., modes).
        power_w
            Power into each input during the period, shape (..., inputs) [W].
        """
        return np.asarray(state * self.decay + power_w @ self.drive)

    def temps_degc(self, state: Vector, ambient_degc: float | Vector) -> Vector:
        """Return the outputs' temperatures, shape (..., outputs) [degC]."""
        return np.asarray(state @ self.read + np.asarray(ambient_degc)[..., np.newaxis])

    def run(
        self, state: Vector, power_w: Matrix, *, ambient_degc: float | Vector
    ) -> tuple[Matrix, Vector]:
        """Return the outputs' temperatures after each step of a trace, and the last state.

        Parameters
        ----------
        state
            State before the first step, shape (..., modes).
        power_w
            Power during each step, shape (steps, ..., inputs) [W].
        ambient_degc
            Ambient, one number or one for each board [degC].

        Returns
        -------
        tuple of ndarray
            Temperatures, shape (steps, ..., outputs) [degC], and the state, shape (..., modes).

        Notes
        -----
        Memory beyond the result is bounded, however long the trace.
        """
        temps = np.empty((*power_w.shape[:-1], len(self.outputs)))
        ambient = np.asarray(ambient_degc)[..., np.newaxis]
        rows = max(1, _SEGMENT // max(1, state.size))
        for first in range(0, len(power_w), rows):
            states = power_w[first : first + rows] @ self.drive
            _accumulate(states, self.decay, state)
            state = states[-1].copy()
            np.matmul(states, self.read, out=temps[first : first + rows])
        temps += ambient
        return temps, state


def modal_model(
    network: RcNetwork,
    period_s: float,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
) -> ModalModel:
    """Return the sampled modal form of a network.

    Parameters
    ----------
    network
        The board.
    period_s
        Length of a step [s].
    inputs, outputs
        Nodes that take power and nodes that are observed; all by default. Fewer is faster.

    Returns
    -------
    ModalModel
        Its modal form.

    Raises
    ------
    ValueError
        If the period is not positive or a node is unknown; and whatever `decompose` refuses.
    """
    if not (math.isfinite(period_s) and period_s > 0.0):
        raise ValueError(f"period_s is {period_s!r}, expected a finite number above 0")
    heated = network.nodes if inputs is None else tuple(inputs)
    observed = network.nodes if outputs is None else tuple(outputs)
    modes = decompose(network)
    reach = -modes.rate * period_s
    held = -np.expm1(reach) / modes.rate
    into = modes.left[[network.index(node) for node in heated]]
    return ModalModel(
        inputs=heated,
        outputs=observed,
        decay=np.exp(reach),
        drive=into * held,
        ramp=into * (period_s * phi_2(reach)),
        read=np.ascontiguousarray(modes.left[[network.index(node) for node in observed]].T),
        enter=np.ascontiguousarray(modes.right.T),
        period_s=period_s,
    )


def phi_2(reach: Vector) -> Vector:
    r"""Return :math:`\varphi_2(z) = (e^z - 1 - z) / z^2`, without cancellation near zero."""
    z = np.asarray(reach, dtype=np.float64)
    small = np.abs(z) < 0.1
    safe = np.where(small, 1.0, z)
    series = np.full_like(z, 1.0 / math.factorial(12))
    for k in range(11, 1, -1):
        series = series * z + 1.0 / math.factorial(k)
    return np.where(small, series, (np.expm1(safe) - safe) / safe**2)


def _accumulate(states: Matrix, decay: Vector, state: Vector) -> None:
    """Turn forcing into states along the first axis, in place: s_k = decay s_(k-1) + f_k."""
    steps = len(states)
    length = 1 if states[0].size >= _WIDE else math.isqrt(steps)
    if length < 4:
        _accumulate_singly(states, decay, state)
        return
    # Chunks run abreast from zero; then each gets what its predecessor hands over.
    whole = steps - steps % length
    chunks = states[:whole].reshape(whole // length, length, *states.shape[1:])
    for k in range(1, length):
        chunks[:, k] += decay * chunks[:, k - 1]
    shape = (length,) + (1,) * (states.ndim - 2) + (len(decay),)
    fading = np.power(decay, np.arange(1, length + 1)[:, np.newaxis]).reshape(shape)
    for k in range(len(chunks)):
        chunks[k] += fading * state
        state = chunks[k, -1]
    _accumulate_singly(states[whole:], decay, state)


def _accumulate_singly(states: Matrix, decay: Vector, state: Vector) -> None:
    for k in range(len(states)):
        states[k] += decay * state
        state = states[k]
