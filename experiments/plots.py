"""Pictures of runs. Every function returns a figure; saving is the caller's."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.outcome import Run, Summary

mpl.use("Agg")

COLOURS = {
    "static-fastest": "#c0392b",
    "static-safe": "#2471a3",
    "step-wise": "#b9770e",
    "look-ahead": "#1e8449",
}
_INK = "#333333"
_BIN_S = 5.0  # what one pixel column of a 20-minute plot can show


def timeline(run: Run, accuracy: pd.Series) -> Figure:
    """Draw temperature with the cap, frequency, precision, frames and accuracy over time.

    Parameters
    ----------
    run
        The run.
    accuracy
        Leaf accuracy of the frames answered in each period, NaN where none were [0..1].
    """
    frame = run.frame()
    minutes, rows = _binned(frame.assign(accuracy=accuracy.to_numpy()))
    summary = run.summary
    colour = COLOURS[summary.governor]
    figure = Figure(figsize=(9, 9.5), layout="constrained")
    axes = figure.subplots(5, 1, sharex=True, height_ratios=[2, 1, 1, 1.3, 1])
    _temperature(axes[0], minutes, rows, summary, colour)
    axes[1].plot(minutes, rows["frequency_hz"] / 1e9, color=colour)
    axes[1].set(ylabel="clock [GHz]", ylim=(0, None))
    axes[2].plot(minutes, rows["bits"], color=colour)
    axes[2].set(ylabel="mean bits\nof the layers", ylim=(7, 17), yticks=[8, 12, 16])
    _frames(axes[3], minutes, rows, colour)
    _accuracy(axes[4], minutes, rows, colour)
    axes[4].set(xlabel="simulated time [min]")
    for axis in axes:
        plain(axis)
    axes[0].set_title(
        f"{summary.governor}: peak {summary.peak_degc:.1f} °C, {summary.served:,} frames answered, "
        f"{summary.dropped:,} dropped",
        loc="left",
    )
    return figure


def temperatures(runs: Sequence[Run]) -> Figure:
    """Draw the hottest junction of every run, one above the other, with the cap."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axis = figure.subplots()
    for run in runs:
        minutes, rows = _binned(run.frame())
        name = run.summary.governor
        axis.plot(minutes, rows["hottest_degc"], color=COLOURS[name], label=name)
    draw_cap(axis, runs[0].summary.cap_degc)
    axis.set(ylabel="hottest junction [°C]", xlabel="simulated time [min]")
    axis.legend(loc="lower right", frameon=False, ncols=2)
    plain(axis)
    return figure


def answers(summaries: Sequence[Summary]) -> Figure:
    """Draw what each governor answered and dropped, and what an answer cost."""
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    names = [s.governor for s in summaries]
    colours = [COLOURS[name] for name in names]
    served = np.array([s.served for s in summaries]) / 1e3
    dropped = np.array([s.dropped for s in summaries]) / 1e3
    left.barh(names, served, color=colours)
    left.barh(names, dropped, left=served, color="#dddddd")
    left.set(xlabel="thousand frames: answered (colour), dropped (grey)")
    right.barh(names, [1e6 * s.energy_per_right_j for s in summaries], color=colours)
    right.set(xlabel="energy per right answer [µJ]")
    left.invert_yaxis()
    for axis in (left, right):
        plain(axis)
        axis.grid(visible=False, axis="y")
    return figure


def _temperature(
    axis: Axes, minutes: pd.Series, rows: pd.DataFrame, summary: Summary, colour: str
) -> None:
    axis.plot(minutes, rows["hottest_degc"], color=colour)
    draw_cap(axis, summary.cap_degc)
    axis.set(ylabel="hottest junction [°C]")


def _frames(axis: Axes, minutes: pd.Series, rows: pd.DataFrame, colour: str) -> None:
    axis.plot(minutes, rows["arrived_hz"], color="#999999", lw=1, label="asked for")
    axis.plot(minutes, rows["served_hz"], color=colour, label="answered")
    axis.set(ylabel="frames a second", ylim=(0, None))
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), frameon=False, ncols=2)


def _accuracy(axis: Axes, minutes: pd.Series, rows: pd.DataFrame, colour: str) -> None:
    shares = 100 * rows["accuracy"]
    axis.plot(minutes, shares, color=colour)
    # Never zoom in further than two points: wiggles of a thousandth are no news.
    low, high = min(shares.min(), shares.mean() - 1), max(shares.max(), shares.mean() + 1)
    axis.set(ylabel="digits right [%]", ylim=(low, min(high, 100.0)))


def _binned(frame: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Average over short bins; temperatures keep their maximum. Time in minutes."""
    bins = (frame["time_s"] // _BIN_S).astype(int)
    grouped = frame.groupby(bins)
    period_s = float(frame["time_s"].iloc[0])
    rows = grouped.mean(numeric_only=True)
    rows["hottest_degc"] = grouped["hottest_degc"].max()
    rows["arrived_hz"] = rows["arrived"] / period_s
    rows["served_hz"] = rows["served"] / period_s
    return rows["time_s"] / 60.0, rows


def draw_cap(axis: Axes, cap_degc: float) -> None:
    """Draw the cap, with room above it for its name."""
    axis.set_ylim(top=max(axis.get_ylim()[1], cap_degc + 6.0))
    axis.axhline(cap_degc, color=_INK, lw=1, ls="--")
    axis.annotate(
        f"cap {cap_degc:g} °C", (0.005, cap_degc), xycoords=("axes fraction", "data"), va="bottom"
    )


def plain(axis: Axes) -> None:
    """Leave out the lines that say nothing."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(visible=True, alpha=0.25)
    axis.margins(x=0)
