"""Where the kernel shows itself: below `/`, or below a folder that stands for it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders every path of this package starts from.

    Attributes
    ----------
    root
        What stands for `/`.
    """

    root: Path = Path("/")

    @property
    def thermal(self) -> Path:
        """Thermal zones and cooling devices."""
        return self.root / "sys/class/thermal"

    @property
    def hwmon(self) -> Path:
        """Hardware monitors."""
        return self.root / "sys/class/hwmon"

    @property
    def powercap(self) -> Path:
        """Energy counters."""
        return self.root / "sys/class/powercap"

    @property
    def cpu(self) -> Path:
        """Processors and their cpufreq policies."""
        return self.root / "sys/devices/system/cpu"

    @property
    def firmware(self) -> Path:
        """Devices among which the Raspberry Pi's firmware is."""
        return self.root / "sys/devices/platform"

    @property
    def proc(self) -> Path:
        """Processes, and what the kernel knows of the machine."""
        return self.root / "proc"
