"""What a scenario file may say, and what each entry stands for; docs/simulation.md explains it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adaptive.plant import Plant
from experiments.mismatch import Mismatch
from experiments.scenarios import Bursts
from experiments.starts import Start
from experiments.surroundings import (
    NO_SUN,
    STILL_FAN,
    Ambient,
    AmbientDay,
    AmbientRamp,
    Fan,
    SteadyAmbient,
    Sun,
)
from experiments.workloads import Constant, Demand, Diurnal, Poisson, Video


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Unknown fields are refused: a misspelt key must not be ignored."""


class _Stream(_Struct, frozen=True, tag_field="kind"):
    """A stream, and its mean demand in one of three ways.

    `mean_hz` in frames a second [Hz]; `load` over the rate of the board's fastest point; or
    `sustained` over the highest rate that the board sustains at its cap for ever with all layers
    at 8 bits.
    """

    mean_hz: float | None = None
    load: float | None = None
    sustained: float | None = None

    def __post_init__(self) -> None:
        given = [v for v in (self.mean_hz, self.load, self.sustained) if v is not None]
        if len(given) != 1 or not given[0] > 0.0:
            raise ValueError("expected one of mean_hz, load and sustained, above 0")


class ConstantEntry(_Stream, frozen=True, tag="constant"):
    """As many frames every second."""


class DiurnalEntry(_Stream, frozen=True, tag="diurnal"):
    """See `experiments.workloads.Diurnal`."""

    swing: float = 0.6
    day_s: float = 1200.0
    phase: float = 0.0


class BurstsEntry(_Stream, frozen=True, tag="bursts"):
    """See `experiments.scenarios.Bursts`."""

    factor: float = 2.0
    burst_s: float = 30.0
    cycle_s: Annotated[float, Meta(ge=0.1)] = 120.0


class PoissonEntry(_Stream, frozen=True, tag="poisson"):
    """See `experiments.workloads.Poisson`."""

    interval_s: Annotated[float, Meta(ge=0.001)] = 0.1


class VideoEntry(_Stream, frozen=True, tag="video"):
    """See `experiments.workloads.Video`."""

    regions: float = 4.0
    spread: float = 0.5
    scene_s: float = 40.0


class TraceEntry(_Struct, frozen=True, tag_field="kind", tag="trace"):
    """A recorded camera; `mean_hz` scales it. A relative `file` lies beside the scenario."""

    file: str
    mean_hz: float | None = None


class SteadyEntry(_Struct, frozen=True, tag_field="kind", tag="steady"):
    """The same ambient throughout [degC]."""

    degc: float


class RampEntry(_Struct, frozen=True, tag_field="kind", tag="ramp"):
    """See `experiments.surroundings.AmbientRamp`."""

    from_degc: float
    to_degc: float
    begin: float = 0.5
    rise: float = 0.0


class DayEntry(_Struct, frozen=True, tag_field="kind", tag="day"):
    """See `experiments.surroundings.AmbientDay`."""

    coolest_degc: float
    warmest_degc: float
    day_s: float | None = None


class SunEntry(_Struct, frozen=True):
    """Sun: `heat_w` by node [W], or `case_w` shared among the nodes that lose heat to the air."""

    heat_w: dict[str, float] = {}
    case_w: float = 0.0
    begin: float = 0.0
    end: float = 1.0


StreamEntry = ConstantEntry | DiurnalEntry | BurstsEntry | PoissonEntry | VideoEntry | TraceEntry
AmbientEntry = SteadyEntry | RampEntry | DayEntry


class ScenarioFile(_Struct, frozen=True, kw_only=True):
    """One scenario; docs/simulation.md tells of every field."""

    title: str = ""
    length_s: float
    demand: StreamEntry
    ambient: AmbientEntry
    fan: Fan = STILL_FAN
    sun: SunEntry = SunEntry()
    cap_degc: float | None = None
    start: Literal["cold", "hot"] = "cold"
    period_s: float = 0.1
    deadline_s: float = 0.5
    mismatch: Mismatch | bool = False

    @property
    def drawn(self) -> Mismatch | None:
        """How far the true board may be from its file; None where it is the very same."""
        return Mismatch() if self.mismatch is True else self.mismatch or None

    @property
    def begins(self) -> Start:
        """Cold or hot."""
        return Start(self.start)


def make_stream(
    entry: ConstantEntry | DiurnalEntry | BurstsEntry | PoissonEntry | VideoEntry,
    mean_hz: float,
    seed: int,
) -> Demand:
    """Return the stream of an entry at a mean demand [Hz]."""
    match entry:
        case ConstantEntry():
            return Constant(mean_hz)
        case DiurnalEntry(swing=swing, day_s=day_s, phase=phase):
            return Diurnal(mean_hz, swing=swing, day_s=day_s, phase=phase)
        case BurstsEntry(factor=factor, burst_s=burst_s, cycle_s=cycle_s):
            return Bursts(mean_hz, factor=factor, burst_s=burst_s, cycle_s=cycle_s, seed=seed)
        case PoissonEntry(interval_s=interval_s):
            return Poisson(mean_hz, seed=seed, interval_s=interval_s)
        case VideoEntry(regions=regions, spread=spread, scene_s=scene_s):
            return Video(
                mean_hz / regions, regions=regions, spread=spread, scene_s=scene_s, seed=seed
            )


def make_ambient(entry: AmbientEntry) -> Ambient:
    """Return the ambient of an entry."""
    match entry:
        case SteadyEntry(degc=degc):
            return SteadyAmbient(degc)
        case RampEntry(from_degc=low, to_degc=high, begin=begin, rise=rise):
            return AmbientRamp(low, high, begin=begin, rise=rise)
        case DayEntry(coolest_degc=low, warmest_degc=high, day_s=day_s):
            return AmbientDay(low, high, day_s)


def make_sun(entry: SunEntry, plant: Plant) -> Sun:
    """Return the sun of an entry on a board; ValueError if it names no node of it."""
    heat = dict(entry.heat_w)
    unknown = sorted(set(heat) - set(plant.network.nodes))
    if unknown:
        raise ValueError(
            f"sun.heat_w names {unknown}, expected nodes of board {plant.name}: "
            f"{', '.join(plant.network.nodes)}"
        )
    shares = plant.network.to_ambient / plant.network.to_ambient.sum()
    for node, share in zip(plant.network.nodes, shares.tolist(), strict=True):
        if share and entry.case_w:
            heat[node] = heat.get(node, 0.0) + share * entry.case_w
    return Sun(heat, entry.begin, entry.end) if heat else NO_SUN
