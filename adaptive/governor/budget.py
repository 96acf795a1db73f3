"""A power budget by feedback, and the joint choice of effort, OPP and duty within it.

The controller has the shape of the kernel's power_allocator (proportional gain doubled below the
set point, an integral, a budget around the sustainable power) in real numbers; what is bought with
the budget is chosen over all points at once: most right answers a second at the demand. Of the
policies without a thermal state this is the strongest we know.

It knows the hottest zone, the demand, the profile of every point, and the sustainable power at the
ambient it is given. It does not know what heat the board can still take up, nor how fast it will.
"""

import math
from collections.abc import Sequence

import numpy as np

from adaptive.governor.candidates import Candidates, sustainable_power_w
from adaptive.governor.observed import hottest_degc, wanted_hz
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation

INTEGRAL_TIME_S = 10.0  # in which a lasting error is worth as much again through the integral
_LONGEST_PERIOD_S = 1.0  # an interval is integrated over no longer than this


class PowerBudget:
    """Board power allowed, by the distance of the hottest zone from the trip.

    Parameters
    ----------
    sustainable_w
        Power that holds the trip temperature [W].
    span_k
        Distance from the trip worth one sustainable power above it, and two below it [K].

    Notes
    -----
    Limits: the integral is kept within half the sustainable power either way, so an ambient or a
    resistance further off than that is left to the proportional part.
    """

    def __init__(self, sustainable_w: float, *, span_k: float) -> None:
        if not sustainable_w > 0.0:
            raise ValueError(f"sustainable_w is {sustainable_w}, expected a positive number")
        if not span_k > 0.0:
            raise ValueError(f"span_k is {span_k}, expected a positive number")
        self._sustainable_w = sustainable_w
        self._gain_w_per_k = sustainable_w / span_k
        self._integral_w = 0.0

    def integrate(self, error_k: float, elapsed_s: float) -> None:
        """Let the budget follow a lasting error (trip minus temperature)."""
        most_w = 0.5 * self._sustainable_w
        step_w = self._gain_w_per_k * error_k * elapsed_s / INTEGRAL_TIME_S
        self._integral_w = min(max(self._integral_w + step_w, -most_w), most_w)

    def power_w(self, error_k: float) -> float:
        """Return the power allowed at an error, never below 0 [W]."""
        gain = self._gain_w_per_k * (2.0 if error_k > 0.0 else 1.0)
        return max(self._sustainable_w + gain * error_k + self._integral_w, 0.0)


class Budget:
    """Most right answers a second whose power is within a budget that follows heat.

    Parameters
    ----------
    points
        Candidates, duty-cycled and idle ones among them.
    plant
        The board's model, for the profile of power.
    cores
        Cluster whose sustainable power the budget is built around.
    ambient_degc
        Ambient that power is calculated for [degC].
    trip_degc
        Set point of the hottest zone [degC].
    span_k
        As of `PowerBudget` [K].

    Notes
    -----
    Limits: the integral grows only while the budget decides what is run, or the trip is passed;
    without a believable zone the point of least power is run.
    """

    def __init__(
        self,
        points: Sequence[OperatingPoint],
        plant: Plant,
        *,
        cores: str,
        ambient_degc: float,
        trip_degc: float,
        span_k: float = 5.0,
    ) -> None:
        self._candidates = Candidates.of(points, plant, temp_degc=trip_degc)
        self._trip_degc = trip_degc
        self._budget = PowerBudget(
            sustainable_power_w(plant, cores, ambient_degc=ambient_degc, limit_degc=trip_degc),
            span_k=span_k,
        )
        self._time_s: float | None = None

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point of most right answers within the budget, the coolest on a tie."""
        points = self._candidates
        utilisation = points.utilisation(wanted_hz(observation))
        power = points.power_w(utilisation)
        right_hz = utilisation / points.latency_s * points.accuracy
        error_k = self._trip_degc - hottest_degc(observation)
        elapsed_s = self._elapsed_s(observation.time_s)
        if not math.isfinite(error_k):
            return points.best(right_hz, power, np.zeros(len(power), dtype=bool))
        allowed = power <= self._budget.power_w(error_k)
        chosen = points.best(right_hz, power, allowed)
        unlimited = points.best(right_hz, power, np.ones(len(power), dtype=bool))
        if chosen is not unlimited or error_k < 0.0:
            self._budget.integrate(error_k, elapsed_s)
        return chosen

    def _elapsed_s(self, time_s: float) -> float:
        before_s, self._time_s = self._time_s, time_s
        if before_s is None or not time_s > before_s:
            return 0.0
        return min(time_s - before_s, _LONGEST_PERIOD_S)
