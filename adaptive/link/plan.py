"""What an application is told to run, and how hot the board is while it does."""

from dataclasses import dataclass

from adaptive.measured import EffortEntry, OnwardEntry
from adaptive.operating_point import OperatingPoint
from adaptive.precision import Bits, Effort

HEADROOM_SPAN_K = 30.0
"""Distance below the cap at which the headroom figure is 0, as in Android's thermal headroom."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An operating point as an application sees it.

    Attributes
    ----------
    sequence
        Rises by one with each change, from 1; 0 before there is any.
    point
        Name of the operating point.
    level
        Level of the label tree at which frames are to be answered.
    head
        The classifier that answers.
    bits
        Bits of each switchable layer, in network order.
    width
        Share of the channels that run [0..1].
    cpus
        Processors to run on; empty for any.
    frequency_hz
        Clock of those [Hz].
    duty
        Share of the time to work; the rest is to be idled [0..1].
    latency_s
        Time expected for a frame while working [s].
    onward
        What answers where the first answer's probability is below a threshold; None for nothing.
    """

    sequence: int
    point: str
    level: str
    head: str
    bits: tuple[int, ...]
    width: float
    cpus: tuple[int, ...]
    frequency_hz: float
    duty: float
    latency_s: float
    onward: OnwardEntry | None = None

    def effort(self, layers: tuple[str, ...]) -> Effort:
        """Return what an engine is to run, for a network of these layers."""
        bits = tuple(Bits(width) for width in self.bits)
        return EffortEntry(bits, self.width, self.head, self.onward).effort(layers)


@dataclass(frozen=True, slots=True)
class Heat:
    """How hot the board is.

    Attributes
    ----------
    time_s
        When it was read: time since boot, sleep included [s].
    hottest_degc
        The hottest zone; NaN where none is believed [degC].
    cap_degc
        The temperature not to pass [degC].
    headroom
        0 at 30 K below the cap or more, 1.0 at the cap, above it more [1].
    safe
        Whether the safety guard has overruled the governor.
    """

    time_s: float
    hottest_degc: float
    cap_degc: float
    headroom: float
    safe: bool


def headroom(temp_degc: float, cap_degc: float) -> float:
    """Return a temperature as a share of the way to the cap, 1.0 at the cap, never below 0 [1]."""
    return max(1.0 + (temp_degc - cap_degc) / HEADROOM_SPAN_K, 0.0)


def plan_of(point: OperatingPoint, sequence: int, cpus: tuple[int, ...]) -> Plan:
    """Return what an application is told of an operating point."""
    effort = EffortEntry.of(point.effort)
    return Plan(
        sequence=sequence,
        point=point.name,
        level=point.level,
        head=effort.head,
        bits=tuple(int(bits) for bits in effort.bits),
        width=effort.width,
        cpus=cpus,
        frequency_hz=point.frequency_hz,
        duty=point.duty,
        latency_s=point.latency_s,
        onward=effort.onward,
    )
