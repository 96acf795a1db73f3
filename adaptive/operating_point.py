"""Operating points: what a governor may choose, what each costs and what it gives."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import msgspec

from adaptive.errors import ConfigError
from adaptive.measured import EffortEntry, OnwardEntry
from adaptive.precision import Bits, Effort
from dvfs.opp import Opp

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One way to run the network, with what it costs and what it gives.

    Attributes
    ----------
    name
        Short unique label, e.g. ``"a15-1400MHz/all-8/100%"``.
    effort
        What the network runs: precision plan, width, head, and where it goes on when unsure.
    level
        Level of the label tree at which frames are answered.
    cores
        Name of the cluster that runs the network.
    islands
        OPP of each voltage island the point sets; the others idle at their slowest.
    duty
        Share of the time the cluster may work; the rest it idles [0..1].
    accuracy
        Share of right answers at `level`, as measured for the table [0..1].
    latency_s
        Time to answer one frame while working; in the mean where the effort escalates [s].
    power_w
        Mean power of the board at this duty, kept busy, junctions at the cap [W].
    accuracy_interval
        Ends between which the true accuracy lies, as sure as the search that found it says; None
        where nobody said [0..1].
    """

    name: str
    effort: Effort
    level: str
    cores: str
    islands: Mapping[str, Opp]
    duty: float
    accuracy: float
    latency_s: float
    power_w: float
    accuracy_interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "islands", MappingProxyType(dict(self.islands)))
        if not self.name:
            raise ValueError("an operating point needs a name")
        if self.cores not in self.islands:
            raise ValueError(
                f"{self.name}: islands set no OPP for the working cluster {self.cores}"
            )
        for label, value in (("duty", self.duty), ("accuracy", self.accuracy)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{self.name}: {label} is {value}, expected 0..1")
        for label, value in (("latency_s", self.latency_s), ("power_w", self.power_w)):
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{self.name}: {label} is {value}, expected a positive number")
        if self.accuracy_interval is not None:
            low, high = self.accuracy_interval
            if not 0.0 <= low <= self.accuracy <= high <= 1.0:
                raise ValueError(
                    f"{self.name}: accuracy_interval is {self.accuracy_interval}, "
                    f"expected to hold the accuracy {self.accuracy} within 0..1"
                )

    @property
    def frames_hz(self) -> float:
        """Frames answered per second when kept busy [Hz]."""
        return self.duty / self.latency_s

    @property
    def energy_j(self) -> float:
        """Energy of one frame when kept busy; infinite at duty 0 [J]."""
        return self.power_w / self.frames_hz if self.duty else math.inf

    @property
    def frequency_hz(self) -> float:
        """Clock of the working cluster [Hz]."""
        return self.islands[self.cores].frequency_hz


@dataclass(frozen=True, slots=True)
class OperatingPointTable:
    """Every operating point of one network on one board.

    Attributes
    ----------
    board
        Name of the board the costs hold for.
    artifact
        Name of the network.
    checksum
        SHA-256 of the artifact the accuracies were measured with.
    points
        The points; names are unique and all plans cover the same layers.
    """

    board: str
    artifact: str
    checksum: str
    points: tuple[OperatingPoint, ...]
    _by_name: Mapping[str, OperatingPoint] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("an operating point table needs at least one point")
        by_name = {point.name: point for point in self.points}
        if len(by_name) != len(self.points):
            raise ValueError("operating point names are not unique")
        if len({point.effort.plan.layers for point in self.points}) > 1:
            raise ValueError("operating points disagree about the network's layers")
        object.__setattr__(self, "_by_name", MappingProxyType(by_name))

    def __iter__(self) -> Iterator[OperatingPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, name: str) -> OperatingPoint:
        return self._by_name[name]

    @property
    def coolest(self) -> OperatingPoint:
        """The point of least power, the less accurate one on a tie."""
        return min(self.points, key=lambda point: (point.power_w, point.accuracy))


class _PointRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    bits: tuple[Bits, ...]
    width: float
    head: str
    level: str
    cores: str
    islands: dict[str, tuple[float, float]]
    duty: float
    accuracy: float
    latency_s: float
    power_w: float
    accuracy_interval: tuple[float, float] | None = None
    onward: OnwardEntry | None = None


class _PointsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: int
    board: str
    artifact: str
    checksum: str
    layers: list[str]
    points: list[_PointRow]


def save_points(table: OperatingPointTable, path: Path) -> None:
    """Write a table as JSON, whole or not at all.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(encode_points(table))
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot write the points file: {error.strerror}") from error


def encode_points(table: OperatingPointTable) -> bytes:
    """Return a table as JSON."""
    layers = table.points[0].effort.plan.layers
    rows = [_to_row(point) for point in table]
    document = _PointsFile(SCHEMA, table.board, table.artifact, table.checksum, list(layers), rows)
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def load_points(path: Path) -> OperatingPointTable:
    """Read a table written by `save_points`.

    Raises
    ------
    ConfigError
        If the file cannot be read, is of another schema, or breaks a rule; names file and field.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the points file: {error.strerror}") from error
    return decode_points(content, origin=str(path))


def decode_points(content: bytes, *, origin: str) -> OperatingPointTable:
    """Read a table from JSON; ConfigError names `origin` and the field."""
    try:
        document = msgspec.json.decode(content, type=_PointsFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin}: not a points file: {error}") from error
    if document.schema != SCHEMA:
        raise ConfigError(f"{origin}: schema is {document.schema}, expected {SCHEMA}")
    points = []
    for index, row in enumerate(document.points):
        try:
            points.append(_to_point(row, tuple(document.layers)))
        except ValueError as error:
            raise ConfigError(f"{origin}: points[{index}]: {error}") from error
    try:
        return OperatingPointTable(
            document.board, document.artifact, document.checksum, tuple(points)
        )
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}") from error


def _to_row(point: OperatingPoint) -> _PointRow:
    effort = EffortEntry.of(point.effort)
    return _PointRow(
        name=point.name,
        bits=effort.bits,
        width=effort.width,
        head=effort.head,
        level=point.level,
        cores=point.cores,
        islands={name: (o.frequency_hz, o.voltage_v) for name, o in point.islands.items()},
        duty=point.duty,
        accuracy=point.accuracy,
        latency_s=point.latency_s,
        power_w=point.power_w,
        accuracy_interval=point.accuracy_interval,
        onward=effort.onward,
    )


def _to_point(row: _PointRow, layers: tuple[str, ...]) -> OperatingPoint:
    return OperatingPoint(
        name=row.name,
        effort=EffortEntry(row.bits, row.width, row.head, row.onward).effort(layers),
        level=row.level,
        cores=row.cores,
        islands={name: Opp(*pair) for name, pair in row.islands.items()},
        duty=row.duty,
        accuracy=row.accuracy,
        latency_s=row.latency_s,
        power_w=row.power_w,
        accuracy_interval=row.accuracy_interval,
    )
