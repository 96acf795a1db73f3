"""What a board file may say: the shape of the YAML, with the origin of every number."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adaptive.precision import Bits

SCHEMA = 1

# Bounds wide enough for any board and narrow enough to catch a number in another unit.
Hertz = Annotated[float, Meta(ge=1e6, le=1e11)]
Volts = Annotated[float, Meta(ge=0.1, le=5.0)]
Farads = Annotated[float, Meta(ge=0.0, le=1e-6)]
Amperes = Annotated[float, Meta(ge=0.0, le=100.0)]
Watts = Annotated[float, Meta(ge=0.0, le=1e3)]
Exponent = Annotated[float, Meta(ge=0.0, le=20.0)]
KelvinPerWatt = Annotated[float, Meta(ge=1e-4, le=1e4)]
JoulePerKelvin = Annotated[float, Meta(ge=1e-6, le=1e6)]
Kelvin = Annotated[float, Meta(ge=1e-6, le=50.0)]
PerCycle = Annotated[float, Meta(ge=1e-6, le=1e6)]
Cycles = Annotated[float, Meta(ge=0.0, le=1e9)]
Celsius = Annotated[float, Meta(ge=-273.15, le=1000.0)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1, le=1024)]
Confidence = Literal["A", "B", "C", "D"]

CONFIDENCE = {
    "A": "read from kernel, device tree, data sheet or published raw data",
    "B": "computed from published raw data",
    "C": "published by a third party without raw data, or with unknown cooling",
    "D": "assumption: an engineering estimate, not a fact about the board",
}
"""Legend of the confidence letters."""


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown fields are refused: a misspelt key must not be ignored."""


class Sourced(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Numbers with where they come from, how far to trust them and how wrong they may be."""

    source: Text
    confidence: Confidence
    uncertainty: Text

    def numbers(self) -> int:
        """Return how many numbers rest on this source."""
        return _numbers(tuple(getattr(self, name) for name in self.__struct_fields__))


def _numbers(value: object) -> int:
    if isinstance(value, int | float):
        return int(not isinstance(value, Bits))  # a precision is a label, not a figure
    if isinstance(value, tuple):
        return sum(_numbers(part) for part in value)
    if isinstance(value, msgspec.Struct) and not isinstance(value, Sourced):
        return _numbers(tuple(getattr(value, name) for name in value.__struct_fields__))
    return 0


class OppEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One OPP: clock [Hz] and supply voltage [V]."""

    frequency_hz: Hertz
    voltage_v: Volts


class IslandEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A voltage island and its OPPs."""

    name: Name
    blocks: tuple[Name, ...]
    opps: tuple[OppEntry, ...]


class RateEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Multiply-accumulates a cycle of one core at a precision."""

    bits: Bits
    mac_per_cycle: PerCycle


class ComputeEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How fast one core of a cluster runs the engine."""

    rates: tuple[RateEntry, ...]
    bytes_per_cycle: PerCycle
    layer_overhead_cycles: Cycles


class ClusterEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cores of one kind."""

    name: Name
    core: Name
    cores: Count
    island: Name
    blocks: tuple[Name, ...]
    compute: ComputeEntry


class SwitchedEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Effective switched capacitance of one block, working and waiting [F]."""

    active_f: Farads
    idle_f: Farads


class LeakageEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Leakage of one block; see `dvfs.power.Leakage`."""

    i_0_a: Amperes
    t_0_degc: Celsius
    k_t_per_k: Exponent
    v_0_v: Volts
    k_v_per_v: Exponent


class PowerEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Power of blocks that are alike; the figures are those of ONE block."""

    blocks: tuple[Name, ...]
    switched: SwitchedEntry
    leakage: LeakageEntry


class ConstantEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Power that flows into a node whatever runs [W]."""

    node: Name
    power_w: Watts


class NodeEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A node and its heat capacity [J/K]."""

    name: Name
    capacitance_j_per_k: JoulePerKelvin


class NodesEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Heat capacities of one origin."""

    nodes: tuple[NodeEntry, ...]


class LinkEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Thermal resistance between two nodes [K/W]."""

    between: tuple[Name, Name]
    resistance_k_per_w: KelvinPerWatt


class LinksEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Thermal resistances of one origin."""

    links: tuple[LinkEntry, ...]


class AmbientEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Thermal resistance of a node to the ambient [K/W]."""

    node: Name
    resistance_k_per_w: KelvinPerWatt


class ThermalEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The RC network; the order of its nodes is that of the capacities."""

    capacities: tuple[NodesEntry, ...]
    links: tuple[LinksEntry, ...] = ()
    to_ambient: tuple[AmbientEntry, ...]


class ZoneEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A thermal zone, the node it reads and its step [K]."""

    name: Name
    node: Name
    resolution_k: Kelvin


class ZonesEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Thermal zones of one origin."""

    zones: tuple[ZoneEntry, ...]


class LimitEntry(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A temperature limit [degC]."""

    temp_degc: Celsius


class LimitsEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The temperature not to pass, and the one at which the board shuts itself down."""

    cap: LimitEntry
    critical: LimitEntry


class BoardFile(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole board file."""

    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)]
    name: Name
    title: Text
    notes: tuple[Text, ...] = ()
    islands: tuple[IslandEntry, ...]
    clusters: tuple[ClusterEntry, ...]
    power: tuple[PowerEntry, ...]
    constant: tuple[ConstantEntry, ...] = ()
    thermal: ThermalEntry
    sensors: tuple[ZonesEntry, ...]
    limits: LimitsEntry

    def sourced(self) -> tuple[tuple[str, Sourced], ...]:
        """Return every block of numbers with its path in the file."""
        return tuple(_sourced("", self))


def _sourced(path: str, value: object) -> Iterator[tuple[str, Sourced]]:
    if isinstance(value, tuple):
        for index, part in enumerate(value):
            yield from _sourced(f"{path}[{index}]", part)
    elif isinstance(value, msgspec.Struct):
        if isinstance(value, Sourced):
            yield path, value
        for name in value.__struct_fields__:
            yield from _sourced(f"{path}.{name}" if path else name, getattr(value, name))
