"""Recorded board traces (sbc-bench's monitor, exported as CSV) and what they say of heat.

Things its columns do not tell on their own:

- ``cpu_pct`` is the mean over the interval *before* the row, except in the first row of each
  section: the monitor is started anew there and prints the mean since boot. Such a figure is not
  used; the row before stands in.
- the monitor starts when the section's work already runs: the last moments before such a row are
  worked as the row after says.
- one, two or three clocks are printed. On a Raspberry Pi they are what the kernel believes and what
  the firmware measured; elsewhere they are clusters, in no fixed order.
- the wall meter's first row reads 0, and a time may be printed twice.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from thermal.identify.trace import HeatTrace, make_trace

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
_COLUMNS = ("t_s", "freq_mhz_fake_real_or_clusters", "cpu_pct", "temp_c", "phase")
_ALREADY_BUSY_S = 2.0
_CLOCK_EXPONENT = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class BoardTrace:
    """One run of one board.

    Attributes
    ----------
    board, name
        Board, and the run's own name.
    time_s, temps_degc
        Times, strictly rising, and zone readings, shape (n,) [s], [degC].
    utilisation
        Share of all cores' time that was worked in the interval before each row, shape (n,).
    restarted
        Rows in which the monitor had just been started, shape (n,).
    clocks_hz
        Clock of each cluster, shape (n, clusters) [Hz]; on a Raspberry Pi the measured one.
    meters_w
        Readings of power meters by name (``pmic``, ``wall``), NaN where there is none, [W].
    phase
        The section of the benchmark each row belongs to, n names.
    """

    board: str
    name: str
    time_s: Array
    temps_degc: Array
    utilisation: Array
    restarted: Flags
    clocks_hz: Array
    meters_w: dict[str, Array]
    phase: tuple[str, ...]


def load_trace(path: Path, *, measured_pair: bool | None = None) -> BoardTrace:
    """Return a trace from a CSV file named ``sbcbench_<board>_<run>.csv`` (or otherwise).

    Parameters
    ----------
    path
        The file.
    measured_pair
        Whether two clocks are the believed and the measured one of one cluster; by default if the
        board's name starts with ``rpi``.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks a column, holds what is not a number, or time runs back.
    """
    parts = path.stem.removeprefix("sbcbench_").rpartition("_")
    board = parts[0] or parts[2]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if missing := [name for name in _COLUMNS if name not in table.columns]:
        raise ConfigError(
            f"{path}: lacks the column {missing[0]!r}, expected {', '.join(_COLUMNS)}"
        )
    time_s = _numbers(table, "t_s", path)
    if len(time_s) < 2 or not np.isfinite(time_s).all() or (np.diff(time_s) < 0.0).any():
        raise ConfigError(f"{path}: t_s runs back, has a gap or fewer than 2 rows")
    phase = table["phase"].to_numpy(dtype=object)
    restarted = np.concatenate([[True], phase[1:] != phase[:-1]]).astype(np.bool_)
    # Of rows printed at the same time the last counts; a restart at either is one.
    kept = np.concatenate([np.diff(time_s) > 0.0, [True]])
    for row in np.flatnonzero(~kept):
        restarted[row + 1] |= restarted[row]
    used = _numbers(table, "cpu_pct", path) / 100.0
    used[restarted] = np.nan
    pair = board.startswith("rpi") if measured_pair is None else measured_pair
    return BoardTrace(
        board=board,
        name=parts[2],
        time_s=time_s[kept],
        temps_degc=_numbers(table, "temp_c", path)[kept],
        utilisation=np.clip(_filled(used, 0.0)[kept], 0.0, 1.0),
        restarted=restarted[kept],
        clocks_hz=_clocks(table, path, pair)[kept],
        meters_w={name: values[kept] for name, values in _meters(table, path).items()},
        phase=tuple(str(name) for name in phase[kept]),
    )


def _numbers(table: pd.DataFrame, column: str, path: Path) -> Array:
    text = table[column].str.strip().str.replace(",", ".", regex=False)
    values = pd.to_numeric(text.mask(text == ""), errors="coerce").to_numpy(np.float64)
    wrong = np.isnan(values) & (text != "").to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ConfigError(f"{path}: {column} is {text.iloc[row]!r} in row {row + 2}, not a number")
    return np.array(values)


def _filled(values: Array, otherwise: float) -> Array:
    """Return values with gaps filled by the value before, leading ones by the first there is."""
    series = pd.Series(values).ffill().bfill().fillna(otherwise)
    return np.array(series.to_numpy(np.float64))


def _clocks(table: pd.DataFrame, path: Path, pair: bool) -> Array:
    fields = table["freq_mhz_fake_real_or_clusters"].str.split("/", expand=True).fillna("")
    columns = [
        _filled(_numbers(pd.DataFrame({"clock": fields[i]}), "clock", path), np.nan)
        for i in fields.columns
    ]
    if pair and len(columns) > 1:
        columns = columns[-1:]
    return 1e6 * np.column_stack(columns)


def _meters(table: pd.DataFrame, path: Path) -> dict[str, Array]:
    found = {}
    for name, column, unit_w in (("pmic", "pmic_w", 1.0), ("wall", "wall_mw", 1e-3)):
        if column in table.columns:
            values = _numbers(table, column, path) * unit_w
            values[values == 0.0] = np.nan  # a meter that has not averaged yet
            if np.isfinite(values).any():
                found[name] = values
    return found


def activity(trace: BoardTrace) -> Array:
    """Return utilisation times the clusters' mean squared clock, 1 at full load, shape (n,).

    The square stands for voltage rising with the clock: on the Cortex-A15 measured power goes with
    the 1.9th power from 1.0 to 1.8 GHz.
    """
    fastest = np.nanmax(trace.clocks_hz, axis=0)
    ratio = np.where(np.isfinite(trace.clocks_hz), trace.clocks_hz / fastest, 1.0)
    return np.asarray(trace.utilisation * (ratio**_CLOCK_EXPONENT).mean(axis=1))


def heat_trace(
    trace: BoardTrace, *, inputs: Array | None = None, name: str = "activity"
) -> HeatTrace:
    """Return the trace as the fits want it: what warmed each interval, which rows were read.

    Parameters
    ----------
    trace
        The board's trace.
    inputs
        What warmed the interval before each row, shape (n,), instead of `activity`.
    name
        What it is.
    """
    warmed = activity(trace) if inputs is None else inputs
    times, temps, drive = [trace.time_s[0]], [trace.temps_degc[0]], [warmed[0]]
    for i in range(1, len(trace.time_s)):
        gap_s = trace.time_s[i] - trace.time_s[i - 1]
        if trace.restarted[i] and i + 1 < len(trace.time_s):
            # The next section is already running: split the interval where it began.
            times.append(trace.time_s[i] - min(_ALREADY_BUSY_S, gap_s / 2.0))
            temps.append(np.nan)
            drive.append(warmed[i])
            times.append(trace.time_s[i])
            drive.append(warmed[i + 1])
        else:
            times.append(trace.time_s[i])
            drive.append(warmed[i])
        temps.append(trace.temps_degc[i])
    return make_trace(
        np.array(times), np.array(temps), np.array(drive)[:, np.newaxis], names=(name,)
    )


def trace_paths(folder: Path) -> tuple[Path, ...]:
    """Return the sbc-bench traces in a folder, sorted; ConfigError if there are none."""
    found = tuple(sorted(folder.glob("sbcbench_*.csv")))
    if not found:
        raise ConfigError(f"{folder}: no sbcbench_*.csv in it, expected recorded traces")
    return found
