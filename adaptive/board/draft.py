"""A board file from what a probe found: measured values and assumed ones in blocks apart."""

import re
from collections.abc import Mapping
from typing import Any

from adaptive.board.inventory import Inventory
from adaptive.board.policies import FoundPolicy
from adaptive.board.zones import FoundZone
from adaptive.errors import PlatformError

# Assumptions for a board nobody measured; they reach the file as such, with these uncertainties.
_VOLTS = (0.80, 1.10)  # at the slowest and the fastest OPP
_CORE_F = 1.2e-10  # switched by a busy little core; a big one thrice as much
_CAP_DEGC, _CRITICAL_DEGC = 80.0, 100.0
_BELOW_CRITICAL_K = 10.0
_BIG = re.compile(r"a(?:15|17|57|72|73|75|76|77|78|7[0-9]{2})$")
_CHIP = re.compile(r"cpu|soc|core|cluster|big|little|package|pkg|tsens|thermal")

Entry = dict[str, Any]


def draft_board(found: Inventory) -> Entry:
    """Return the content of a board file.

    Raises
    ------
    PlatformError
        If there is no thermal zone or no cpufreq policy to write about.
    """
    zones = [zone for zone in found.zones if _CHIP.search(zone.name)] or list(found.zones)
    if not zones or not found.policies:
        raise PlatformError(
            f"{found.model}: no board file without a thermal zone and a cpufreq policy; "
            + "; ".join(found.missing())
        )
    names = _cluster_names(found.policies)
    return {
        "schema": 1,
        "name": found.name,
        "title": found.model,
        "notes": [
            "Drafted by `adaptive probe`. What the kernel told has confidence A; confidence D "
            "marks assumptions that hold for no board in particular: `adaptive calibrate` "
            "replaces them."
        ],
        "islands": [_island(found, policy, names[policy.name]) for policy in found.policies],
        "clusters": [_cluster(found, policy, names[policy.name]) for policy in found.policies],
        "power": [_power(found, policy, names[policy.name]) for policy in found.policies],
        "constant": [
            {"node": "board", "power_w": 1.0} | _assumed("everything but the cores", "0.5 to 3 W")
        ],
        "thermal": _thermal(list(names.values())),
        "sensors": _sensors(found, zones, names),
        "limits": _limits(found, zones),
    }


def _cluster_names(policies: tuple[FoundPolicy, ...]) -> dict[str, str]:
    plain = {p.name: p.core.removeprefix("cortex-") or "cpu" for p in policies}
    repeated = len(set(plain.values())) < len(plain)
    return {
        n: f"{core}-{n.removeprefix('policy')}" if repeated else core for n, core in plain.items()
    }


def _island(found: Inventory, policy: FoundPolicy, name: str) -> Entry:
    volts = found.voltages_v.get(policy.name, {})
    rows = [
        {
            "frequency_hz": hertz,
            "voltage_v": round(volts.get(hertz) or _assumed_v(policy, hertz), 4),
        }
        for hertz in policy.frequencies_hz
    ]
    whole = all(hertz in volts for hertz in policy.frequencies_hz)
    told = (
        _told(found, f"{policy.name} and the device tree's operating-points-v2")
        if whole
        else _assumed(
            f"frequencies are what {policy.name} offers; voltages are a straight line from "
            f"{_VOLTS[0]} V to {_VOLTS[1]} V",
            "0.15 V either way",
        )
    )
    return {"name": name, "blocks": [name], "opps": rows} | told


def _assumed_v(policy: FoundPolicy, frequency_hz: float) -> float:
    slowest, fastest = policy.frequencies_hz[0], policy.frequencies_hz[-1]
    share = (frequency_hz - slowest) / (fastest - slowest) if fastest > slowest else 1.0
    return _VOLTS[0] + (_VOLTS[1] - _VOLTS[0]) * share


def _cluster(found: Inventory, policy: FoundPolicy, name: str) -> Entry:
    rate = 8.0 if _BIG.search(policy.core) else 2.6
    return {
        "name": name,
        "core": policy.core or "unknown",
        "cores": len(policy.cpus),
        "island": name,
        "blocks": [name],
        **_told(found, f"{policy.name}/related_cpus and the processors' part numbers"),
        "compute": {
            "rates": [
                {"bits": 8, "mac_per_cycle": rate},
                {"bits": 16, "mac_per_cycle": rate / 2.0},
            ],
            "bytes_per_cycle": 4.0,
            "layer_overhead_cycles": 2000.0,
            **_assumed("rates of cores of this kind in other board files", "a factor of 2"),
        },
    }


