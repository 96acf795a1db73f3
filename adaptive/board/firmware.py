"""What the Raspberry Pi's firmware does behind the kernel's back: throttle flags."""

from dataclasses import dataclass
from pathlib import Path

from adaptive.board.attribute import read_or_none
from adaptive.board.roots import Roots

# Bits of get_throttled: raspberrypi/documentation, computers/os/using-vcgencmd.adoc.
_UNDERVOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 3


@dataclass(frozen=True, slots=True)
class FirmwareFlags:
    """What the firmware does now; the bits that say what it once did are left to others."""

    bits: int

    @property
    def undervoltage(self) -> bool:
        """Whether the supply is too weak: not a matter of heat."""
        return bool(self.bits & _UNDERVOLTAGE)

    @property
    def caps_clock(self) -> bool:
        """Whether it holds the clock below what the kernel believes."""
        return bool(self.bits & (_CAPPED | _THROTTLED | _SOFT_LIMIT))


def parse_flags(text: str) -> FirmwareFlags:
    """Return the flags of `get_throttled`, hexadecimal with or without `0x`; else ValueError."""
    return FirmwareFlags(int(text.strip(), 16))


def find_flags(roots: Roots) -> Path | None:
    """Return the file with the flags, or None where this is no Raspberry Pi that shows them."""
    for pattern in ("soc/soc:firmware/get_throttled", "soc*/*firmware*/get_throttled"):
        for path in roots.firmware.glob(pattern):
            if read_or_none(path) is not None:
                return path
    return None
