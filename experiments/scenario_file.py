"""Scenarios as YAML: a stream, an ambient, a fan, sun, and how far the board is from its file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from adaptive.errors import ConfigError
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.precision import Bits
from adaptive.strict_yaml import convert_yaml, load_yaml
from experiments.camera import load_trace
from experiments.mismatch import Mismatch
from experiments.scenarios import Bursts, sustained_hz
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
from experiments.workloads import (
    Constant,
    Demand,
    Diurnal,
    Poisson,
    Video,
    Workload,
)

_BUNDLED = Path(__file__).parent / "scenarios.yaml"


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
    cycle_s: float = 120.0


class PoissonEntry(_Stream, frozen=True, tag="poisson"):
    """See `experiments.workloads.Poisson`."""

    interval_s: float = 0.1


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


class LoadedScenario(msgspec.Struct, frozen=True):
    """A scenario with its name and the file it came from."""

    name: str
    origin: str
    content: ScenarioFile

    def files(self) -> tuple[Path, ...]:
        """Return the files it is read from: the scenario's, and its camera's."""
        scenario, demand = Path(self.origin), self.content.demand
        if isinstance(demand, TraceEntry):
            return scenario, scenario.parent / demand.file
        return (scenario,)

    def changed(
        self, *, ambient_degc: float | None = None, length_s: float | None = None
    ) -> "LoadedScenario":
        """Return it with a steady ambient [degC] or a length [s] instead of its own."""
        content = self.content
        if ambient_degc is not None:
            content = msgspec.structs.replace(content, ambient=SteadyEntry(ambient_degc))
        if length_s is not None:
            content = msgspec.structs.replace(content, length_s=length_s)
        return LoadedScenario(self.name, self.origin, content)

    def workload(
        self, plant: Plant, points: Sequence[OperatingPoint], *, cap_degc: float, seed: int
    ) -> Workload:
        """Return the run on a board.

        Parameters
        ----------
        plant, points
            The board as its file has it, and what it can run; loads are over their rates.
        cap_degc
            Highest junction temperature allowed [degC].
        seed
            Draws what is random in the stream.

        Raises
        ------
        ConfigError
            If a value is outside reason or does not fit the board; names file and field.
        """
        file = self.content
        try:
            ambient = _ambient(file.ambient)
            return Workload(
                name=self.name,
                length_s=file.length_s,
                demand=self._demand(plant, points, ambient, cap_degc, seed),
                ambient=ambient,
                fan=file.fan,
                sun=_sun(file.sun, plant),
                period_s=file.period_s,
                deadline_s=file.deadline_s,
            )
        except ValueError as error:
            raise ConfigError(f"{self.origin}: scenario {self.name}: {error}") from error

    def _demand(
        self,
        plant: Plant,
        points: Sequence[OperatingPoint],
        ambient: Ambient,
        cap_degc: float,
        seed: int,
    ) -> Demand:
        entry = self.content.demand
        if isinstance(entry, TraceEntry):
            trace = load_trace(self.files()[-1])
            return trace if entry.mean_hz is None else trace.scaled(entry.mean_hz)
        if entry.mean_hz is not None:
            mean_hz = entry.mean_hz
        elif entry.load is not None:
            mean_hz = entry.load * max(point.frames_hz for point in points)
        else:
            length_s = self.content.length_s
            middle = np.linspace(0.0, length_s, 200, endpoint=False) + length_s / 400
            mean_degc = float(np.mean([ambient.profile(length_s)(t) for t in middle.tolist()]))
            all_8 = tuple(p for p in points if set(p.effort.plan.bits) == {Bits.INT8})
            if not all_8:
                raise ValueError("demand.sustained needs an all-8 operating point, there is none")
            mean_hz = (entry.sustained or 0.0) * sustained_hz(
                all_8, plant, ambient_degc=mean_degc, cap_degc=cap_degc
            )
        return _stream(entry, mean_hz, seed)


def _stream(
    entry: ConstantEntry | DiurnalEntry | BurstsEntry | PoissonEntry | VideoEntry,
    mean_hz: float,
    seed: int,
) -> Demand:
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


def _ambient(entry: AmbientEntry) -> Ambient:
    match entry:
        case SteadyEntry(degc=degc):
            return SteadyAmbient(degc)
        case RampEntry(from_degc=low, to_degc=high, begin=begin, rise=rise):
            return AmbientRamp(low, high, begin=begin, rise=rise)
        case DayEntry(coolest_degc=low, warmest_degc=high, day_s=day_s):
            return AmbientDay(low, high, day_s)


def _sun(entry: SunEntry, plant: Plant) -> Sun:
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


def scenario_names() -> tuple[str, ...]:
    """Return the names of the bundled scenarios."""
    return tuple(_bundled())


def load_scenario(name_or_path: str) -> LoadedScenario:
    """Return a scenario by its bundled name, or from a YAML file.

    Raises
    ------
    ConfigError
        If there is no such scenario, or the file is none; names file, field, value and expectation.
    """
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        content = convert_yaml(load_yaml(path), ScenarioFile, origin=str(path))
        return LoadedScenario(path.stem, str(path), content)
    bundled = _bundled()
    if name_or_path not in bundled:
        raise ConfigError(
            f"scenario {name_or_path!r} is unknown, expected one of {', '.join(bundled)} or the "
            "path of a .yaml file"
        )
    return LoadedScenario(name_or_path, str(_BUNDLED), bundled[name_or_path])


def _bundled() -> dict[str, ScenarioFile]:
    return convert_yaml(load_yaml(_BUNDLED), dict[str, ScenarioFile], origin=str(_BUNDLED))
