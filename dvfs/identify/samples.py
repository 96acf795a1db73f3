"""Measurements of one rail, and the line of voltages they were made on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dvfs.opp import Opp, OppTable
from dvfs.power import Array

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class PowerSamples:
    """Steady measurements of one rail.

    Attributes
    ----------
    workload
        What ran, n names; folds are cut between workloads.
    case
        Workload and how it ran (say, on how many cores), n names: what has one capacitance.
    frequency_hz, voltage_v, temps_degc, power_w
        Clock [Hz], measured rail voltage [V], mean junction temperature [degC] and power [W],
        each of shape (n,).
    busy
        Share of the clock cycles that did work, shape (n,): utilisation, or cycles over clock.
    rates
        Hardware events per second, mean over the cores, shape (n, k) [1/s]; k may be 0.

    Raises
    ------
    ValueError
        If lengths disagree, or a number is not finite or, but for temperatures and rates, not
        positive.
    """

    workload: tuple[str, ...]
    case: tuple[str, ...]
    frequency_hz: Array
    voltage_v: Array
    temps_degc: Array
    power_w: Array
    busy: Array
    rates: Array

    def __post_init__(self) -> None:
        n = len(self.workload)
        if n == 0 or len(self.case) != n:
            raise ValueError(f"case has {len(self.case)} names, expected one per workload: {n} > 0")
        for name in ("frequency_hz", "voltage_v", "temps_degc", "power_w", "busy", "rates"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape[:1] != (n,) or array.ndim != (2 if name == "rates" else 1):
                raise ValueError(f"{name} has shape {array.shape}, expected {n} rows")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds a number that is not finite")
            if name not in ("temps_degc", "rates", "busy") and (array <= 0.0).any():
                raise ValueError(f"{name} holds {array.min()!r}, expected numbers above 0")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if (self.busy < 0.0).any():
            raise ValueError(f"busy holds {self.busy.min()!r}, expected no number below 0")

    def __len__(self) -> int:
        return len(self.workload)

    def rows(self, chosen: Indices | NDArray[np.bool_]) -> "PowerSamples":
        """Return the samples at indices or under a mask."""
        at = np.arange(len(self))[chosen]
        return PowerSamples(
            workload=tuple(self.workload[i] for i in at),
            case=tuple(self.case[i] for i in at),
            frequency_hz=self.frequency_hz[at],
            voltage_v=self.voltage_v[at],
            temps_degc=self.temps_degc[at],
            power_w=self.power_w[at],
            busy=self.busy[at],
            rates=self.rates[at],
        )

    def ignoring_busy(self) -> "PowerSamples":
        """Return the samples with `busy` 1 everywhere."""
        return replace(self, busy=np.ones(len(self)))


@dataclass(frozen=True, slots=True)
class VoltageLine:
    """The voltages a rail was measured at: beyond them a fitted power model is not believed.

    Attributes
    ----------
    table
        Median voltage by frequency.
    margin_v
        How far a voltage may lie from the line through the table [V].
    """

    table: OppTable
    margin_v: float

    def holds(self, frequency_hz: Array, voltage_v: Array) -> NDArray[np.bool_]:
        """Return which points lie on the measured line, a boolean array."""
        f = np.array([opp.frequency_hz for opp in self.table])
        v = np.array([opp.voltage_v for opp in self.table])
        inside = (frequency_hz >= f[0]) & (frequency_hz <= f[-1])
        near = np.abs(np.interp(frequency_hz, f, v) - voltage_v) <= self.margin_v
        return np.asarray(inside & near, dtype=np.bool_)

    def check(self, frequency_hz: Array, voltage_v: Array) -> None:
        """Raise ValueError, with the first such point, unless all points lie on the line."""
        off = ~self.holds(frequency_hz, voltage_v)
        if off.any():
            f, v = frequency_hz[off][0], voltage_v[off][0]
            raise ValueError(
                f"{v:.4g} V at {f / 1e6:.6g} MHz is {off.sum()} time(s) off the measured line "
                f"{self.table.slowest} to {self.table.fastest} +/- {self.margin_v:.3g} V: "
                "power fitted on that line is not believed there"
            )


def identify_voltages(frequency_hz: Array, voltage_v: Array) -> VoltageLine:
    """Return the voltage of each OPP (the median) and how far readings stray from it.

    The margin is twice the widest stray, at least 10 mV: a rail droops under load, by more on
    the next workload than on those seen.
    """
    steps = np.unique(frequency_hz)
    median = np.array([np.median(voltage_v[frequency_hz == f]) for f in steps])
    stray = np.abs(voltage_v - median[np.searchsorted(steps, frequency_hz)]).max()
    opps = tuple(Opp(float(f), float(v)) for f, v in zip(steps, median, strict=True))
    return VoltageLine(OppTable(opps), max(2.0 * float(stray), 0.01))
