"""Cooling devices: how hard the kernel throttles, and what the fan does. Read, never written."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adaptive.board.attribute import int_or_none, read_or_none
from adaptive.board.roots import Roots


@dataclass(frozen=True, slots=True)
class FoundCooling:
    """A cooling device.

    Attributes
    ----------
    kind
        Its type, e.g. `cpufreq-cpu0`, `pwm-fan`.
    path
        Its `cur_state` file.
    most
        Its strongest cooling state.
    """

    kind: str
    path: Path
    most: int

    @property
    def is_fan(self) -> bool:
        """Whether it moves air."""
        return "fan" in self.kind.lower()

    def throttles(self, cpus: Iterable[int]) -> bool:
        """Return whether it throttles one of these processors, as far as its name tells."""
        return any(self.kind == f"cpufreq-cpu{cpu}" for cpu in cpus)


def find_cooling(roots: Roots) -> tuple[FoundCooling, ...]:
    """Return the cooling devices."""
    found = []
    for folder in sorted(roots.thermal.glob("cooling_device*")):
        kind, most = read_or_none(folder / "type"), int_or_none(folder / "max_state")
        if kind and most is not None:
            found.append(FoundCooling(kind, folder / "cur_state", most))
    return tuple(found)


def is_throttled(roots: Roots, cpus: Iterable[int]) -> bool:
    """Return whether the kernel is, or may be, holding these processors' clock down by heat.

    Older kernels name the devices by a number of their own (`thermal-cpufreq-0`): then any one
    of them that cools counts.
    """
    wanted = tuple(cpus)
    for device in find_cooling(roots):
        ours = device.throttles(wanted) or device.kind.startswith("thermal-cpufreq")
        if ours and (int_or_none(device.path) or 0) > 0:
            return True
    return False
