"""Puts a cpufreq policy's settings back as they were."""

from collections.abc import Callable, Iterable
from pathlib import Path

from adaptive.board.attribute import Attribute, AttributeGone, int_or_none, read_or_none
from adaptive.board.cooling import is_throttled
from adaptive.board.policies import FoundPolicy
from adaptive.board.roots import Roots
from adaptive.board.snapshot import PolicySettings
from adaptive.errors import PlatformError

Write = Callable[[Path, str], None]


def write_attribute(path: Path, text: str) -> None:
    """Write a sysfs file; raises as `Attribute.write`."""
    Attribute(path).write(text)


def read_settings(policy: FoundPolicy, roots: Roots) -> PolicySettings:
    """Return a policy's settings, as they are to be put back.

    Raises
    ------
    PlatformError
        If one cannot be read.

    Notes
    -----
    `scaling_max_freq` reads as the lowest of all requests, the kernel's thermal one included. Put
    back blindly it would ratchet the clock down for ever; so while the kernel throttles, the
    hardware's own maximum is taken for what the user wants.
    """
    path = policy.path
    governor, least, most = (
        Attribute(path / name).read()
        for name in ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
    )
    fastest = int_or_none(path / "cpuinfo_max_freq") or int(most)
    throttled = is_throttled(roots, policy.cpus)
    return PolicySettings(
        path=str(path),
        governor=governor,
        min_khz=int(least),
        max_khz=fastest if throttled else int(most),
        set_khz=int_or_none(path / "scaling_setspeed") if governor == "userspace" else None,
    )


def put_back(settings: PolicySettings, *, write: Write = write_attribute) -> None:
    """Write a policy's settings; raises PlatformError if one does not take.

    A limit is moved away from the other one first, so that the lower never passes the upper.
    """
    path = Path(settings.path)
    least = ("scaling_min_freq", settings.min_khz)
    most = ("scaling_max_freq", settings.max_khz)
    lowering = settings.max_khz < (int_or_none(path / "scaling_min_freq") or 0)
    for name, khz in (least, most) if lowering else (most, least):
        if int_or_none(path / name) != khz:
            write(path / name, str(khz))
    if read_or_none(path / "scaling_governor") != settings.governor:
        write(path / "scaling_governor", settings.governor)
    if settings.set_khz is not None:
        write(path / "scaling_setspeed", str(settings.set_khz))
    found = Attribute(path / "scaling_governor").read()
    if found != settings.governor:
        raise PlatformError(f"{path}: scaling_governor is {found}, expected {settings.governor}")


def make_safe(settings: PolicySettings, *, write: Write = write_attribute) -> None:
    """Hold a policy at its lowest frequency, under its original kernel governor."""
    path = Path(settings.path)
    slowest = int_or_none(path / "cpuinfo_min_freq") or settings.min_khz
    write(path / "scaling_min_freq", str(slowest))
    write(path / "scaling_max_freq", str(slowest))
    if read_or_none(path / "scaling_governor") != settings.governor:
        write(path / "scaling_governor", settings.governor)


def put_all_back(
    policies: Iterable[PolicySettings], *, write: Write = write_attribute
) -> tuple[PolicySettings, ...]:
    """Put every policy back; return those that refused, which are to be tried again.

    A policy that is unplugged has lost its settings with its folder: it comes back as new.
    """
    left = []
    for settings in policies:
        try:
            put_back(settings, write=write)
        except AttributeGone:
            continue
        except PlatformError:
            left.append(settings)
    return tuple(left)