def _power(found: Inventory, policy: FoundPolicy, name: str) -> Entry:
    core_f = found.coefficients_f.get(policy.name)
    volts = max(found.voltages_v.get(policy.name, {0.0: _VOLTS[1]}).values())
    active_f = (core_f or _CORE_F * (3.0 if _BIG.search(policy.core) else 1.0)) * len(policy.cpus)
    switched = {"active_f": active_f, "idle_f": 0.09 * active_f}
    told = (
        {
            "source": f"dynamic-power-coefficient of the device tree, times {len(policy.cpus)} "
            "cores; idle as a share of it",
            "confidence": "C",
            "uncertainty": "such coefficients are off by up to 75 %",
        }
        if core_f
        else _assumed("a middling core of its kind", "a factor of 3")
    )
    leak_a = 0.1 * active_f * volts * policy.frequencies_hz[-1]
    return {
        "blocks": [name],
        "switched": switched | told,
        "leakage": {
            "i_0_a": round(leak_a, 5),
            "t_0_degc": 80.0,
            "k_t_per_k": 0.022,
            "v_0_v": round(volts, 4),
            "k_v_per_v": 1.75,
            **_assumed("a tenth of the switching power at the fastest OPP", "a factor of 3"),
        },
    }


def _thermal(clusters: list[str]) -> Entry:
    nodes = [{"name": name, "capacitance_j_per_k": 2.0} for name in clusters]
    return {
        "capacities": [
            {"nodes": [*nodes, {"name": "board", "capacitance_j_per_k": 8.0}]}
            | _assumed("a small board with a small heat sink", "a factor of 3")
        ],
        "links": [
            {"links": [{"between": [n, "board"], "resistance_k_per_w": 3.0} for n in clusters]}
            | _assumed("a small board with a small heat sink", "a factor of 3")
        ],
        "to_ambient": [
            {"node": "board", "resistance_k_per_w": 12.0}
            | _assumed("a small board with a small heat sink, no fan", "a factor of 2")
        ],
    }


def _sensors(found: Inventory, zones: list[FoundZone], names: Mapping[str, str]) -> list[Entry]:
    ordered = sorted(found.policies, key=lambda policy: policy.frequencies_hz[-1])
    little, big = names[ordered[0].name], names[ordered[-1].name]
    rows = {
        zone.name: {
            "name": zone.name,
            "node": little if "little" in zone.name else big,
            "resolution_k": 1.0,
        }
        for zone in zones
    }
    return [
        {"zones": list(rows.values())}
        | _assumed(
            f"names read from Linux {found.kernel}; their nodes and resolution are assumed",
            "which zone lies near which core is not told",
        )
    ]


def _limits(found: Inventory, zones: list[FoundZone]) -> Entry:
    trips = [(trip, zone) for zone in zones for trip in zone.trips]
    critical = min((t.temp_degc for t, _ in trips if t.kind == "critical"), default=None)
    passive = max((t.temp_degc for t, _ in trips if t.kind == "passive"), default=None)
    top = _CRITICAL_DEGC if critical is None else critical
    cap = min(_CAP_DEGC if passive is None else passive, top - _BELOW_CRITICAL_K)
    return {
        "cap": {"temp_degc": cap}
        | (
            _told(found, "the highest passive trip, at least 10 K below the critical one")
            if passive is not None
            else _assumed("no passive trip was found", "10 K")
        ),
        "critical": {"temp_degc": top}
        | (
            _told(found, "the lowest critical trip")
            if critical is not None
            else _assumed("no critical trip was found", "20 K")
        ),
    }


def _told(found: Inventory, what: str) -> Entry:
    return {
        "source": f"measured: adaptive probe on Linux {found.kernel}: {what}",
        "confidence": "A",
        "uncertainty": "none",
    }


def _assumed(what: str, uncertainty: str) -> Entry:
    return {
        "source": f"assumed by adaptive probe: {what}",
        "confidence": "D",
        "uncertainty": uncertainty,
    }
