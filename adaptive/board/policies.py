"""Cpufreq policies: which processors share a clock, and at which frequencies it runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adaptive.board.attribute import int_or_none, read_or_none
from adaptive.board.roots import Roots

KHZ = 1000.0  # hertz a kilohertz

# Part numbers of Arm's MIDR_EL1, as the Linux kernel's arch/arm64/include/asm/cputype.h has them.
_PARTS = {
    0xC07: "cortex-a7", 0xC09: "cortex-a9", 0xC0F: "cortex-a15", 0xC0E: "cortex-a17",
    0xD03: "cortex-a53", 0xD04: "cortex-a35", 0xD05: "cortex-a55", 0xD07: "cortex-a57",
    0xD08: "cortex-a72", 0xD09: "cortex-a73", 0xD0A: "cortex-a75", 0xD0B: "cortex-a76",
    0xD41: "cortex-a78", 0xD46: "cortex-a510", 0xD47: "cortex-a710",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FoundPolicy:
    """A cpufreq policy as the kernel shows it.

    Attributes
    ----------
    name
        `policy0`, `policy4`, ...
    path
        Its folder.
    cpus
        Processors that share the clock, those that are offline included.
    core
        What they are, e.g. `cortex-a72`; empty where it cannot be told.
    frequencies_hz
        Frequencies on offer, rising; only the slowest and the fastest where there is no list [Hz].
    listed
        Whether the kernel gives that list.
    governors
        Kernel governors on offer.
    driver
        The cpufreq driver.
    """

    name: str
    path: Path
    cpus: tuple[int, ...]
    core: str
    frequencies_hz: tuple[float, ...]
    listed: bool
    governors: tuple[str, ...]
    driver: str


def find_policies(roots: Roots) -> tuple[FoundPolicy, ...]:
    """Return the policies that are online, in the order of their first processor."""
    cores = _cores(roots)
    found = (_policy(path, cores) for path in (roots.cpu / "cpufreq").glob("policy*"))
    return tuple(sorted((p for p in found if p is not None), key=lambda policy: policy.cpus))


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the processors of a list such as `0-3,6` or `0 1 2 3`."""
    cpus: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        cpus.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(cpus))


def read_frequencies_hz(path: Path) -> tuple[tuple[float, ...], bool]:
    """Return a policy's frequencies, rising, and whether the kernel lists them [Hz]."""
    khz: set[int] = set()
    for name in ("scaling_available_frequencies", "scaling_boost_frequencies"):
        khz.update(int(word) for word in re.findall(r"\d+", read_or_none(path / name) or ""))
    listed = bool(khz)
    if not listed:
        ends = (int_or_none(path / f"cpuinfo_{end}_freq") for end in ("min", "max"))
        khz.update(end for end in ends if end is not None)
    return tuple(value * KHZ for value in sorted(khz) if value > 0), listed


def _policy(path: Path, cores: dict[int, str]) -> FoundPolicy | None:
    cpus = parse_cpus(read_or_none(path / "related_cpus") or "")
    frequencies_hz, listed = read_frequencies_hz(path)
    if not cpus or not frequencies_hz:
        return None
    kinds = {cores.get(cpu, "") for cpu in cpus}
    return FoundPolicy(
        name=path.name,
        path=path,
        cpus=cpus,
        core=kinds.pop() if len(kinds) == 1 else "",
        frequencies_hz=frequencies_hz,
        listed=listed,
        governors=tuple((read_or_none(path / "scaling_available_governors") or "").split()),
        driver=read_or_none(path / "scaling_driver") or "",
    )


def _cores(roots: Roots) -> dict[int, str]:
    """Return what each processor is, from the device tree or /proc/cpuinfo."""
    return dict(_from_cpuinfo(roots)) | dict(_from_device_tree(roots))


def _from_device_tree(roots: Roots) -> Iterator[tuple[int, str]]:
    for folder in roots.cpu.glob("cpu[0-9]*"):
        text = read_or_none(folder / "of_node/compatible")
        if text:
            name = text.split("\0")[0].split(",")[-1]
            yield int(folder.name.removeprefix("cpu")), name


def _from_cpuinfo(roots: Roots) -> Iterator[tuple[int, str]]:
    text = read_or_none(roots.proc / "cpuinfo") or ""
    for block in text.split("\n\n"):
        cpu = re.search(r"^processor\s*:\s*(\d+)", block, re.MULTILINE)
        part = re.search(r"^CPU part\s*:\s*(0x[0-9a-fA-F]+)", block, re.MULTILINE)
        if cpu and part and int(part[1], 16) in _PARTS:
            yield int(cpu[1]), _PARTS[int(part[1], 16)]
