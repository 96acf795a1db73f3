"""Power meters: hwmon monitors (INA2xx, INA3221) and powercap energy counters."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adaptive.board.attribute import Attribute, AttributeRefused, int_or_none, read_or_none
from adaptive.board.roots import Roots
from adaptive.board.zones import zone_name

_MICRO = 1e-6
_MILLI = 1e-3


class Meter(Protocol):
    """Something that tells a power."""

    def power_w(self) -> float:
        """Read the power [W]; raises PlatformError as `Attribute.read`."""
        ...


@dataclass(frozen=True, slots=True)
class FoundMeter:
    """A power meter the kernel shows.

    Attributes
    ----------
    name
        Its name, e.g. `ina231.power1`, `intel-rapl-0.package-0`.
    kind
        `power` (one file in uW), `volts x amperes` (mV and mA) or `energy` (a counter in uJ).
    path
        The file; the one in volts where it takes two.
    """

    name: str
    kind: str
    path: Path

    def open(self, now_s: Callable[[], float]) -> Meter:
        """Return the meter itself; an energy counter measures between reads on this clock [s]."""
        if self.kind == "power":
            return _Watts(Attribute(self.path))
        if self.kind == "energy":
            return _Joules(self.path, now_s)
        amperes = self.path.with_name(self.path.name.replace("in", "curr", 1))
        return _VoltAmperes(Attribute(self.path), Attribute(amperes))


def find_meters(roots: Roots) -> tuple[FoundMeter, ...]:
    """Return the power meters, hwmon first."""
    found = []
    for folder in sorted(roots.hwmon.glob("hwmon*")):
        name = zone_name(read_or_none(folder / "name") or "")
        powers = sorted(folder.glob("power*_input"))
        found += [FoundMeter(f"{name}.{_channel(p)}", "power", p) for p in powers]
        if powers or not name.startswith("ina"):
            continue
        for volts in sorted(folder.glob("in*_input")):
            if volts.with_name(volts.name.replace("in", "curr", 1)).exists():
                found.append(FoundMeter(f"{name}.{_channel(volts)}", "volts x amperes", volts))
    for folder in sorted(roots.powercap.glob("*:*")):
        if (folder / "energy_uj").exists():
            name = zone_name(f"{folder.name}.{read_or_none(folder / 'name') or 'zone'}")
            found.append(FoundMeter(name, "energy", folder / "energy_uj"))
    return tuple(found)


def _channel(path: Path) -> str:
    label = read_or_none(path.with_name(path.name.replace("_input", "_label")))
    return zone_name(label or path.name.removesuffix("_input"))


@dataclass(frozen=True, slots=True)
class _Watts:
    """One file in microwatts."""

    power: Attribute

    def power_w(self) -> float:
        return self.power.read_int() * _MICRO


@dataclass(frozen=True, slots=True)
class _VoltAmperes:
    """Two files, in millivolts and milliamperes."""

    volts: Attribute
    amperes: Attribute

    def power_w(self) -> float:
        return self.volts.read_int() * _MILLI * self.amperes.read_int() * _MILLI


class _Joules:
    """A counter in microjoules that starts again from 0."""

    def __init__(self, path: Path, now_s: Callable[[], float]) -> None:
        self._energy = Attribute(path)
        self._range_uj = int_or_none(path.with_name("max_energy_range_uj")) or 0
        self._now_s = now_s
        self._before: tuple[float, int] | None = None

    def power_w(self) -> float:
        now_s, energy_uj = self._now_s(), self._energy.read_int()
        before, self._before = self._before, (now_s, energy_uj)
        if before is None or now_s <= before[0]:
            raise AttributeRefused(f"{self._energy.path}: a first reading tells no power yet")
        used_uj = energy_uj - before[1]
        if used_uj < 0:
            used_uj += self._range_uj
        return used_uj * _MICRO / (now_s - before[0])
