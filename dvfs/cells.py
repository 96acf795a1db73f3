"""Standard cells as logical effort describes them: what a gate loads, how fast it drives.

The figures live in `cells.yaml` beside this module, each with its source; whoever reads that file
passes a `CellLibrary` in, because nothing in `dvfs` touches files.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from dvfs.power import Leakage


class Kind(StrEnum):
    """The cells that circuits here are made of; every one drives a single net."""

    INV = "INV"
    BUF = "BUF"
    NAND2 = "NAND2"
    NOR2 = "NOR2"
    XOR2 = "XOR2"
    MUX2 = "MUX2"  # inputs: taken at 0, taken at 1, select
    DFF = "DFF"


FAN_IN = {Kind.INV: 1, Kind.BUF: 1, Kind.DFF: 1, Kind.MUX2: 3}  # the rest has two


def fan_in(kind: Kind) -> int:
    """Return how many data inputs a cell of a kind has."""
    return FAN_IN.get(kind, 2)


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of cell, in units of the unit inverter.

    Attributes
    ----------
    effort
        Capacitance of an input pin, unit inverters.
    parasitic
        Delay without load, in units of the library's `tau_s`; also the capacitance of the
        cell's own output, unit inverters. For a DFF: clock edge to output.
    drive
        Strength of the output stage, unit inverters.
    width
        Area and leaking transistor width, unit inverters.

    Raises
    ------
    ValueError
        If a figure is not finite and positive.
    """

    effort: float
    parasitic: float
    drive: float
    width: float

    def __post_init__(self) -> None:
        _positive(self)


@dataclass(frozen=True, slots=True)
class CellLibrary:
    """A technology: cells, and what their units are worth in seconds, farads and amperes.

    Attributes
    ----------
    cells
        One cell for every `Kind`.
    tau_s
        Delay unit at `nominal_v`: an unloaded-parasitic-free inverter driving its twin [s].
    nominal_v
        Supply voltage at which delays hold [V].
    unit_f
        Input capacitance of the unit inverter [F].
    wire
        Wire capacitance for each driven pin, unit inverters.
    setup
        Set-up time of a DFF, units of `tau_s`.
    clock
        Capacitance of a DFF's clock pin with its share of the clock tree, unit inverters.
    leakage
        Leakage of the unit inverter.

    Raises
    ------
    ValueError
        If a kind has no cell or a figure is not finite and positive.

    Notes
    -----
    Limits: one delay for both edges, no slew, one size of each kind but the buffer, wire by the
    pin and not by the placement.

    References
    ----------
    .. [1] I. Sutherland, B. Sproull and D. Harris, *Logical Effort: Designing Fast CMOS Circuits*,
       Morgan Kaufmann, 1999, tables 1.1 and 1.2 (table numbers unverified).
    """

    cells: Mapping[Kind, Cell]
    tau_s: float
    nominal_v: float
    unit_f: float
    wire: float
    setup: float
    clock: float
    leakage: Leakage

    def __post_init__(self) -> None:
        if missing := [kind.value for kind in Kind if kind not in self.cells]:
            raise ValueError(f"cells lacks {missing}, expected a cell for every kind")
        _positive(self)


def _positive(values: Cell | CellLibrary) -> None:
    for entry in fields(values):
        value = getattr(values, entry.name)
        if isinstance(value, int | float) and not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{entry.name} is {value!r}, expected a finite number above 0")
