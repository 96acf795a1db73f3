"""Scenarios as YAML: a stream, an ambient, a fan, sun, and how far the board is from its file."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np

from adaptive.errors import ConfigError
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.precision import Bits
from adaptive.strict_yaml import convert_yaml, load_yaml
from experiments.camera import load_trace
from experiments.scenario_entries import (
    AmbientEntry,
    ScenarioFile,
    SteadyEntry,
    StreamEntry,
    TraceEntry,
    make_ambient,
    make_stream,
    make_sun,
)
from experiments.scenarios import sustained_hz
from experiments.surroundings import Ambient
from experiments.workloads import Demand, Workload

_MOST_PERIODS = {"length_s": 10_000_000, "deadline_s": 1_000}
_BUNDLED = Path(__file__).parent / "scenarios.yaml"


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
        for name, value in (("length_s", file.length_s), ("deadline_s", file.deadline_s)):
            if value > _MOST_PERIODS[name] * file.period_s:
                raise ConfigError(
                    f"{self.origin}: scenario {self.name}: {name} is {value:g}, expected at most "
                    f"{_MOST_PERIODS[name]:,} periods of {file.period_s:g} s"
                )
        try:
            ambient = make_ambient(file.ambient)
            return Workload(
                name=self.name,
                length_s=file.length_s,
                demand=self._demand(plant, points, ambient, cap_degc, seed),
                ambient=ambient,
                fan=file.fan,
                sun=make_sun(file.sun, plant),
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
        return make_stream(entry, mean_hz, seed)


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
        return LoadedScenario(path.stem, str(path), _read(path))
    bundled = _bundled()
    if name_or_path not in bundled:
        raise ConfigError(
            f"scenario {name_or_path!r} is unknown, expected one of {', '.join(bundled)} or the "
            "path of a .yaml file"
        )
    return LoadedScenario(name_or_path, str(_BUNDLED), bundled[name_or_path])


def _read(path: Path) -> ScenarioFile:
    try:
        return convert_yaml(load_yaml(path), ScenarioFile, origin=str(path))
    except ConfigError as error:
        for field, entries in (
            ("demand", get_args(StreamEntry)),
            ("ambient", get_args(AmbientEntry)),
        ):
            if f"{field}.kind is " in str(error):
                kinds = ", ".join(str(entry.__struct_config__.tag) for entry in entries)
                raise ConfigError(f"{error}, expected one of {kinds}") from error
        raise


def _bundled() -> dict[str, ScenarioFile]:
    return convert_yaml(load_yaml(_BUNDLED), dict[str, ScenarioFile], origin=str(_BUNDLED))
