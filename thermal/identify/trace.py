"""A recorded trace: when, how warm, and what warmed it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thermal.network import Matrix, Vector

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class HeatTrace:
    """Readings of one thermal zone with the inputs that warm it, at any times.

    Attributes
    ----------
    time_s
        Times, strictly rising, shape (n,) [s].
    temps_degc
        What the zone read, shape (n,) [degC]; NaN where it was not read.
    inputs
        Mean of each input over the step that *ends* at the time, shape (n, m), none below 0; row 0
        is what prevailed before. In [W] from a power meter or a power model; else in any unit,
        say utilisation times clock.
    names
        Names of the inputs, m of them.
    leak_weight
        Relative leakage at each step (its voltage factor; 1 at a fixed voltage), shape (n,).
    resolution_k
        Step of the readings [K].

    Raises
    ------
    ValueError
        If shapes disagree, times do not rise, an input is negative or not finite, fewer than three
        readings are left, or the resolution is not positive.
    """

    time_s: Vector
    temps_degc: Vector
    inputs: Matrix
    names: tuple[str, ...]
    leak_weight: Vector
    resolution_k: float

    def __post_init__(self) -> None:
        n, m = len(np.atleast_1d(self.time_s)), len(self.names)
        shapes = {"time_s": (n,), "temps_degc": (n,), "inputs": (n, m), "leak_weight": (n,)}
        for name, shape in shapes.items():
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
            if name != "temps_degc" and not np.isfinite(array).all():
                raise ValueError(f"{name} holds a number that is not finite")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if m == 0:
            raise ValueError("names is empty, expected at least one input")
        if n < 2 or (np.diff(self.time_s) <= 0.0).any():
            raise ValueError(f"time_s has {n} entries, expected at least 2 that strictly rise")
        if (self.inputs < 0.0).any() or (self.leak_weight < 0.0).any():
            raise ValueError("inputs and leak_weight: expected no number below 0")
        if np.isinf(self.temps_degc).any() or self.read.sum() < 3:
            raise ValueError("temps_degc: expected at least three finite readings, NaN where none")
        if not 0.0 < self.resolution_k < 100.0:
            raise ValueError(f"resolution_k is {self.resolution_k!r}, expected above 0, below 100")

    @property
    def read(self) -> Mask:
        """Which rows have a reading, shape (n,)."""
        return np.isfinite(self.temps_degc)

    def hiding(self, rows: Mask | NDArray[np.intp]) -> "HeatTrace":
        """Return the trace with the readings of some rows taken away; inputs stay."""
        temps = self.temps_degc.copy()
        temps[rows] = np.nan
        return replace(self, temps_degc=temps)

    def until(self, row: int) -> "HeatTrace":
        """Return the trace before a row."""
        return replace(
            self,
            time_s=self.time_s[:row],
            temps_degc=self.temps_degc[:row],
            inputs=self.inputs[:row],
            leak_weight=self.leak_weight[:row],
        )


def make_trace(
    time_s: Vector,
    temps_degc: Vector,
    inputs: Matrix,
    *,
    names: tuple[str, ...],
    leak_weight: Vector | None = None,
    resolution_k: float | None = None,
) -> HeatTrace:
    """Return a trace; the resolution is the smallest step seen between readings if left out."""
    temps = np.asarray(temps_degc, dtype=np.float64)
    weight = np.ones(len(temps)) if leak_weight is None else leak_weight
    step = smallest_step_k(temps) if resolution_k is None else resolution_k
    return HeatTrace(time_s, temps, inputs, names, weight, step)


def smallest_step_k(temps_degc: Vector) -> float:
    """Return the step a zone reads in: the least difference between two readings [K].

    At least 1 mK, which is the kernel's own; 1 K if it never changed.
    """
    levels = np.unique(temps_degc[np.isfinite(temps_degc)])
    return max(float(np.diff(levels).min()), 1e-3) if len(levels) > 1 else 1.0
