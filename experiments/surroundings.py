"""How warm it is around a board: ambient profiles, fan steps and sun, as functions of time."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

OfTime = Callable[[float], float]


class Ambient(Protocol):
    """An ambient temperature over time."""

    def profile(self, length_s: float) -> OfTime:
        """Return it [degC] as a function of time, for a run of a given length [s]."""
        ...


def _require_degc(**values: float) -> None:
    for name, value in values.items():
        if not -60.0 <= value <= 120.0:
            raise ValueError(f"{name} is {value}, expected -60 to 120")


@dataclass(frozen=True, slots=True)
class SteadyAmbient:
    """The same temperature throughout."""

    degc: float

    def __post_init__(self) -> None:
        _require_degc(degc=self.degc)

    def profile(self, length_s: float) -> OfTime:  # noqa: ARG002 - the protocol
        """Return it [degC] as a function of time."""
        return lambda _time_s: self.degc


@dataclass(frozen=True, slots=True)
class AmbientRamp:
    """One temperature, then a straight way to another; a step if it takes no time.

    Attributes
    ----------
    from_degc, to_degc
        Before and after [degC].
    begin
        Share of the run after which it begins [0..1].
    rise
        Share of the run it takes [0..1].
    """

    from_degc: float
    to_degc: float
    begin: float = 0.5
    rise: float = 0.0

    def __post_init__(self) -> None:
        _require_degc(from_degc=self.from_degc, to_degc=self.to_degc)
        for name, value in (("begin", self.begin), ("rise", self.rise)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} is {value}, expected 0..1")

    def profile(self, length_s: float) -> OfTime:
        """Return it [degC] as a function of time, for a run of a given length [s]."""
        begin_s, rise_s = self.begin * length_s, self.rise * length_s

        def ambient_degc(time_s: float) -> float:
            if time_s < begin_s:
                return self.from_degc
            done = min((time_s - begin_s) / rise_s, 1.0) if rise_s else 1.0
            return self.from_degc + done * (self.to_degc - self.from_degc)

        return ambient_degc


@dataclass(frozen=True, slots=True)
class AmbientDay:
    """A day, from its coolest to its warmest and back, as a cosine.

    Attributes
    ----------
    coolest_degc, warmest_degc
        Lowest and highest temperature [degC].
    day_s
        Length of a day; the length of the run if left out [s].
    """

    coolest_degc: float
    warmest_degc: float
    day_s: float | None = None

    def __post_init__(self) -> None:
        _require_degc(coolest_degc=self.coolest_degc, warmest_degc=self.warmest_degc)
        if self.coolest_degc > self.warmest_degc:
            raise ValueError(
                f"coolest_degc is {self.coolest_degc}, expected at most {self.warmest_degc}"
            )
        if self.day_s is not None and not self.day_s > 0.0:
            raise ValueError(f"day_s is {self.day_s}, expected a positive number")

    def profile(self, length_s: float) -> OfTime:
        """Return it [degC] as a function of time, for a run of a given length [s]."""
        day_s = length_s if self.day_s is None else self.day_s
        middle = (self.coolest_degc + self.warmest_degc) / 2
        swing = (self.warmest_degc - self.coolest_degc) / 2
        return lambda time_s: middle - swing * math.cos(2.0 * math.pi * time_s / day_s)


@dataclass(frozen=True, slots=True)
class ShiftedAmbient:
    """Another ambient, warmer by so much throughout [K]."""

    ambient: Ambient
    warmer_k: float

    def profile(self, length_s: float) -> OfTime:
        """Return it [degC] as a function of time, for a run of a given length [s]."""
        inner = self.ambient.profile(length_s)
        return lambda time_s: inner(time_s) + self.warmer_k


@dataclass(frozen=True, slots=True)
class Fan:
    """A fan in steps: conductance to the ambient over what the board file says.

    Attributes
    ----------
    starts
        Shares of the run at which each step begins, rising from 0 [0..1].
    factors
        Conductance to the ambient in each step, over the board's own, above 0 [1].
    """

    starts: tuple[float, ...]
    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        starts = self.starts
        rising = all(a < b for a, b in zip(starts, (*starts[1:], 1.0), strict=True))
        if not (starts and starts[0] == 0.0 and rising):
            raise ValueError(f"starts is {starts}, expected shares rising from 0 to below 1")
        if len(self.factors) != len(starts):
            raise ValueError(f"factors has {len(self.factors)} entries, expected {len(starts)}")
        if not all(math.isfinite(f) and f > 0.0 for f in self.factors):
            raise ValueError(f"factors is {self.factors}, expected all above 0")

    def profile(self, length_s: float) -> OfTime:
        """Return the factor as a function of time, for a run of a given length [s]."""
        return lambda time_s: self.factors[max(bisect_right(self.starts, time_s / length_s) - 1, 0)]


@dataclass(frozen=True, slots=True)
class Sun:
    """Sun on the case: heat into some nodes for part of the run.

    Attributes
    ----------
    heat_w
        Heat into each node it warms, not negative [W].
    begin, end
        Shares of the run between which it shines [0..1].
    """

    heat_w: Mapping[str, float]
    begin: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(w) and w >= 0.0 for w in self.heat_w.values()):
            raise ValueError(f"heat_w is {dict(self.heat_w)}, expected none below 0")
        if not 0.0 <= self.begin <= self.end <= 1.0:
            raise ValueError(f"begin is {self.begin}, expected 0 to end = {self.end}, at most 1")
        object.__setattr__(self, "heat_w", MappingProxyType(dict(self.heat_w)))

    def profile(self, length_s: float) -> Callable[[float], Mapping[str, float]]:
        """Return heat into nodes [W] as a function of time, for a run of a given length [s]."""
        begin_s, end_s = self.begin * length_s, self.end * length_s
        dark: Mapping[str, float] = {}
        return lambda time_s: self.heat_w if begin_s <= time_s < end_s else dark


STILL_FAN = Fan((0.0,), (1.0,))
NO_SUN = Sun({})
