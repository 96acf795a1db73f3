"""The seam between the control loop and the world: a board, or a simulated plant."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from adaptive.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True)
class Observation:
    """What the platform measured at one instant.

    Readings are handed over as they came: missing zones are absent, and a value may be NaN or
    absurd. Judging them is the safety guard's work.

    Attributes
    ----------
    time_s
        Monotonic time of the observation [s].
    temps_degc
        Reading of each thermal zone that answered [degC].
    ages_s
        Age of each of those readings [s].
    power_w
        Measured power of the board, or None where there is no meter [W].
    demand_hz
        Frames that arrived per second over the last period [Hz].
    served_hz
        Frames that were answered per second over the last period [Hz].
    latency_s
        Mean time from a frame's arrival to its answer over the last period, 0 if none [s].
    backlog
        Frames waiting to be answered [1].
    caps
        Highest frequency that kernel or firmware allows now, for each limited island [Hz].
    fan_state
        Cooling state of the fan, 0 = off; None where there is no fan.
    """

    time_s: float
    temps_degc: Mapping[str, float]
    ages_s: Mapping[str, float]
    power_w: float | None
    demand_hz: float
    served_hz: float
    latency_s: float
    backlog: int
    caps: Mapping[str, float]
    fan_state: int | None


class Platform(Protocol):
    """Measures, actuates, and owns time. Leaving the context restores what it changed."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def observe(self) -> Observation:
        """Read every sensor once."""
        ...

    def apply(self, point: OperatingPoint) -> None:
        """Put an operating point into effect."""
        ...

    def wait_until(self, time_s: float) -> None:
        """Sleep (board) or integrate (simulation) up to a monotonic time [s]."""
        ...
