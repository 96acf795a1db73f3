"""What is believed of a board: temperatures, the ambient, and how its power is off its model.

An extended Kalman filter whose state is every node's temperature, what each zone feels, how far
the ambient is from the one given, for each junction the relative error of the heat its switching
makes, and how fast zones follow. The error of the heat stands for all that makes a board hotter or
cooler under load than its file says: another switched capacitance, another resistance, more
leakage. So a burst after a calm is predicted with what was learned in the one before. How fast
zones follow is learned from the first steps of power: a zone slower than expected would otherwise
pass for a cooler board just when it heats up.
"""

import math
from dataclasses import dataclass

import numpy as np

from adaptive.plant import Array, Plant
from adaptive.point_power import PointPower
from thermal.discretise import discretise
from thermal.network import Matrix, Vector

_AHEAD_S = 2.0  # over which readings are averaged that the estimate lags behind [s]
_FAR = 4.0  # standard deviations that a reading is believed to be too low by at most
_LEAST_LAG, _MOST_LAG = math.log(0.02), math.log(3.0)  # of a zone's time constant [ln s]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What the filter expects to be wrong; standard deviations unless said otherwise.

    Attributes
    ----------
    zone_lag_s
        Time constant zones are taken to follow with, before they have told [s].
    lag, lag_drift
        Of the natural logarithm of that time constant, and of its change in a period [1].
    lag_error_s
        Of a reading while its node moves, as a delay: what a first-order lag does not say [s].
    ambient_k, ambient_drift_k
        Of the ambient at the start, and of its change in a period [K].
    power, power_each, power_drift
        Of the relative error of power, common to all junctions and of each, and of its change in
        a period [1].
    node_k
        Of what the model gets wrong at each node in a period [K].
    noise_k
        Of a reading beside its rounding, before the readings themselves have told [K].
    """

    zone_lag_s: float = 0.5
    lag: float = 0.7
    lag_drift: float = 0.002
    lag_error_s: float = 0.05
    ambient_k: float = 10.0
    ambient_drift_k: float = 0.15
    power: float = 0.15
    power_each: float = 0.1
    power_drift: float = 5e-4
    node_k: float = 0.02
    noise_k: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """What an estimate does to junctions some time ahead.

    Attributes
    ----------
    known
        Of temperatures, zones and the ambient, shape (J, n + m + 1) [1].
    driven
        Of constant power into each junction's node, shape (J, J) [K/W].
    """

    known: Array
    driven: Array


class BoardFilter:
    """Estimator of a board's state from its zones, made for one control period.

    Parameters
    ----------
    plant
        The board's model.
    power
        What the operating points draw.
    ambient_degc
        Ambient the model is given [degC].
    period_s
        Control period [s].
    uncertainty
        What to expect of the model's errors.

    Notes
    -----
    Limits: a constant error of a zone is not seen. Rounding is taken as noise, so a board that
    stands still within a step of its zones is known no better than half a step: `rounding_k`.
    """

    def __init__(
        self,
        plant: Plant,
        power: PointPower,
        *,
        ambient_degc: float,
        period_s: float,
        uncertainty: Uncertainty,
    ) -> None:
        network = plant.network
        model = discretise(network, period_s)
        n, m, b = len(network.nodes), len(plant.zones), len(plant.power.blocks)
        self._power = power
        self._given_degc = ambient_degc
        self._expect = uncertainty
        self._A, self._B = model.A, model.B
        self._zones = np.array([network.index(zone.node) for zone in plant.zones])
        self._each = np.eye(m)
        self._junctions = np.array([network.index(block) for block in plant.power.blocks])
        self._heated = np.ascontiguousarray(model.B[:, self._junctions])
        self._T, self._s = slice(0, n), slice(n, n + m)
        self._a, self._g, self._l = n + m, slice(n + m + 1, n + m + 1 + b), n + m + 1 + b
        self._step_k = max(zone.resolution_k for zone in plant.zones)
        self._F = np.eye(n + m + 1 + b + 1)
        self._F[self._T, self._T] = self._A
        self._F[self._T, self._a] = 1.0 - self._A.sum(axis=1)
        self._at_zones = np.eye(len(self._F))[self._zones]
        drift = np.concatenate(
            [
                np.full(n, uncertainty.node_k),
                np.full(m, 0.5 * uncertainty.node_k),
                [uncertainty.ambient_drift_k],
                np.full(b, uncertainty.power_drift),
                [uncertainty.lag_drift],
            ]
        )
        self._Q = np.diag(drift**2)
        self._period_s = period_s
        self._least_step_k = self._step_k
        self._before: list[float] = []
        self._ahead: Vector = np.zeros(m)
        self._x: Vector = np.zeros(0)
        self._cov: Matrix = np.zeros((0, 0))
        self._noise = uncertainty.noise_k**2 + self._step_k**2 / 12.0

    def restart(self, readings_degc: Vector) -> None:
        """Begin anew from readings, shape (m,): what no zone reads is as hot as the hottest."""
        n, expect = len(self._A), self._expect
        hottest = float(readings_degc.max())
        temps = np.full(n, hottest)
        temps[self._zones] = readings_degc
        x = np.zeros(len(self._F))
        x[self._T], x[self._s] = temps, readings_degc
        spread = np.full(n, 8.0)
        spread[self._zones] = 1.5
        cov = np.zeros((len(x), len(x)))
        cov[self._T, self._T] = np.diag(spread**2)
        cov[self._s, self._s] = np.eye(len(readings_degc))
        cov[self._a, self._a] = expect.ambient_k**2
        b = len(self._junctions)
        cov[self._g, self._g] = expect.power**2 + np.eye(b) * expect.power_each**2
        x[self._l], cov[self._l, self._l] = math.log(expect.zone_lag_s), expect.lag**2
        self._x, self._cov = x, cov
        self._ahead = np.zeros(len(readings_degc))
        self.correct(readings_degc, moving_k=0.0)

    def predict(self, index: int, busy: float) -> float:
        """Advance by a period in which a point ran so busy; return how far the zones moved [K]."""
        x, power = self._x, self._power
        temps = x[self._T]
        switched = power.idle_w[index] + busy * power.work_w[index]
        leakage = power.leakage_w[index] * power.growth(temps)
        heat = switched + leakage
        rows = self._junctions
        switched_there = switched[rows]
        heat[rows] += x[self._g] * switched_there
        ambient = self._given_degc + x[self._a]
        after = ambient + self._A @ (temps - ambient) + self._B @ heat
        jacobian, zones = self._F, self._zones
        jacobian[self._T, self._g] = self._heated * switched_there
        zones_before, zones_after = temps[zones], after[zones]
        x = x.copy()
        # A zone follows the mean of its node over the period.
        periods = self._period_s / math.exp(x[self._l])
        follow = -math.expm1(-periods)
        behind = 0.5 * (zones_after + zones_before) - x[self._s]
        jacobian[self._s] = 0.5 * follow * (jacobian[zones] + self._at_zones)
        jacobian[self._s, self._s] = (1.0 - follow) * self._each
        jacobian[self._s, self._l] = -periods * math.exp(-periods) * behind
        x[self._s] += follow * behind
        x[self._T] = after
        self._x = x
        self._cov = jacobian @ self._cov @ jacobian.T + self._Q
        return float(np.abs(zones_after - zones_before).max())

    def correct(self, readings_degc: Vector, *, moving_k: float) -> None:
        """Take in a reading of every zone, while the zones moved so far in a period [K]."""
        self._learn_step(readings_degc)
        felt, cov = self._s, self._cov
        error = readings_degc - self._x[felt]
        self._ahead += min(self._period_s / _AHEAD_S, 1.0) * (error - self._ahead)
        late = (self._expect.lag_error_s * moving_k / self._period_s) ** 2
        noise = self._noise + late
        own = cov[felt, felt]
        inside = own + noise * self._each
        # A reading far too low is a glitch or will be read again; one far too high may be true.
        error = np.maximum(error, -_FAR * np.sqrt(inside.diagonal()))
        if len(error) == 1:  # many boards have one zone, and a division is quicker
            gain = cov[felt].T / inside[0, 0]
        else:
            gain = np.linalg.solve(inside, cov[felt]).T
        self._x = self._x + gain @ error
        self._cov = cov - gain @ cov[felt]
        self._cov = 0.5 * (self._cov + self._cov.T)
        self._x[self._l] = min(max(self._x[self._l], _LEAST_LAG), _MOST_LAG)
        seen = float((error**2).sum() - own.trace()) / len(error) - late
        self._noise += 0.02 * (min(max(seen, 0.0), 4.0) - self._noise)
        self._noise = max(self._noise, self._least_step_k**2 / 12.0 + 0.05**2)

    def _learn_step(self, readings_degc: Vector) -> None:
        """Zones are rounded more finely than the file says if they ever move by less."""
        readings: list[float] = readings_degc.tolist()
        for now, before in zip(readings, self._before, strict=False):
            if abs(now - before) > 1e-3:
                self._least_step_k = min(self._least_step_k, abs(now - before))
        self._before = readings

    @property
    def temps_degc(self) -> Vector:
        """Temperature of every node, shape (n,) [degC]."""
        return self._x[self._T]

    @property
    def ambient_degc(self) -> float:
        """The ambient [degC]."""
        return self._given_degc + float(self._x[self._a])

    @property
    def zone_lag_s(self) -> float:
        """Time constant zones follow their nodes with [s]."""
        return math.exp(self._x[self._l])

    @property
    def power_factor(self) -> Vector:
        """Factor on the switching power of every node, shape (n,)."""
        factor = np.ones(len(self._A))
        factor[self._junctions] += self._x[self._g]
        return factor

    @property
    def spread_k(self) -> Vector:
        """Standard deviation of the temperature of each junction, shape (J,) [K]."""
        variance = self._cov.diagonal()[self._junctions]
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    @property
    def ahead_k(self) -> float:
        """How far zones have lately been hotter than was predicted, on the average [K].

        Where something unforeseen heats the board, the estimate follows, and lags behind.
        """
        return max(float(self._ahead.max()), 0.0)

    @property
    def rounding_k(self) -> float:
        """How far rounding may hide a steady temperature, beyond what noise averages out [K]."""
        step = self._least_step_k
        noise = math.sqrt(max(self._noise - step**2 / 12.0, 0.0))
        return max(0.5 * step - noise, 0.0)

    def reach(self, free: Array, driven: Array) -> "Reach":
        """Prepare a look ahead.

        Parameters
        ----------
        free, driven
            What nodes' rise and constant node power do to junctions, shapes (n, J) and (n, J).
        """
        known = np.zeros((free.shape[1], self._a + 1))
        known[:, : len(self._A)] = free.T
        known[:, -1] = 1.0 - free.sum(axis=0)
        return Reach(known, np.ascontiguousarray(driven[self._junctions].T))

    def predicted_spread_k(self, reach: "Reach", switched_w: Array) -> Array:
        """Return the standard deviation of junctions predicted for K plans, shape (K, J) [K].

        `switched_w` is the switching power of each node, shape (K, n) [W].
        """
        known, g = reach.known, self._g
        inside = self._cov[: self._a + 1, : self._a + 1]
        fixed = ((known @ inside) * known).sum(axis=1)  # (J,)
        cross = known @ self._cov[: self._a + 1, g]  # (J, J)
        heat = switched_w[:, np.newaxis, self._junctions] * reach.driven  # (K, J, J)
        variance = fixed + (heat * (2.0 * cross + heat @ self._cov[g, g])).sum(axis=2)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))
