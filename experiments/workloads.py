"""What runs are made of: streams of frames, ambients, fans and sun, as functions of time.

Every stream and profile is a frozen value; what is random in it is drawn from its own seed, so a
value means the same run everywhere. `profile(length_s)` gives the function of time of a run of
that length. `Workload` puts one of each together.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from experiments.surroundings import NO_SUN, STILL_FAN, Ambient, Fan, Sun

OfTime = Callable[[float], float]


class Demand(Protocol):
    """A stream of frames."""

    @property
    def mean_hz(self) -> float:
        """Frames a second that the stream means to bring, on average [Hz]."""
        ...

    def profile(self, length_s: float) -> OfTime:
        """Return demand [Hz] as a function of time, for a run of a given length [s]."""
        ...


def _require(name: str, value: float, ok: bool, expected: str) -> None:
    if not (ok and math.isfinite(value)):
        raise ValueError(f"{name} is {value}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Constant:
    """As many frames every second; `mean_hz` of them."""

    mean_hz: float

    def __post_init__(self) -> None:
        _require("mean_hz", self.mean_hz, self.mean_hz > 0, "a positive number")

    def profile(self, length_s: float) -> OfTime:  # noqa: ARG002 - the protocol
        """Return demand [Hz] as a function of time."""
        return lambda _time_s: self.mean_hz


@dataclass(frozen=True, slots=True)
class Diurnal:
    """A stream that swells and ebbs once a day, as a sine.

    Attributes
    ----------
    mean_hz
        Demand averaged over whole days [Hz].
    swing
        How far it goes above and below the mean, over the mean [0..1].
    day_s
        Length of a day [s].
    phase
        Share of a day by which the run begins after the steepest rise [1].
    """

    mean_hz: float
    swing: float = 0.6
    day_s: float = 1200.0
    phase: float = 0.0

    def __post_init__(self) -> None:
        _require("mean_hz", self.mean_hz, self.mean_hz > 0, "a positive number")
        _require("swing", self.swing, 0 <= self.swing <= 1, "0..1")
        _require("day_s", self.day_s, self.day_s > 0, "a positive number")

    def profile(self, length_s: float) -> OfTime:  # noqa: ARG002 - the protocol
        """Return demand [Hz] as a function of time."""
        turn = 2.0 * math.pi

        def demand_hz(time_s: float) -> float:
            return self.mean_hz * (
                1.0 + self.swing * math.sin(turn * (time_s / self.day_s + self.phase))
            )

        return demand_hz


@dataclass(frozen=True, slots=True)
class Poisson:
    """Frames that come independently of each other.

    Attributes
    ----------
    mean_hz
        Expected demand [Hz].
    seed
        Draws how many come in each interval.
    interval_s
        Frames of an interval come evenly within it [s].
    """

    mean_hz: float
    seed: int = 0
    interval_s: float = 0.1

    def __post_init__(self) -> None:
        _require("mean_hz", self.mean_hz, self.mean_hz > 0, "a positive number")
        _require("interval_s", self.interval_s, self.interval_s > 0, "a positive number")

    def profile(self, length_s: float) -> OfTime:
        """Return demand [Hz] as a function of time, for a run of a given length [s]."""
        intervals = math.ceil(length_s / self.interval_s)
        drawn = np.random.default_rng(self.seed).poisson(self.mean_hz * self.interval_s, intervals)
        rates = (drawn / self.interval_s).tolist()
        return lambda time_s: rates[min(int(time_s / self.interval_s), intervals - 1)]


@dataclass(frozen=True, slots=True)
class Video:
    """A video whose scenes differ in how much there is to look at.

    Every picture yields as many frames to classify as its scene has regions; a scene's regions are
    drawn around the mean in proportion (gamma distribution), its length exponentially.

    Attributes
    ----------
    pictures_hz
        Pictures a second [Hz].
    regions
        Regions of a picture, averaged over time [1].
    spread
        Standard deviation of a scene's regions over their mean [1].
    scene_s
        Mean length of a scene [s].
    seed
        Draws the scenes.
    """

    pictures_hz: float
    regions: float = 4.0
    spread: float = 0.5
    scene_s: float = 40.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("pictures_hz", "regions", "spread", "scene_s"):
            value = getattr(self, name)
            _require(name, value, value > 0, "a positive number")

    @property
    def mean_hz(self) -> float:
        """Frames to classify a second, averaged over the scenes drawn [Hz]."""
        return self.pictures_hz * self.regions

    def profile(self, length_s: float) -> OfTime:
        """Return demand [Hz] as a function of time, for a run of a given length [s]."""
        generator = np.random.default_rng(self.seed)
        shape = self.spread**-2
        starts, counts = [0.0], [generator.gamma(shape, 1.0 / shape)]
        while (start := starts[-1] + max(generator.exponential(self.scene_s), 1.0)) < length_s:
            starts.append(start)
            counts.append(generator.gamma(shape, 1.0 / shape))
        # The scenes of a run keep its mean: seeds differ in course, not in load.
        mean = np.dot(counts, np.diff([*starts, length_s])) / length_s
        rates = (self.mean_hz * np.array(counts) / mean).tolist()
        return lambda time_s: rates[bisect_right(starts, time_s) - 1]


@dataclass(frozen=True, slots=True)
class Workload:
    """One run: how long, what comes, and how warm it is around the board.

    Attributes
    ----------
    name
        Short label for tables.
    length_s
        Simulated time [s].
    demand
        The stream of frames.
    ambient
        Ambient temperature over time.
    fan
        Conductance to the ambient over time, over the board's own.
    sun
        Heat from outside, by node.
    period_s
        Control period; everything here is sampled in its middle [s].
    deadline_s
        How long a frame may wait before it is dropped [s].
    """

    name: str
    length_s: float
    demand: Demand
    ambient: Ambient
    fan: Fan = field(default=STILL_FAN)
    sun: Sun = field(default=NO_SUN)
    period_s: float = 0.1
    deadline_s: float = 0.5

    def __post_init__(self) -> None:
        _require("period_s", self.period_s, self.period_s > 0, "a positive number")
        _require("deadline_s", self.deadline_s, self.deadline_s > 0, "a positive number")
        _require("length_s", self.length_s, self.length_s >= self.period_s, "a period or more")

    @property
    def periods(self) -> int:
        """Control periods of the run."""
        return max(round(self.length_s / self.period_s), 1)

    def demand_hz(self) -> OfTime:
        """Return demand [Hz] as a function of time."""
        return self.demand.profile(self.length_s)

    def ambient_degc(self) -> OfTime:
        """Return the ambient temperature [degC] as a function of time."""
        return self.ambient.profile(self.length_s)

    def cooling_factor(self) -> OfTime:
        """Return the conductance to the ambient, over the board's own, as a function of time."""
        return self.fan.profile(self.length_s)

    def heat_w(self) -> Callable[[float], Mapping[str, float]]:
        """Return heat from outside into nodes [W] as a function of time."""
        return self.sun.profile(self.length_s)
