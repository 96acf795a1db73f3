"""Faults a board may meet: counted each time, announced once for each change of state."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can go wrong while governing; the value is the word in logs and metrics."""

    ZONE_GONE = "zone-gone"
    ZONE_DENIED = "zone-denied"
    ZONE_ERROR = "zone-error"
    ZONE_GARBAGE = "zone-garbage"
    ZONE_SENTINEL = "zone-sentinel"
    ZONE_ABSURD = "zone-absurd"
    ZONE_SPIKE = "zone-spike"
    ZONE_STUCK = "zone-stuck"
    ZONE_LATE = "zone-late"
    ZONE_HUNG = "zone-hung"
    ZONE_MOVED = "zone-moved"
    ZONES_DISAGREE = "zones-disagree"
    SAFE = "safe"
    WRITE_DENIED = "write-denied"
    WRITE_REFUSED = "write-refused"
    WRITE_IGNORED = "write-ignored"
    KERNEL_CAP = "kernel-cap"
    FIRMWARE_CAP = "firmware-cap"
    UNDERVOLTAGE = "undervoltage"
    RIVAL = "rival"
    NO_USERSPACE = "no-userspace-governor"
    POLICY_OFFLINE = "policy-offline"
    RESUMED = "resumed"
    NO_DISK = "no-disk"
    RELOAD_REFUSED = "reload-refused"
    LEASE_EXPIRED = "lease-expired"
    APPLICATION_IGNORES = "application-ignores"
    SOCKET_FLOOD = "socket-flood"
    PEER_DENIED = "peer-denied"
    MESSAGE_REFUSED = "message-refused"
    POINT_SKIPPED = "point-skipped"
    METER_LOST = "meter-lost"
    OVERRUN = "overrun"
    CRITICAL = "critical"
    GOVERNOR_FAILED = "governor-failed"


@dataclass(frozen=True, slots=True)
class Change:
    """A fault that began or ended.

    Attributes
    ----------
    fault
        Which one.
    subject
        What it befell: a zone, a policy, a peer; empty where there is only one.
    detail
        What was seen, in a few words.
    active
        Whether it began; else it ended.
    """

    fault: Fault
    subject: str
    detail: str
    active: bool


class FaultLog:
    """Faults that are active now, and how often each was met.

    Parameters
    ----------
    announce
        Called once for each change of state, never once for each occurrence.

    Notes
    -----
    Limits: at most 64 subjects of a fault are told apart; the rest share one name, so that
    strangers cannot fill memory.
    """

    _MOST_SUBJECTS = 64

    def __init__(self, announce: Callable[[Change], None] = lambda _change: None) -> None:
        self._announce = announce
        self._active: dict[tuple[Fault, str], str] = {}
        self._counts: dict[tuple[Fault, str], int] = {}

    def met(self, fault: Fault, subject: str = "", *, detail: str = "") -> None:
        """Count an occurrence, and announce it if the fault was not active."""
        key = self._key(fault, subject)
        self._counts[key] = self._counts.get(key, 0) + 1
        if key not in self._active:
            self._announce(Change(*key, detail, active=True))
        self._active[key] = detail

    def once(self, fault: Fault, subject: str = "", *, detail: str = "") -> None:
        """Count and announce something that has no duration, at most once for each detail."""
        key = self._key(fault, subject)
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._active.get(key) != detail:
            self._announce(Change(*key, detail, active=True))
            self._active[key] = detail

    def over(self, fault: Fault, subject: str = "", *, detail: str = "") -> None:
        """Announce that a fault has ended; nothing if it was not active."""
        key = (fault, subject)
        if key in self._active:
            del self._active[key]
            self._announce(Change(*key, detail, active=False))

    def is_active(self, fault: Fault, subject: str = "") -> bool:
        """Return whether a fault is active now."""
        return (fault, subject) in self._active

    @property
    def active(self) -> tuple[tuple[Fault, str, str], ...]:
        """Every active fault with its subject and detail."""
        # A list of the items is made in one step: other threads may look while we write.
        active = list(self._active.items())
        return tuple((fault, subject, text) for (fault, subject), text in active)

    @property
    def counts(self) -> dict[tuple[Fault, str], int]:
        """How often each fault was met, by fault and subject."""
        return dict(self._counts)

    def count(self, fault: Fault) -> int:
        """How often a fault was met, whatever its subject."""
        return sum(n for (kind, _), n in self._counts.items() if kind is fault)

    def _key(self, fault: Fault, subject: str) -> tuple[Fault, str]:
        key = (fault, subject)
        if key in self._counts:
            return key
        known = sum(1 for kind, _ in self._counts if kind is fault)
        return key if known < self._MOST_SUBJECTS else (fault, "others")
