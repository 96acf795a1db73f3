"""Which of the kernel's zones and policies are the zones and islands of a board file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adaptive.board.cooling import FoundCooling, find_cooling
from adaptive.board.firmware import find_flags
from adaptive.board.meters import FoundMeter, find_meters
from adaptive.board.policies import FoundPolicy, find_policies
from adaptive.board.roots import Roots
from adaptive.board.zones import FoundZone, find_zones, zone_name
from adaptive.errors import PlatformError
from adaptive.plant import Plant


@dataclass(frozen=True, slots=True)
class MatchedBoard:
    """A board file's names, each with what the kernel shows for it.

    Attributes
    ----------
    zones
        Sensors of each zone, at least one.
    policies
        The cpufreq policy of each island that has one.
    meter
        What measures the board's power, if anything does.
    fan
        The fan, if there is one.
    flags
        The firmware's throttle flags, if there are any.
    """

    zones: Mapping[str, tuple[FoundZone, ...]]
    policies: Mapping[str, FoundPolicy]
    meter: FoundMeter | None
    fan: FoundCooling | None
    flags: Path | None


def match_board(
    plant: Plant,
    roots: Roots,
    *,
    zones: Mapping[str, str],
    policies: Mapping[str, str],
    meter: str | None,
) -> MatchedBoard:
    """Find everything a board file names.

    Parameters
    ----------
    plant
        The board.
    roots
        Where to look.
    zones
        Kernel name of a zone, where it differs from the board file's.
    policies
        Name of the policy of an island, where it cannot be told from its cores.
    meter
        Name of the meter that measures the whole board, None for none.

    Raises
    ------
    PlatformError
        If a zone or a named policy or meter is missing; with what is there instead.
    """
    return MatchedBoard(
        zones={
            zone.name: match_zone(roots, zones.get(zone.name, zone.name)) for zone in plant.zones
        },
        policies=_match_policies(plant, find_policies(roots), policies),
        meter=_match_meter(find_meters(roots), meter),
        fan=next((device for device in find_cooling(roots) if device.is_fan), None),
        flags=find_flags(roots),
    )


def match_zone(roots: Roots, name: str) -> tuple[FoundZone, ...]:
    """Return the sensors of a name; raises PlatformError if there are none."""
    wanted = zone_name(name)
    found = find_zones(roots)
    same = tuple(zone for zone in found if zone.name in (wanted, f"{wanted}.temp1"))
    # The kernel cuts the type of a zone after 19 characters.
    same = same or tuple(z for z in found if len(z.name) >= 19 and wanted.startswith(z.name))
    if not same:
        there = ", ".join(sorted({zone.name for zone in found})) or "none at all"
        raise PlatformError(
            f"thermal zone {name!r} is missing below {roots.thermal}, found {there}; name the "
            "right one under `zones` in the configuration, or run `adaptive probe`"
        )
    return same


def _match_policies(
    plant: Plant, found: tuple[FoundPolicy, ...], named: Mapping[str, str]
) -> dict[str, FoundPolicy]:
    by_name = {policy.name: policy for policy in found}
    matched: dict[str, FoundPolicy] = {}
    for cluster in plant.clusters:
        island = cluster.island
        if island in named:
            if named[island] not in by_name:
                raise PlatformError(
                    f"policy {named[island]!r} of island {island} is missing, found "
                    f"{', '.join(by_name) or 'none'}; is the cpufreq driver loaded?"
                )
            matched[island] = by_name[named[island]]
            continue
        fastest = plant.islands.named(island).table.fastest.frequency_hz
        alike = [p for p in found if p.core == cluster.core and len(p.cpus) == cluster.cores]
        # Two clusters of the same kind differ in how fast they run.
        alike.sort(key=lambda policy: abs(policy.frequencies_hz[-1] - fastest))
        if not alike and len(plant.clusters) == 1 and len(found) == 1:
            alike = list(found)
        if alike:
            matched[island] = alike[0]
    return matched


def _match_meter(found: tuple[FoundMeter, ...], name: str | None) -> FoundMeter | None:
    if name is None:
        return None
    for meter in found:
        if meter.name == name:
            return meter
    there = ", ".join(meter.name for meter in found) or "none"
    raise PlatformError(f"meter {name!r} is missing, found {there}; see `adaptive probe`")
