"""Transients whose power depends on temperature: leakage, followed as it grows."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thermal.network import Matrix, RcNetwork, Vector
from thermal.transient import ModalModel, phi_2

# Power [W] and its slope in the node's own temperature [W/K], at temperatures [degC].
Leakage = Callable[[Vector], tuple[Vector, Vector]]

_SAFETY, _SHRINK, _GROW = 0.8, 0.2, 4.0
# Sub-steps below this share of a period are a temperature that grows without bound.
_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class LeakyRun:
    """Temperatures over a trace with leakage.

    Attributes
    ----------
    temps_degc
        Node temperatures before the first period and after each, shape (steps + 1, n) [degC];
        infinite from the period in which the limit was passed.
    runaway_s
        When the limit was passed [s]; infinite if it never was.
    sub_steps
        How many integration steps it took.
    """

    temps_degc: Matrix
    runaway_s: float
    sub_steps: int


def doubling_leakage(power_w: Vector, *, at_degc: float, every_k: float) -> Leakage:
    r"""Return leakage that doubles over a fixed rise of temperature.

    .. math:: P_{leak}(T) = P_0 \, 2^{(T - T_0) / \Delta T}

    Parameters
    ----------
    power_w
        `P_0` of each node, shape (n,) [W].
    at_degc
        `T_0` [degC].
    every_k
        `\Delta T` [K].

    Returns
    -------
    Leakage
        For temperatures of shape (..., n).

    Raises
    ------
    ValueError
        If a power is negative or not finite, or `every_k` not positive.

    Notes
    -----
    Limits: one exponential is good over some tens of kelvin around `T_0`; at fixed voltage.
    """
    reference = np.array(power_w, dtype=np.float64)
    if not (np.isfinite(reference).all() and (reference >= 0.0).all()):
        raise ValueError(f"power_w is {reference.tolist()}, expected finite, none below 0")
    if not (math.isfinite(every_k) and every_k > 0.0):
        raise ValueError(f"every_k is {every_k!r}, expected a finite number above 0")

    def leakage(temps_degc: Vector) -> tuple[Vector, Vector]:
        with np.errstate(over="ignore"):
            power = reference * np.exp2((temps_degc - at_degc) / every_k)
        return power, power * (math.log(2.0) / every_k)

    return leakage


def simulate_leaky(
    network: RcNetwork,
    start_degc: Vector,
    *,
    power_w: Matrix,
    leakage: Leakage,
    ambient_degc: float,
    period_s: float,
    tolerance_k: float = 1e-4,
    limit_degc: float = 400.0,
) -> LeakyRun:
    r"""Follow node temperatures through a power trace with leakage.

    Exponential Rosenbrock steps: around the temperatures of the moment leakage is a constant plus
    a slope, with which the step is exact (`G` less the slope is still symmetric); what curvature
    leaves over enters at third order, and its size sets the length of the next step.

    Parameters
    ----------
    network
        The board.
    start_degc
        Temperatures before the first period, shape (n,) [degC].
    power_w
        Power into each node besides leakage, constant in a period, shape (steps, n) [W].
    leakage
        Leakage of each node at node temperatures, shape (n,).
    ambient_degc
        Ambient [degC].
    period_s
        Length of a period [s].
    tolerance_k
        Largest correction of third order in one sub-step; the error is well below it [K].
    limit_degc
        Beyond this a node counts as run away and the run ends [degC].

    Returns
    -------
    LeakyRun
        Temperatures, and whether and when they ran away.

    Raises
    ------
    ValueError
        If period or tolerance is not positive, or shapes disagree.

    Notes
    -----
    Limits: every sub-step solves an eigenproblem, of cost nodes cubed (0.2 ms for 40 nodes); for
    many boards at once see `leaky_step`. Passing the limit is judged at the ends of sub-steps. A
    trace may pass the point of no return long before the limit: whether a constant power can
    settle at all is `thermal.headroom.settle`'s business.

    References
    ----------
    .. [1] M. Hochbruck and A. Ostermann, "Exponential integrators," *Acta Numerica*, vol. 19,
       pp. 209-286, 2010, sec. 2.4 (unverified).
    """
    for name, value in (("period_s", period_s), ("tolerance_k", tolerance_k)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} is {value!r}, expected a finite number above 0")
    n = len(network.nodes)
    if np.shape(start_degc) != (n,) or np.shape(power_w)[1:] != (n,):
        raise ValueError(
            f"start_degc and power_w have shapes {np.shape(start_degc)} and {np.shape(power_w)}, "
            f"expected ({n},) and (steps, {n})"
        )
    board = _Board(network, leakage, ambient_degc)
    temps = np.full((len(power_w) + 1, n), np.inf)
    temps[0] = start_degc
    h, taken = period_s, 0
    for k, power in enumerate(power_w):
        now, left = temps[k], period_s
        while left > 0.0:
            h = min(h, left)
            after, error_k = board.step(now, power, h)
            taken += 1
            if error_k <= tolerance_k:
                # What rounding leaves of a period is no step of its own.
                now, left = after, left - h if left - h > _SMALLEST * period_s else 0.0
            if now.max() > limit_degc or h < _SMALLEST * period_s:
                return LeakyRun(temps, (k + 1) * period_s - left, taken)
            ratio = math.inf if error_k == 0.0 else (tolerance_k / error_k) ** (1.0 / 3.0)
            h *= min(_GROW, max(_SHRINK, _SAFETY * ratio))
        temps[k + 1] = now
    return LeakyRun(temps, math.inf, taken)


class _Board:
    """A network with leakage, one exponential Rosenbrock step at a time."""

    def __init__(self, network: RcNetwork, leakage: Leakage, ambient_degc: float) -> None:
        self._G = network.laplacian
        self._root_c = np.sqrt(network.capacitance)
        self._leakage = leakage
        self._ambient_degc = ambient_degc

    def step(self, temps_degc: Vector, power_w: Vector, length_s: float) -> tuple[Vector, float]:
        """Return the temperatures after a step and the size of its last correction [K]."""
        leak, slope = self._leakage(temps_degc)
        scale = np.outer(self._root_c, self._root_c)
        rate, mode = np.linalg.eigh((self._G - np.diag(slope)) / scale)
        left = mode / self._root_c[:, np.newaxis]
        reach = -rate * length_s
        flow = power_w + leak - self._G @ (temps_degc - self._ambient_degc)
        with np.errstate(over="ignore", invalid="ignore"):
            linear = left @ (_phi_1(reach) * length_s * (left.T @ flow))
            beyond, _ = self._leakage(temps_degc + linear)
            bend = beyond - leak - slope * linear
            third = left @ (2.0 * _phi_3(reach) * length_s * (left.T @ bend))
        error_k = float(np.abs(third).max())
        return temps_degc + linear + third, error_k if math.isfinite(error_k) else math.inf


def _phi_1(reach: Vector) -> Vector:
    """Return (e^z - 1) / z."""
    safe = np.where(reach == 0.0, 1.0, reach)
    return np.where(reach == 0.0, 1.0, np.expm1(safe) / safe)


def _phi_3(reach: Vector) -> Vector:
    """Return (e^z - 1 - z - z^2 / 2) / z^3."""
    small = np.abs(reach) < 0.3
    safe = np.where(small, 1.0, reach)
    series = np.full_like(reach, 1.0 / math.factorial(15))
    for k in range(14, 2, -1):
        series = series * reach + 1.0 / math.factorial(k)
    return np.where(small, series, (phi_2(safe) - 0.5) / safe)


def leaky_step(
    model: ModalModel,
    state: Vector,
    *,
    power_w: Vector,
    leakage: Leakage,
    ambient_degc: float | Vector,
) -> Vector:
    """Return the state of many boards one period later, leakage included.

    All boards share one set of modes, so nothing is decomposed anew: leakage runs as a ramp from
    its value before the step to its value after, which is found by going there once with it
    constant and once with the ramp.

    Parameters
    ----------
    model
        Modal form whose outputs are its inputs: the nodes that leak.
    state
        State of the boards, shape (..., modes).
    power_w
        Power into each input besides leakage, shape (..., inputs) [W].
    leakage
        Leakage of the inputs at their temperatures, shape (..., inputs).
    ambient_degc
        Ambient, one number or one for each board [degC].

    Returns
    -------
    ndarray
        State, shape (..., modes).

    Raises
    ------
    ValueError
        If the model observes other nodes than it heats.

    Notes
    -----
    Limits: the caller chooses the period, and after a jump of power the error shrinks in
    proportion to it (leakage follows the fastest modes, not a ramp): 1.4 mK at 0.1 s for seven
    cores of 0.03 W. Near runaway follow a board with `simulate_leaky`, whose steps fit themselves.
    """
    if model.inputs != model.outputs:
        raise ValueError(f"model observes {model.outputs}, expected its inputs {model.inputs}")
    before, _ = leakage(model.temps_degc(state, ambient_degc))
    held = model.step(state, power_w + before)
    for _ in range(2):
        after, _ = leakage(model.temps_degc(held, ambient_degc))
        held = model.step(state, power_w + before) + (after - before) @ model.ramp
    return held
