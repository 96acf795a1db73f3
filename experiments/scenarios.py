"""What a run is like: ambient, length, and the demand for frames over time."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from adaptive.errors import ConfigError
from adaptive.governor.static import settled_peak_degc
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from experiments.workloads import Demand


@dataclass(frozen=True, slots=True)
class Bursts:
    """A steady stream with one burst in every cycle, at a seeded time within it.

    Attributes
    ----------
    mean_hz
        Demand averaged over whole cycles [Hz].
    factor
        Demand in a burst over the mean [1].
    burst_s
        Length of a burst [s].
    cycle_s
        Length of a cycle [s].
    seed
        Draws when in its cycle each burst begins.
    """

    mean_hz: float
    factor: float = 2.0
    burst_s: float = 30.0
    cycle_s: float = 120.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.mean_hz > 0 and math.isfinite(self.mean_hz)):
            raise ValueError(f"mean_hz is {self.mean_hz}, expected a positive number")
        if not 0 < self.burst_s < self.cycle_s:
            raise ValueError(f"burst_s is {self.burst_s}, expected between 0 and {self.cycle_s}")
        if not 1.0 <= self.factor < self.cycle_s / self.burst_s:
            raise ValueError(f"factor is {self.factor}: bursts alone would exceed the mean")

    @property
    def between_hz(self) -> float:
        """Demand between bursts [Hz]."""
        share = self.burst_s / self.cycle_s
        return self.mean_hz * (1.0 - share * self.factor) / (1.0 - share)

    def profile(self, length_s: float) -> Callable[[float], float]:
        """Return demand [Hz] as a function of time, for a run of a given length [s]."""
        cycles = math.ceil(length_s / self.cycle_s)
        generator = np.random.default_rng(self.seed)
        starts = generator.uniform(0.0, self.cycle_s - self.burst_s, cycles).tolist()

        high_hz, between_hz = self.factor * self.mean_hz, self.between_hz

        def demand_hz(time_s: float) -> float:
            cycle = min(int(time_s / self.cycle_s), cycles - 1)
            since_s = time_s - cycle * self.cycle_s - starts[cycle]
            return high_hz if 0.0 <= since_s < self.burst_s else between_hz

        return demand_hz


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is known of a run beforehand, and what a governor may be set up for.

    Attributes
    ----------
    ambient_degc
        Hottest ambient temperature to be expected [degC].
    cap_degc
        Highest junction temperature allowed [degC].
    length_s
        Simulated time [s].
    demand
        The stream.
    period_s
        Control period [s].
    deadline_s
        How long a frame may wait before it is dropped [s].
    """

    ambient_degc: float
    cap_degc: float
    length_s: float
    demand: Demand
    period_s: float = 0.1
    deadline_s: float = 0.5

    def __post_init__(self) -> None:
        if not -40.0 <= self.ambient_degc < self.cap_degc:
            raise ValueError(
                f"ambient_degc is {self.ambient_degc}, expected from -40 to below the cap of "
                f"{self.cap_degc}"
            )
        if not self.length_s >= self.period_s > 0.0:
            raise ValueError(f"length_s is {self.length_s}, expected at least {self.period_s}")


def sustained_hz(
    points: tuple[OperatingPoint, ...], plant: Plant, *, ambient_degc: float, cap_degc: float
) -> float:
    """Return the highest frame rate of one point that settles at or below the cap [Hz].

    Raises
    ------
    ConfigError
        If none of the points that answer frames is sustainable.
    """
    for point in sorted(points, key=lambda p: -p.frames_hz):
        if point.duty and settled_peak_degc(plant, point, ambient_degc=ambient_degc) <= cap_degc:
            return point.frames_hz
    raise ConfigError(
        f"board {plant.name}: no operating point can be sustained at {ambient_degc:g} degC ambient "
        f"below a cap of {cap_degc:g} degC"
    )
