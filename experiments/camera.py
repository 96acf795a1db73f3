"""Recorded cameras: rates that hold until the next begins, or when each frame arrived."""

import csv
import math
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adaptive.errors import ConfigError
from experiments.surroundings import OfTime

INTERVAL_S = 0.1
"""Frames that arrive within this time of each other's interval come evenly within it [s]."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded stream, round and round: each rate holds until the next begins.

    Attributes
    ----------
    starts_s
        When each rate begins, rising from 0 [s].
    rates_hz
        The rates, not negative, one of them above 0 [Hz].
    lap_s
        When the record begins anew, after the last start [s].
    """

    starts_s: tuple[float, ...]
    rates_hz: tuple[float, ...]
    lap_s: float

    def __post_init__(self) -> None:
        starts, rates = self.starts_s, self.rates_hz
        rising = all(a < b for a, b in zip(starts, (*starts[1:], self.lap_s), strict=True))
        if not (starts and starts[0] == 0.0 and rising and math.isfinite(self.lap_s)):
            raise ValueError(f"starts_s is {starts}, expected times rising from 0 to {self.lap_s}")
        if len(rates) != len(starts):
            raise ValueError(f"rates_hz has {len(rates)} entries, expected {len(starts)}")
        if not (all(math.isfinite(r) and r >= 0.0 for r in rates) and any(rates)):
            raise ValueError(f"rates_hz is {rates}, expected none below 0, one above")

    @property
    def mean_hz(self) -> float:
        """Demand averaged over a lap [Hz]."""
        spans = np.diff((*self.starts_s, self.lap_s))
        return float(np.dot(spans, self.rates_hz) / self.lap_s)

    def scaled(self, mean_hz: float) -> "Trace":
        """Return the same trace with another mean [Hz]."""
        factor = mean_hz / self.mean_hz
        return Trace(self.starts_s, tuple(factor * r for r in self.rates_hz), self.lap_s)

    def profile(self, length_s: float) -> OfTime:  # noqa: ARG002 - the protocol
        """Return demand [Hz] as a function of time."""
        return lambda time_s: self.rates_hz[
            bisect_right(self.starts_s, math.fmod(time_s, self.lap_s)) - 1
        ]


def trace_of_arrivals(arrivals_s: tuple[float, ...]) -> Trace:
    """Return the trace of frames that arrived at some times, in intervals of `INTERVAL_S`.

    The first interval begins at 0, the record ends with the interval of the last frame.

    Raises
    ------
    ValueError
        If there is no frame, or the times do not rise from 0.
    """
    times = np.array(arrivals_s, dtype=np.float64)
    if not (len(times) and np.isfinite(times).all() and times[0] >= 0.0):
        raise ValueError("arrival_s is empty or not from 0 up, expected a time for each frame")
    if (np.diff(times) < 0.0).any():
        row = int(np.argmax(np.diff(times) < 0.0)) + 1
        raise ValueError(
            f"arrival_s falls from {times[row - 1]:g} to {times[row]:g}, expected rising times"
        )
    # A time on a boundary belongs to the interval it begins, however it was rounded.
    counts = np.bincount(np.floor(times / INTERVAL_S + 1e-9).astype(int))
    begins = np.flatnonzero(np.diff(counts, prepend=-1))
    return Trace(
        starts_s=tuple((begins * INTERVAL_S).tolist()),
        rates_hz=tuple((counts[begins] / INTERVAL_S).tolist()),
        lap_s=len(counts) * INTERVAL_S,
    )


def load_trace(path: Path) -> Trace:
    """Read a camera's trace, a CSV file of either kind.

    Columns ``start_s`` and ``rate_hz``: when each rate begins, the last row ends the record.
    Column ``arrival_s``: one row a frame.

    Raises
    ------
    ConfigError
        If the file cannot be read or is no such trace.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if "arrival_s" in (reader.fieldnames or ()):
                return trace_of_arrivals(tuple(float(row["arrival_s"]) for row in reader))
            rows = [(float(r["start_s"]), float(r["rate_hz"])) for r in reader]
        starts, rates = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
        return Trace(starts[:-1], rates[:-1], starts[-1] if starts else 0.0)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the trace: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not a trace with start_s and rate_hz, or with arrival_s: {error}"
        ) from error
