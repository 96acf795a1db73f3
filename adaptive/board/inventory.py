"""What was found on a board, and what was looked for in vain."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adaptive.board.attribute import read_or_none
from adaptive.board.cooling import FoundCooling, find_cooling
from adaptive.board.device_tree import read_opps, read_power_coefficient
from adaptive.board.firmware import find_flags
from adaptive.board.meters import FoundMeter, find_meters
from adaptive.board.policies import FoundPolicy, find_policies
from adaptive.board.roots import Roots
from adaptive.board.zones import FoundZone, find_zones, zone_name


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything a probe of a board found.

    Attributes
    ----------
    model
        What the board calls itself.
    kernel
        Release of its kernel.
    zones, policies, cooling, meters, flags
        What the kernel shows.
    voltages_v
        Voltage at each frequency of a policy, where the device tree tells; by policy [V].
    coefficients_f
        Switched capacitance of one core of a policy, where the device tree tells [F].
    """

    model: str
    kernel: str
    zones: tuple[FoundZone, ...]
    policies: tuple[FoundPolicy, ...]
    cooling: tuple[FoundCooling, ...]
    meters: tuple[FoundMeter, ...]
    flags: Path | None
    voltages_v: dict[str, dict[float, float]]
    coefficients_f: dict[str, float]

    @property
    def name(self) -> str:
        """The model as a board file's name."""
        return zone_name(self.model).replace(".", "-")[:40]

    def missing(self) -> Iterator[str]:
        """Yield what was looked for in vain, and what that means."""
        if not self.zones:
            yield "no thermal zone and no hwmon temperature: the daemon would refuse to govern"
        if not self.policies:
            yield "no cpufreq policy: clocks cannot be set, the daemon could only advise"
        for policy in self.policies:
            if not policy.listed:
                yield f"{policy.name}: no list of frequencies, only the slowest and the fastest"
            if "userspace" not in policy.governors:
                yield f"{policy.name}: no userspace governor, scaling_max_freq would be capped"
            if not policy.core:
                yield f"{policy.name}: what its cores are"
            if policy.name not in self.voltages_v:
                yield f"{policy.name}: voltages of its OPPs (not in the device tree): assumed"
            if policy.name not in self.coefficients_f:
                yield f"{policy.name}: dynamic-power-coefficient: power assumed"
        if self.zones and not any(t.kind == "critical" for z in self.zones for t in z.trips):
            yield "no critical trip point: assumed"
        if not self.meters:
            yield "no power meter: power is estimated by the board's model"
        if self.flags is None and "raspberry" in self.model.lower():
            yield "the firmware's throttle flags: its caps go unseen"


def take_inventory(roots: Roots) -> Inventory:
    """Look for everything the daemon can use; nothing is written, nothing raises."""
    policies = find_policies(roots)
    voltages, coefficients = {}, {}
    for policy in policies:
        opps = read_opps(roots, policy.cpus[0])
        if set(policy.frequencies_hz) & set(opps):
            voltages[policy.name] = opps
        coefficient = read_power_coefficient(roots, policy.cpus[0])
        if coefficient:
            coefficients[policy.name] = coefficient
    base = roots.root / "sys/firmware/devicetree/base/model"
    model = read_or_none(base) or read_or_none(
        roots.root / "sys/devices/virtual/dmi/id/product_name"
    )
    return Inventory(
        model=(model or "unnamed board").rstrip("\0 "),
        kernel=read_or_none(roots.proc / "sys/kernel/osrelease") or "unknown",
        zones=find_zones(roots),
        policies=policies,
        cooling=find_cooling(roots),
        meters=find_meters(roots),
        flags=find_flags(roots),
        voltages_v=voltages,
        coefficients_f=coefficients,
    )
