"""One page of memory in which applications read the current plan without asking anybody.

Plan and heat each have two slots with a CRC and an index that says which is current. The writer
fills the other slot, then turns the index; so a reader that is overtaken twice within one read
sees a wrong CRC, tries again, and keeps its last good plan. `c/adaptived.h` describes the same
bytes in C; all numbers are little-endian.
"""

import math
import mmap
import os
import struct
import zlib
from functools import lru_cache
from pathlib import Path

from adaptive.link.plan import Heat, Plan
from adaptive.measured import OnwardEntry
from adaptive.precision import Bits

SIZE = 8192
MAGIC = b"ADAPTPG2"
VERSION = 2
LARGEST_PLAN = 1024
"""Layers that a page has room for."""

_HEADER = struct.Struct("<8sII")  # magic, version, size
_INDEX = struct.Struct("<I")
_PLAN_INDEX, _HEAT_INDEX = 16, 20
_HEAT_SLOTS = (64, 128)
_PLAN_SLOTS = (256, 4096)
_CRC = struct.Struct("<I")
_HEAT = struct.Struct("<I4dI")  # pad, time, hottest, cap, headroom, safe
_PLAN = struct.Struct("<IdddddQII96s32s32sddd32s")
# sequence, time, duty, frequency, width, latency, cpus, layers, whether it goes on, point, level,
# head; threshold, share, width and head of what it goes on to
_SEQUENCE_AT = _CRC.size
_TRIES = 4


class PageWriter:
    """Creates the page, and publishes plans and heat in it.

    Parameters
    ----------
    path
        The file; in a folder that lives in memory.
    mode
        Who may read it.

    Raises
    ------
    OSError
        If it cannot be made.
    """

    def __init__(self, path: Path, *, mode: int = 0o644) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # A new file each time: readers of an earlier daemon keep theirs, and see that it is stale.
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.fchmod(descriptor, mode)
            os.ftruncate(descriptor, SIZE)
            self._page = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
        self._turn = {_PLAN_INDEX: 0, _HEAT_INDEX: 0}
        self.write_heat(Heat(0.0, math.nan, math.nan, 0.0, safe=True))
        _HEADER.pack_into(self._page, 0, MAGIC, VERSION, SIZE)

    def write_plan(self, plan: Plan, time_s: float) -> None:
        """Publish a plan; ValueError if it has too many layers."""
        if len(plan.bits) > LARGEST_PLAN:
            raise ValueError(f"plan has {len(plan.bits)} layers, expected at most {LARGEST_PLAN}")
        mask = sum(1 << cpu for cpu in plan.cpus if cpu < 64)
        names = (_cut(plan.point, 96), _cut(plan.level, 32), _cut(plan.head, 32))
        then, onward, bits = plan.onward, (0.0, 0.0, 0.0, b""), bytes(plan.bits)
        if then is not None:
            onward = (then.threshold, then.share, then.width, _cut(then.head, 32))
            bits += bytes(then.bits)
        body = _PLAN.pack(
            plan.sequence, time_s, plan.duty, plan.frequency_hz, plan.width, plan.latency_s,
            mask, len(plan.bits), then is not None, *names, *onward,
        )  # fmt: skip
        self._publish(_PLAN_INDEX, _PLAN_SLOTS, body + bits)

    def write_heat(self, heat: Heat) -> None:
        """Publish how hot the board is."""
        body = _HEAT.pack(
            0, heat.time_s, heat.hottest_degc, heat.cap_degc, heat.headroom, heat.safe
        )
        self._publish(_HEAT_INDEX, _HEAT_SLOTS, body)

    def close(self) -> None:
        """Unmap the page and remove its file."""
        self._page.close()
        self.path.unlink(missing_ok=True)

    def _publish(self, index: int, slots: tuple[int, int], body: bytes) -> None:
        turn = 1 - self._turn[index]
        start = slots[turn]
        self._page[start : start + _CRC.size + len(body)] = _CRC.pack(zlib.crc32(body)) + body
        _INDEX.pack_into(self._page, index, turn)
        self._turn[index] = turn


class PageReader:
    """Reads a page; each read costs microseconds and no system call.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is no such page.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if size < SIZE:
                raise ValueError(f"{path}: is no page of version {VERSION}, has {size} bytes")
            self._page = mmap.mmap(descriptor, SIZE, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        magic, version, size = _HEADER.unpack_from(self._page, 0)
        if (magic, version, size) != (MAGIC, VERSION, SIZE):
            self._page.close()
            raise ValueError(f"{path}: is no page of version {VERSION}, found {magic!r} {version}")
        self._plan: Plan | None = None
        self._heat: Heat | None = None
        self.torn = 0

    def plan(self) -> Plan | None:
        """Return the current plan, the last good one while it is torn, None before there is any."""
        page = self._page
        slot = _PLAN_SLOTS[page[_PLAN_INDEX] & 1]
        known = self._plan
        if known is not None and _INDEX.unpack_from(page, slot + _SEQUENCE_AT)[0] == known.sequence:
            return known
        for _ in range(_TRIES):
            plan = self._decode(_PLAN_SLOTS[page[_PLAN_INDEX] & 1])
            if plan is not None:
                self._plan = plan
                return plan
            self.torn += 1
        return known

    def heat(self) -> Heat | None:
        """Return how hot the board is; as `plan` while torn."""
        for _ in range(_TRIES):
            start = _HEAT_SLOTS[self._page[_HEAT_INDEX] & 1]
            content = self._page[start : start + _CRC.size + _HEAT.size]
            body = content[_CRC.size :]
            if _CRC.unpack_from(content)[0] == zlib.crc32(body):
                _, time_s, hottest, cap, share, safe = _HEAT.unpack(body)
                self._heat = Heat(time_s, hottest, cap, share, safe=bool(safe))
                return self._heat
            self.torn += 1
        return self._heat

    def forget(self) -> None:
        """Decode the plan again at the next read."""
        self._plan = None

    def close(self) -> None:
        """Unmap the page."""
        self._page.close()

    def _decode(self, start: int) -> Plan | None:
        head = self._page[start : start + _CRC.size + _PLAN.size]
        (
            sequence, _, duty, frequency_hz, width, latency_s, mask, layers, goes_on, point, level,
            name, threshold, share, then_width, then_head,
        ) = _PLAN.unpack_from(head, _CRC.size)  # fmt: skip
        if layers > LARGEST_PLAN:
            return None
        end = start + _CRC.size + _PLAN.size
        bits = self._page[end : end + (2 if goes_on else 1) * layers]
        body = head[_CRC.size :] + bits
        if not sequence or _CRC.unpack_from(head)[0] != zlib.crc32(body):
            return None
        onward = None
        if goes_on:
            then = tuple(Bits(width) for width in bits[layers:])
            onward = OnwardEntry(then, then_width, _text(then_head), threshold, share)
        return Plan(
            sequence=sequence,
            point=_text(point),
            level=_text(level),
            head=_text(name),
            bits=tuple(bits[:layers]),
            width=width,
            cpus=_cpus(mask),
            frequency_hz=frequency_hz,
            duty=duty,
            latency_s=latency_s,
            onward=onward,
        )


def _cut(text: str, size: int) -> bytes:
    """Encode a name, cut so that a C string's end still fits."""
    return text.encode()[: size - 1].decode(errors="ignore").encode()


# A board has a few points: what was decoded once is not decoded again when the plan comes back.
@lru_cache(maxsize=64)
def _cpus(mask: int) -> tuple[int, ...]:
    return tuple(cpu for cpu in range(64) if mask >> cpu & 1)


@lru_cache(maxsize=256)
def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode(errors="replace")
