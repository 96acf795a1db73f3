"""How much heat is left: headroom, time to trip, peaks, sustainable power, runaway."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thermal.modes import crossings, decompose
from thermal.network import RcNetwork, Vector

# A node this close below a temperature counts as having reached it.
_TOUCH_K = 1e-9
# After this many slowest time constants what is left of a transient is below double precision.
_SETTLED_TIME_CONSTANTS = 50.0
_NEWTON_LIMIT = 200
_NEWTON_K = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class SteadyState:
    """Where temperatures settle when power depends on them.

    Attributes
    ----------
    temps_degc
        Settled node temperatures, shape (n,) [degC]; infinite in thermal runaway.
    runaway
        Whether there is no steady state: leakage grows faster than heat can leave.
    """

    temps_degc: Vector
    runaway: bool


def headroom_k(temps_degc: Vector, *, trip_degc: float) -> float:
    """Return the trip temperature minus the hottest node [K]; negative above the trip."""
    return float(trip_degc - np.max(temps_degc))


def _settled(network: RcNetwork, power_w: Vector) -> Vector:
    return np.asarray(np.linalg.solve(network.laplacian, np.asarray(power_w, dtype=np.float64)))


def time_to_trip_s(
    network: RcNetwork,
    temps_degc: Vector,
    *,
    power_w: Vector,
    ambient_degc: float,
    trip_degc: float,
) -> float:
    """Return the time until the first node reaches a temperature at constant power [s].

    Each node is a constant plus decaying exponentials, whose sign changes against the trip
    temperature are all found (`thermal.modes.crossings`): a node that passes it only for a
    while, on its way to a lower steady state, is caught too.

    Parameters
    ----------
    network
        The board.
    temps_degc
        Node temperatures now, shape (n,) [degC].
    power_w
        Power into each node, held constant, shape (n,) [W].
    ambient_degc, trip_degc
        Ambient and trip temperature [degC].

    Returns
    -------
    float
        Time of the first crossing [s]; 0 if a node is there already (within 1e-9 K), `math.inf`
        if none ever gets there.

    Notes
    -----
    Limits: power does not change on the way. With leakage the true time is shorter; refresh the
    power at every control period, or use the power at the trip temperature for a lower bound.
    """
    start, settled = np.asarray(temps_degc) - ambient_degc, _settled(network, power_w)
    trip = trip_degc - ambient_degc
    if (start >= trip - _TOUCH_K).any():
        return 0.0
    modes = decompose(network)
    rate = np.concatenate(([0.0], modes.rate))
    first = math.inf
    for limit, terms in zip(settled, modes.coefficients(start, settled), strict=True):
        if limit + np.maximum(terms, 0.0).sum() < trip:  # no sum of these terms gets there
            continue
        until = min(first, _SETTLED_TIME_CONSTANTS / modes.rate[0])
        weights = np.concatenate(([limit - trip], terms))
        first = min((first, *crossings(weights, rate, until_s=until)[:1]))
    return first


def peak_degc(
    network: RcNetwork,
    temps_degc: Vector,
    *,
    power_w: Vector,
    ambient_degc: float,
    horizon_s: float,
) -> Vector:
    """Return the highest temperature of each node over a horizon at constant power [degC].

    Peaks between the ends are exact: every zero of the derivative of the sum of exponentials is
    looked at.

    Parameters
    ----------
    network
        The board.
    temps_degc
        Node temperatures now, shape (n,) [degC].
    power_w
        Power into each node, held constant, shape (n,) [W].
    ambient_degc
        Ambient temperature [degC].
    horizon_s
        How far to look [s].

    Returns
    -------
    ndarray
        Peak of each node, shape (n,) [degC].

    Raises
    ------
    ValueError
        If the horizon is negative or not finite.

    Notes
    -----
    Limits: as `time_to_trip_s`, power does not change over the horizon.

    References
    ----------
    .. [1] S. Pagani, J.-J. Chen, M. Shafique and J. Henkel, "MatEx: efficient transient and peak
       temperature computation for compact thermal models," *DATE*, 2015 (unverified).
    """
    if not (math.isfinite(horizon_s) and horizon_s >= 0.0):
        raise ValueError(f"horizon_s is {horizon_s!r}, expected a finite number not below 0")
    start, settled = np.asarray(temps_degc) - ambient_degc, _settled(network, power_w)
    modes = decompose(network)
    peaks = []
    for limit, terms in zip(settled, modes.coefficients(start, settled), strict=True):
        turns = crossings(-modes.rate * terms, modes.rate, until_s=horizon_s)
        times = np.array([0.0, *turns, horizon_s])
        peaks.append(limit + (np.exp(-np.outer(times, modes.rate)) @ terms).max())
    return np.asarray(ambient_degc + np.array(peaks), dtype=np.float64)


def sustainable_power_w(
    network: RcNetwork,
    share: Vector,
    *,
    ambient_degc: float,
    cap_degc: float,
    background_w: Vector | None = None,
) -> float:
    r"""Return the largest power of a pattern that keeps every node at or below a temperature.

    .. math:: P = \min_i \frac{T_{cap} - T_{ambient} - (G^{-1} b)_i}{(G^{-1} s)_i}

    with `s` the pattern scaled to sum to one and `b` the background.

    Parameters
    ----------
    network
        The board.
    share
        How the power spreads over the nodes, in any scale, not negative, shape (n,).
    ambient_degc, cap_degc
        Ambient temperature and the temperature not to pass [degC].
    background_w
        Power that flows anyway, shape (n,) [W]; none if left out.

    Returns
    -------
    float
        Total power of the pattern [W], leakage included; 0 if the background alone is too much.

    Raises
    ------
    ValueError
        If the pattern has a negative or non-finite entry, or no positive one.

    Notes
    -----
    Limits: a steady state; for a while more is possible (`time_to_trip_s`).
    """
    pattern = np.asarray(share, dtype=np.float64)
    if not (np.isfinite(pattern).all() and (pattern >= 0.0).all() and pattern.any()):
        raise ValueError(f"share is {share!r}, expected finite, none below 0, one above 0")
    rise = _settled(network, pattern / pattern.sum())
    room = np.full(len(network.nodes), cap_degc - ambient_degc)
    if background_w is not None:
        room = room - _settled(network, background_w)
    if (room <= 0.0).any():
        return 0.0
    # A node the pattern never warms sets no limit.
    warmed = rise > rise.max() * 1e-12
    return float((room[warmed] / rise[warmed]).min())


def loop_gain(network: RcNetwork, slope_w_per_k: Vector) -> float:
    """Return the gain of the loop temperature -> leakage -> temperature.

    The spectral radius of `G^-1 diag(slope)`: below 1 small disturbances die out.

    Parameters
    ----------
    network
        The board.
    slope_w_per_k
        How fast each node's power grows with its own temperature, not negative, shape (n,) [W/K].

    Returns
    -------
    float
        Loop gain.

    Notes
    -----
    Limits: linearised at the temperatures the slope was taken at.
    """
    root = np.sqrt(np.asarray(slope_w_per_k, dtype=np.float64))
    loop = root[:, np.newaxis] * np.linalg.inv(network.laplacian) * root
    return float(np.linalg.eigvalsh(loop)[-1])


def settle(
    network: RcNetwork,
    heat: Callable[[Vector], tuple[Vector, Vector]],
    ambient_degc: float,
) -> SteadyState:
    """Return the steady state of a network whose power depends on its temperatures.

    Newton's method on `G (T - T_ambient) = P(T)`, starting at the ambient. For power that is convex
    and rises with temperature, `G - diag(dP/dT)` is an M-matrix below the smallest solution, so
    the iterates rise monotonically to it and never jump over it. When that matrix stops being
    positive definite on the way (loop gain 1), there is no solution: thermal runaway.

    Parameters
    ----------
    network
        The board.
    heat
        Gives power [W] and its slope in the node's own temperature [W/K], each of shape (n,), at
        node temperatures [degC].
    ambient_degc
        Ambient temperature [degC].

    Returns
    -------
    SteadyState
        The coolest steady state, or runaway.

    Notes
    -----
    Limits: stops after 200 iterations and calls that runaway too: that happens only within about
    1e-10 K of the fold where the steady state vanishes. The exponential of leakage is believed at
    any temperature, also where the chip would long have shut itself down.
    """
    G = network.laplacian
    rise = np.zeros(len(network.nodes))
    runaway = SteadyState(np.full(len(network.nodes), np.inf), runaway=True)
    for _ in range(_NEWTON_LIMIT):
        with np.errstate(over="ignore", invalid="ignore"):
            power, slope = heat(ambient_degc + rise)
        if not (np.isfinite(power).all() and np.isfinite(slope).all()):
            return runaway
        stiffness = G - np.diag(slope)
        try:
            np.linalg.cholesky(stiffness)
        except np.linalg.LinAlgError:
            return runaway
        change = np.linalg.solve(stiffness, power - G @ rise)
        rise = rise + change
        if np.abs(change).max() <= _NEWTON_K * (1.0 + np.abs(rise).max()):
            return SteadyState(np.asarray(ambient_degc + rise), runaway=False)
    return runaway
