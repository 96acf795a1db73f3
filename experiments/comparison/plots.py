"""One figure a scenario: temperature with the cap, precision and level, clock, reward."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.comparison.cells import Cell
from experiments.plots import draw_cap, plain
from thermal.network import Matrix, Vector

_COLOURS = (
    "#2471a3",
    "#b9770e",
    "#7d3c98",
    "#c0392b",
    "#1e8449",
    "#17a589",
    "#839192",
    "#d35400",
    "#2c3e50",
    "#a04000",
)


def timelines(cells: Sequence[Cell], *, title: str) -> Figure:
    """Draw the governors of one scenario over time: median over the seeds, range as a band.

    Parameters
    ----------
    cells
        Cells of one scenario, all governors and seeds.
    title
        What was run.
    """
    figure = Figure(figsize=(9, 10), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=[2.2, 1, 1, 1.4])
    for number, governor in enumerate(dict.fromkeys(cell.governor for cell in cells)):
        own = [cell for cell in cells if cell.governor == governor]
        colour = _COLOURS[number % len(_COLOURS)]
        minutes = _values(own, "time_s")[0] / 60.0
        _line(axes[0], minutes, _values(own, "hottest_degc"), colour, governor)
        _line(axes[1], minutes, _values(own, "bits"), colour, governor)
        _line(axes[2], minutes, _values(own, "frequency_hz") / 1e9, colour, governor)
        _line(axes[3], minutes, _values(own, "reward"), colour, governor)
        fine = _values(own, "fine")
        if np.nanmin(fine) < 1.0:
            levels = 6.0 + 2.0 * np.nanmedian(fine, axis=0)
            axes[1].plot(minutes, levels, color=colour, lw=0.8, ls=":")
    draw_cap(axes[0], float(cells[0].row["cap_degc"] or 0.0))
    axes[0].set(ylabel="hottest junction [°C]")
    axes[1].set(ylabel="mean bits\n(dotted: fine level)", ylim=(5.5, 17), yticks=[8, 12, 16])
    axes[2].set(ylabel="clock [GHz]\n(0: idle)", ylim=(0, None))
    axes[3].set(ylabel="reward", ylim=(0, 1.03), xlabel="simulated time [min]")
    axes[0].set_title(title, loc="left")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    for axis in axes:
        plain(axis)
    return figure


def _values(cells: Sequence[Cell], name: str) -> Matrix:
    """Return a column of each seed's course, shape (seeds, bins); NaN where there is none."""
    return np.array([cell.course[name] for cell in cells], dtype=np.float64)


def _line(axis: Axes, minutes: Vector, values: Matrix, colour: str, label: str) -> None:
    known = ~np.isnan(values).all(axis=0)
    values, minutes = values[:, known], minutes[known]
    if len(values) > 1:
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        axis.fill_between(minutes, low, high, color=colour, alpha=0.15, lw=0)
    axis.plot(minutes, np.nanmedian(values, axis=0), color=colour, lw=1.2, label=label)
