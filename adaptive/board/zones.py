"""Thermal zones and hwmon temperatures, found by name: their numbers change between boots."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adaptive.board.attribute import int_or_none, read_or_none
from adaptive.board.roots import Roots

_MDEGC = 1000.0  # millidegrees a degree


@dataclass(frozen=True, slots=True)
class TripPoint:
    """Temperature at which the kernel acts on a zone.

    Attributes
    ----------
    kind
        `active`, `passive`, `hot` or `critical`.
    temp_degc
        Trip temperature [degC].
    """

    kind: str
    temp_degc: float


@dataclass(frozen=True, slots=True)
class FoundZone:
    """A temperature the kernel shows.

    Attributes
    ----------
    name
        Name of the zone as board files spell it: lower case, `-` for `_`.
    path
        The file to read.
    trips
        Its trip points, hottest last; none for a hwmon sensor.
    """

    name: str
    path: Path
    trips: tuple[TripPoint, ...] = ()


def zone_name(kernel_name: str) -> str:
    """Return a kernel name as board files spell it."""
    return re.sub(r"[^a-z0-9.]+", "-", kernel_name.strip().lower()).strip("-") or "unnamed"


def find_zones(roots: Roots) -> tuple[FoundZone, ...]:
    """Return the temperatures to be read, thermal zones first, then hwmon sensors.

    A hwmon sensor that only repeats a thermal zone (the kernel makes one of each) is left out.
    """
    zones = tuple(_thermal_zones(roots))
    names = {zone.name for zone in zones}
    return zones + tuple(z for z in _hwmon(roots) if z.name.rsplit(".", 1)[0] not in names)


def _thermal_zones(roots: Roots) -> Iterator[FoundZone]:
    for folder in _numbered(roots.thermal, "thermal_zone*"):
        kind = read_or_none(folder / "type")
        if kind is not None:
            yield FoundZone(zone_name(kind), folder / "temp", _trips(folder))


def _hwmon(roots: Roots) -> Iterator[FoundZone]:
    for folder in _numbered(roots.hwmon, "hwmon*"):
        name = read_or_none(folder / "name")
        for path in _numbered(folder, "temp*_input") if name else ():
            label = read_or_none(path.with_name(path.name.replace("_input", "_label")))
            part = zone_name(label or path.name.removesuffix("_input"))
            yield FoundZone(f"{zone_name(str(name))}.{part}", path)


def _trips(folder: Path) -> tuple[TripPoint, ...]:
    found = []
    for path in _numbered(folder, "trip_point_*_temp"):
        kind = read_or_none(path.with_name(path.name.replace("_temp", "_type")))
        temp = int_or_none(path)
        # -32768 degC is how some firmware says that a trip is switched off.
        if kind is not None and temp is not None and temp > -200_000:
            found.append(TripPoint(kind, temp / _MDEGC))
    return tuple(sorted(found, key=lambda trip: trip.temp_degc))


def _numbered(folder: Path, pattern: str) -> list[Path]:
    """Return what matches, in the order of the numbers in the names."""
    return sorted(folder.glob(pattern), key=lambda path: (_number(path.name), path.name))


def _number(name: str) -> int:
    found = re.search(r"\d+", name)
    return int(found[0]) if found else -1
