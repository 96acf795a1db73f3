"""What a user wants of the predictive governor: worth, floors, deadlines, energy."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from adaptive.errors import ConfigError
from adaptive.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True)
class Battery:
    """Energy that has to last.

    Attributes
    ----------
    energy_j
        What the board may draw, above 0 [J].
    length_s
        For how long, from the first decision on, above 0 [s].
    """

    energy_j: float
    length_s: float

    def __post_init__(self) -> None:
        for name, value in (("energy_j", self.energy_j), ("length_s", self.length_s)):
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value}, expected a positive number")


@dataclass(frozen=True, slots=True)
class Objective:
    """What answers are worth and what must hold.

    A contract such as "fine when you can, coarse rather than late" is a worth for both levels:
    the finer one is answered where heat and time allow, the coarser one before a frame is lost.

    Attributes
    ----------
    worth
        Worth of a right answer at each level that may be answered, not negative; levels left out
        are never answered.
    deadline_s
        A frame answered later than this after it came is worth nothing [s].
    p99_s
        Time within which 99 of 100 frames are to be answered; the deadline if left out [s].
    least_accuracy
        Least accuracy a point may have at its level, by level; 0 for levels left out [0..1].
    price_per_j
        Worth that a joule must bring at least [1/J].
    battery
        Energy that has to last; none by default.
    """

    worth: Mapping[str, float]
    deadline_s: float = 0.5
    p99_s: float | None = None
    least_accuracy: Mapping[str, float] = field(default_factory=dict)
    price_per_j: float = 0.0
    battery: Battery | None = None

    def __post_init__(self) -> None:
        if not self.worth:
            raise ValueError("worth is empty, expected the worth of at least one level")
        for level, value in self.worth.items():
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"worth of level {level!r} is {value}, expected 0 or more")
        for level, value in self.least_accuracy.items():
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"least_accuracy of level {level!r} is {value}, expected 0..1")
        if not (math.isfinite(self.deadline_s) and self.deadline_s > 0.0):
            raise ValueError(f"deadline_s is {self.deadline_s}, expected a positive number")
        if self.p99_s is not None and not 0.0 < self.p99_s <= self.deadline_s:
            raise ValueError(
                f"p99_s is {self.p99_s}, expected above 0, at most deadline_s = {self.deadline_s}"
            )
        if not (math.isfinite(self.price_per_j) and self.price_per_j >= 0.0):
            raise ValueError(f"price_per_j is {self.price_per_j}, expected 0 or more")
        object.__setattr__(self, "worth", MappingProxyType(dict(self.worth)))
        object.__setattr__(self, "least_accuracy", MappingProxyType(dict(self.least_accuracy)))

    @property
    def answer_s(self) -> float:
        """Time within which frames are to be answered [s]."""
        return self.deadline_s if self.p99_s is None else self.p99_s

    def of_frame(self, point: OperatingPoint) -> float:
        """Return the expected worth of a frame that a point answers in time."""
        return point.accuracy * self.worth[point.level]

    def admits(self, point: OperatingPoint) -> bool:
        """Say whether a point may answer frames: level, accuracy and latency are as asked."""
        return (
            point.duty > 0.0
            and point.level in self.worth
            and point.accuracy >= self.least_accuracy.get(point.level, 0.0)
            and point.latency_s <= self.answer_s
        )

    def admitted(self, points: Iterable[OperatingPoint]) -> tuple[OperatingPoint, ...]:
        """Return the points that may answer frames.

        Raises
        ------
        ConfigError
            If there is none.
        """
        found = tuple(point for point in points if self.admits(point))
        if not found:
            raise ConfigError(
                f"objective: no operating point answers at {sorted(self.worth)} within "
                f"{self.answer_s:g} s with least_accuracy {dict(self.least_accuracy)}; "
                "lower the floor or allow more time"
            )
        return found
