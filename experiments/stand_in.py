"""A plain folder that stands in for a board's /sys and /proc, and behaves as its kernel would.

For rehearsals: the daemon is pointed at it with `--root`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from adaptive.board.roots import Roots

KHZ = (500_000, 1_000_000, 1_500_000, 2_000_000)  # the two-node board's OPPs


def write(path: Path, text: str | int) -> None:
    """Write a file as the kernel shows one, in place: descriptors that are open stay good."""
    content = f"{text}\n".encode("ascii")
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        # Cutting a file to nothing first makes some file systems wait for the disk.
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


@dataclass
class FakeBoard:
    """The sysfs of a board.

    `settle` does what a kernel does by itself after a write: the userspace governor follows
    `scaling_setspeed` within the limits, and so on.

    Attributes
    ----------
    root
        Where it is made.
    zones
        Temperature of each zone at first [degC].
    policies
        Processors of each policy.
    governors, frequencies_khz
        What every policy offers, in the kernel's words.
    meter_w
        What the meter reads at first, None without one [W].
    fan, flags, parts
        Whether there is a fan; the firmware's flags; the part number of each processor.
    first_zone
        The number that the kernel gives the first zone.
    """

    root: Path
    zones: Mapping[str, float] = field(default_factory=lambda: {"cpu-thermal": 45.0})
    policies: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: {"policy0": (0, 1, 2, 3)}
    )
    governors: str = "userspace schedutil performance"
    frequencies_khz: tuple[int, ...] = KHZ
    meter_w: float | None = None
    fan: bool = False
    flags: str | None = None
    parts: Mapping[int, str] = field(default_factory=dict)
    first_zone: int = 0

    @classmethod
    def at(cls, root: Path) -> Self:
        """Return the board that a folder stands in for already."""
        board = cls.__new__(cls)
        board.root = root
        return board

    def __post_init__(self) -> None:
        write(self.root / "proc/sys/kernel/random/boot_id", "boot-1")
        write(self.root / "proc/sys/kernel/osrelease", "6.12.0-test")
        for number, (name, temp) in enumerate(self.zones.items()):
            self.make_zone(number, name, temp)
        for name, cpus in self.policies.items():
            self.make_policy(name, cpus)
        self.make_cooling(0, "cpufreq-cpu0", most=len(self.frequencies_khz) - 1)
        if self.fan:
            self.make_cooling(1, "pwm-fan", most=4)
        if self.meter_w is not None:
            write(self.meter.with_name("name"), "ina231")
            self.set_power(self.meter_w)
        if self.flags is not None:
            write(self.flags_path, self.flags)
        if self.parts:
            blocks = [f"processor\t: {cpu}\nCPU part\t: {part}" for cpu, part in self.parts.items()]
            write(self.root / "proc/cpuinfo", "\n\n".join(blocks))

    @property
    def roots(self) -> Roots:
        """Where this board's kernel shows itself."""
        return Roots(self.root)

    # Kept, for a day's worth of throw-away paths wears out the interpreter's table of names.
    @cached_property
    def thermal(self) -> Path:
        """The folder of its zones and cooling devices."""
        return self.root / "sys/class/thermal"

    @cached_property
    def cpufreq(self) -> Path:
        """The folder of its policies."""
        return self.root / "sys/devices/system/cpu/cpufreq"

    @cached_property
    def meter(self) -> Path:
        """Its power meter."""
        return self.root / "sys/class/hwmon/hwmon0/power1_input"

    @cached_property
    def flags_path(self) -> Path:
        """Its firmware's throttle flags."""
        return self.root / "sys/devices/platform/soc/soc:firmware/get_throttled"

    def zone(self, number: int | None = None) -> Path:
        """Return the file of a zone, of the first one wherever the kernel has put it."""
        number = self.first_zone if number is None else number
        return self.thermal / f"thermal_zone{number}/temp"

    def policy(self, name: str = "policy0") -> Path:
        """Return the folder of a policy."""
        return self.cpufreq / name

    def make_zone(self, number: int, name: str, temp_degc: float) -> None:
        """Add a zone with a passive and a critical trip."""
        folder = self.thermal / f"thermal_zone{number}"
        write(folder / "type", name)
        write(folder / "temp", round(1000 * temp_degc))
        for index, (kind, trip) in enumerate((("passive", 85_000), ("critical", 110_000))):
            write(folder / f"trip_point_{index}_type", kind)
            write(folder / f"trip_point_{index}_temp", trip)

    def make_policy(self, name: str, cpus: tuple[int, ...]) -> None:
        """Add a cpufreq policy, as it is after boot."""
        slowest, fastest = self.frequencies_khz[0], self.frequencies_khz[-1]
        words = " ".join(map(str, cpus))
        files: dict[str, str | int] = {
            "related_cpus": words,
            "affected_cpus": words,
            "scaling_driver": "cpufreq-dt",
            "scaling_available_frequencies": " ".join(map(str, reversed(self.frequencies_khz))),
            "scaling_available_governors": self.governors,
            "scaling_governor": "schedutil",
            "scaling_setspeed": "<unsupported>",
            "scaling_min_freq": slowest,
            "scaling_max_freq": fastest,
            "cpuinfo_min_freq": slowest,
            "cpuinfo_max_freq": fastest,
            "scaling_cur_freq": slowest,
        }
        for file, text in files.items():
            write(self.policy(name) / file, text)

    def make_cooling(self, number: int, kind: str, *, most: int) -> None:
        """Add a cooling device that does nothing yet."""
        folder = self.thermal / f"cooling_device{number}"
        write(folder / "type", kind)
        write(folder / "max_state", most)
        write(folder / "cur_state", 0)

    def set_temp(self, temp_degc: float, number: int | None = None) -> None:
        """Let a zone read a temperature [degC]."""
        write(self.zone(number), round(1000 * temp_degc))

    def set_power(self, power_w: float) -> None:
        """Let the meter read a power [W]."""
        write(self.meter, round(1e6 * power_w))

    def read(self, file: str, policy: str = "policy0") -> str:
        """Return what a policy's file says."""
        return (self.policy(policy) / file).read_text(encoding="ascii").strip()

    def rewrite(self, policy: str = "policy0", **files: str | int) -> None:
        """Do to a policy what somebody else does."""
        for file, text in files.items():
            write(self.policy(policy) / file, text)

    def settings(self) -> dict[str, tuple[str, str, str]]:
        """Return what is to be as it was found: governor and limits of each policy."""
        names = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
        return {
            path.name: (self.read(names[0], path.name), self.read(names[1], path.name),
                        self.read(names[2], path.name))
            for path in sorted(self.cpufreq.iterdir())
        }  # fmt: skip

    def settle(self) -> None:
        """Let the kernel's governor react to what was written."""
        for path in self.cpufreq.iterdir():
            name = path.name
            most, least = (
                int(self.read("scaling_max_freq", name)),
                int(self.read("scaling_min_freq", name)),
            )
            governor = self.read("scaling_governor", name)
            wanted = self.read("scaling_setspeed", name)
            if governor == "userspace" and wanted.isdigit():
                speed = max(min(int(wanted), most), least)
                if speed != int(wanted):
                    self.rewrite(name, scaling_setspeed=speed)
            else:
                speed = most
            self.rewrite(name, scaling_cur_freq=speed)

    def running_hz(self, policy: str = "policy0") -> float:
        """Frequency the cores run at now."""
        self.settle()
        return 1e3 * int(self.read("scaling_cur_freq", policy))
