"""ALERT-like choice of network and power setting: a filtered slow-down, a deadline, a power cap.

After C. Wan, M. Santriaji, E. Rogers, H. Hoffmann, M. Maire and S. Lu, "ALERT: Accurate learning
for energy and timeliness," *USENIX ATC*, 2020: one random factor stands for everything that makes
inference slower than profiled; a Kalman filter follows its mean and variance; among the settings
whose predicted power is allowed, the one of highest expected accuracy by the deadline is run, and
if none can be in time, latency comes first. The filter's constants are this module's own.

It knows the demand, the profile of every point, and a power cap: what the board sheds for ever. It
does not know temperature, neither measured nor predicted: the cap is all there is against heat.
"""

import math
from collections.abc import Sequence

import numpy as np

from adaptive.governor.candidates import Candidates, sustainable_power_w
from adaptive.governor.observed import wanted_hz
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from thermal.network import Vector

WINDOW_FRAMES = 20.0  # answers that one measurement of the slow-down rests on
_LONGEST_PERIOD_S = 10.0  # after a longer gap it is not known what ran
_MEASUREMENT_VARIANCE = 1e-3
_LEAST_DRIFT = 1e-4  # variance that a measurement's time adds, when all is calm
_MEMORY = 0.3


class SlowdownFilter:
    """Mean and variance of the slow-down, by a Kalman filter with adaptive process noise.

    The process noise follows the square of the last corrections, so that the variance grows when
    the surroundings are volatile.
    """

    def __init__(self) -> None:
        self.mean = 1.0
        self._posterior = _LEAST_DRIFT
        self._drift = _LEAST_DRIFT

    @property
    def variance(self) -> float:
        """Variance of the slow-down of the next frames."""
        return self._posterior + self._drift

    def update(self, measured: float) -> None:
        """Take in one measurement of the slow-down."""
        gain = self.variance / (self.variance + _MEASUREMENT_VARIANCE)
        correction = gain * (measured - self.mean)
        self._posterior = (1.0 - gain) * self.variance
        self.mean += correction
        self._drift = max(_LEAST_DRIFT, _MEMORY * self._drift + (1.0 - _MEMORY) * correction**2)


class SlowdownMeter:
    """Profiled over actual frames, from counts a period.

    Service times are not observed: a frame's latency includes its wait. So frames are counted.
    While frames wait throughout, profiled over answered frames is the slow-down; while the cluster
    has idle time it is an upper bound of it.
    """

    def __init__(self) -> None:
        self._before: Observation | None = None
        self._restart()

    def _restart(self) -> None:
        self._profiled, self._answered, self._always_busy = 0.0, 0.0, True

    def read(self, observation: Observation, ran: OperatingPoint) -> tuple[float, bool] | None:
        """Return (slow-down, whether it is exact and not a bound) at the end of a window."""
        before, self._before = self._before, observation
        if before is None:
            return None
        elapsed_s = observation.time_s - before.time_s
        answered = observation.served_hz * elapsed_s
        if not (0.0 < elapsed_s <= _LONGEST_PERIOD_S and 0.0 <= answered < math.inf):
            self._restart()
            return None
        self._profiled += ran.frames_hz * elapsed_s
        self._answered += answered
        self._always_busy &= before.backlog > 0 and observation.backlog > 0
        if self._answered < WINDOW_FRAMES:
            return None
        reading = self._profiled / self._answered, self._always_busy
        self._restart()
        return reading


class Alert:
    """Highest expected accuracy by the deadline within a power cap.

    Parameters
    ----------
    points
        Candidates.
    plant
        The board's model, for the profile of power.
    cores
        Cluster whose sustainable power is the cap.
    ambient_degc
        Ambient the cap is calculated for [degC].
    trip_degc
        Temperature at which that power lets the hottest junction settle [degC].
    deadline_s
        Time a frame may take; less where frames arrive faster than that [s].

    Notes
    -----
    Limits: the cap holds for every period, so heat capacity is neither used nor overdrawn;
    ambients above the given one are not noticed; a slow-down is learned from whole windows of
    frames, so a platform that answers nothing at all teaches nothing, and its end is noticed only
    as far as the idle time it leaves contradicts it.
    """

    def __init__(
        self,
        points: Sequence[OperatingPoint],
        plant: Plant,
        *,
        cores: str,
        ambient_degc: float,
        trip_degc: float,
        deadline_s: float,
    ) -> None:
        if not deadline_s > 0.0:
            raise ValueError(f"deadline_s is {deadline_s}, expected a positive number")
        self._candidates = Candidates.of(points, plant, temp_degc=trip_degc)
        self._cap_w = sustainable_power_w(
            plant, cores, ambient_degc=ambient_degc, limit_degc=trip_degc
        )
        self._deadline_s = deadline_s
        self._filter = SlowdownFilter()
        self._meter = SlowdownMeter()
        self._running: OperatingPoint | None = None

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point of highest expected accuracy, the one of least power on a tie."""
        self._learn(observation)
        points = self._candidates
        demand_hz = wanted_hz(observation)
        utilisation = points.utilisation(demand_hz, slowdown=self._filter.mean)
        power = points.power_w(utilisation)
        allowed = power <= self._cap_w
        time_s = min(self._deadline_s, 1.0 / demand_hz) if demand_hz > 0.0 else self._deadline_s
        frames_hz = points.duty / points.latency_s
        in_time = _normal_cdf(
            (time_s * frames_hz - self._filter.mean) / math.sqrt(self._filter.variance)
        )
        hopeless = not (allowed & (in_time >= 0.5)).any()
        score = frames_hz if hopeless else points.accuracy * in_time
        self._running = points.best(score, power, allowed)
        return self._running

    def _learn(self, observation: Observation) -> None:
        if self._running is None:
            return
        reading = self._meter.read(observation, self._running)
        if reading is not None:
            measured, exact = reading
            # A bound above the mean contradicts nothing: it confirms the mean.
            self._filter.update(measured if exact else min(measured, self._filter.mean))


def _normal_cdf(z: Vector) -> Vector:
    """Return the standard normal distribution function, shape (N,)."""
    return np.array([0.5 * math.erfc(value) for value in (-z / math.sqrt(2.0)).tolist()])
