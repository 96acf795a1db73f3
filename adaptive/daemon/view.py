"""Everything there is to see of a running daemon, as plain values and as Prometheus text."""

import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from adaptive.board.linux import LinuxPlatform
from adaptive.daemon.assembly import Assembly
from adaptive.daemon.governors import Circumstances
from adaptive.daemon.lease import Leases
from adaptive.faults import FaultLog
from adaptive.link.plan import Plan
from adaptive.loop import Sample
from adaptive.safety import SafetyGuard


@dataclass(slots=True)
class Costs:
    """What control cycles cost.

    Attributes
    ----------
    cycles
        How many were completed.
    busy_s
        Processor time of the control thread in them, waiting excluded [s].
    longest_s
        The dearest of them [s].
    """

    cycles: int = 0
    busy_s: float = 0.0
    longest_s: float = 0.0

    def add(self, busy_s: float) -> None:
        """Count a cycle."""
        self.cycles += 1
        self.busy_s += busy_s
        self.longest_s = max(self.longest_s, busy_s)


class Running(Protocol):
    """What there is to look at: a service at work, from outside."""

    assembly: Assembly
    faults: FaultLog
    leases: Leases
    platform: LinuxPlatform
    costs: Costs

    @property
    def sample(self) -> Sample | None:
        """The last completed cycle."""

    @property
    def plan(self) -> Plan | None:
        """What the application is told now."""

    @property
    def guard(self) -> SafetyGuard:
        """The safety guard at work."""

    @property
    def circumstances(self) -> Circumstances:
        """What is in our hands."""

    @property
    def up_s(self) -> float:
        """How long it has run [s]."""

    @property
    def peers(self) -> int:
        """How many are connected."""


def describe(service: Running) -> dict[str, Any]:
    """Return the state of a service; only what JSON can tell, NaN as None."""
    sample, plan, platform = service.sample, service.plan, service.platform
    seen = None if sample is None else sample.observation
    point = None if sample is None else sample.point
    measured_w = None if seen is None else seen.power_w
    sensed = platform.sensed
    return {
        "board": service.assembly.plant.name,
        "artifact": service.assembly.artifact,
        "governor": service.assembly.configuration.governor,
        "mode": service.assembly.configuration.mode,
        "up_s": round(service.up_s, 1),
        "cap_degc": service.assembly.cap_degc,
        "critical_degc": service.assembly.plant.critical_degc,
        "zones": {} if seen is None else {k: _known(v) for k, v in seen.temps_degc.items()},
        "trust": {zone: str(trust) for zone, trust in platform.trust.items()},
        "application": service.leases.holder,
        "in_hand": service.circumstances.name,
        "holding": platform.is_holding,
        "safe": not service.guard.trusts,
        "point": None if point is None else point.name,
        "level": None if point is None else point.level,
        "accuracy": None if point is None else point.accuracy,
        "duty": None if point is None else point.duty,
        "bits": None if plan is None else list(plan.bits),
        "sequence": 0 if plan is None else plan.sequence,
        "frequency_hz": None if point is None else point.frequency_hz,
        "held_hz": platform.intents_hz,
        "caps_hz": dict(platform.caps),
        "power_w": _known(platform.estimate_w) if measured_w is None else measured_w,
        "power_is_estimated": measured_w is None,
        "fan_state": None if sensed is None else sensed.fan_state,
        "demand_hz": None if seen is None else _known(seen.demand_hz),
        "served_hz": None if seen is None else _known(seen.served_hz),
        "latency_s": None if seen is None else _known(seen.latency_s),
        "backlog": None if seen is None else seen.backlog,
        "peers": service.peers,
        "cycles": service.costs.cycles,
        "busy_s": service.costs.busy_s,
        "longest_cycle_s": service.costs.longest_s,
        "resident_bytes": resident_bytes(),
        "faults": [
            {"fault": str(fault), "subject": subject, "detail": detail}
            for fault, subject, detail in service.faults.active
        ],
        "fault_counts": [
            {"fault": str(fault), "subject": subject, "count": count}
            for (fault, subject), count in service.faults.counts.items()
        ],
    }


def resident_bytes() -> int:
    """Return this process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * mmap.PAGESIZE


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


_GAUGES = (
    ("adaptive_cap_celsius", "cap_degc", "Temperature not to pass."),
    ("adaptive_frequency_hertz", "frequency_hz", "Clock of the operating point in effect."),
    ("adaptive_duty_ratio", "duty", "Share of the time the application may work."),
    ("adaptive_accuracy_ratio", "accuracy", "Share of right answers of the operating point."),
    ("adaptive_power_watts", "power_w", "Power, measured or estimated."),
    ("adaptive_power_is_estimated", "power_is_estimated", "1 where power is the model's."),
    ("adaptive_demand_hertz", "demand_hz", "Frames that arrive per second."),
    ("adaptive_served_hertz", "served_hz", "Frames answered per second."),
    ("adaptive_latency_seconds", "latency_s", "Mean time from arrival to answer."),
    ("adaptive_backlog", "backlog", "Frames waiting."),
    ("adaptive_safe", "safe", "1 while the safety guard overrules the governor."),
    ("adaptive_holding", "holding", "1 while the machine's settings are changed."),
    ("adaptive_peers", "peers", "Applications connected."),
    ("adaptive_up_seconds", "up_s", "Time since the start."),
    ("adaptive_longest_cycle_seconds", "longest_cycle_s", "Processor time of the dearest cycle."),
    ("process_resident_memory_bytes", "resident_bytes", "Resident memory."),
)


def prometheus(status: dict[str, Any]) -> str:
    """Return a status in Prometheus' text format, base units."""
    lines: list[str] = []
    for name, key, text in _GAUGES:
        if status[key] is not None:
            lines += _family(name, "gauge", text, [("", float(status[key]))])
    lines += _labelled("adaptive_zone_celsius", "Zone reading.", "zone", status["zones"])
    lines += _labelled("adaptive_held_hertz", "Clock held.", "island", status["held_hz"])
    lines += _labelled("adaptive_cap_hertz", "Others' cap.", "island", status["caps_hz"])
    bits = status["bits"]
    if bits:
        mean = sum(bits) / len(bits)
        text = "Mean bits of the layers."
        lines += _family("adaptive_plan_bits", "gauge", text, [("", mean)])
    lines += _family(
        "adaptive_cycles_total", "counter", "Control cycles.", [("", float(status["cycles"]))]
    )
    lines += _family(
        "adaptive_cycle_seconds_total", "counter", "Their processor time.", [("", status["busy_s"])]
    )
    lines += _family(
        "adaptive_faults_total",
        "counter",
        "Times a fault was met.",
        [(_labels(row), float(row["count"])) for row in status["fault_counts"]],
    )
    lines += _family(
        "adaptive_fault_active",
        "gauge",
        "1 while a fault lasts.",
        [(_labels(row), 1.0) for row in status["faults"]],
    )
    return "\n".join(lines) + "\n"


def _labelled(name: str, text: str, label: str, values: dict[str, Any]) -> list[str]:
    rows = [
        (f'{{{label}="{_escape(key)}"}}', float(value))
        for key, value in values.items()
        if value is not None
    ]
    return _family(name, "gauge", text, rows)


def _family(name: str, kind: str, text: str, rows: list[tuple[str, float]]) -> list[str]:
    if not rows:
        return []
    head = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    return head + [f"{name}{labels} {value:.10g}" for labels, value in rows]


def _labels(row: dict[str, Any]) -> str:
    return f'{{fault="{row["fault"]}",subject="{_escape(row["subject"])}"}}'


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
