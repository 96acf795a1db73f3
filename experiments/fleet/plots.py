"""A fleet as a picture: percentile bands over time, and how far boards differ."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.fleet.simulate import Fleet
from experiments.plots import draw_cap, plain
from thermal.network import Matrix, Vector

_BANDS = ((1.0, 99.0, 0.15), (5.0, 95.0, 0.25), (25.0, 75.0, 0.4))
_COLOUR = "#1e8449"


def bands(fleet: Fleet, *, title: str) -> Figure:
    """Draw hottest junction, power and reward over time, and the distribution of peaks.

    Parameters
    ----------
    fleet
        The fleet.
    title
        What was run.
    """
    course, minutes = fleet.course, fleet.course.time_s / 60.0
    figure = Figure(figsize=(9, 9), layout="constrained")
    hottest, power, reward, peaks = figure.subplots(4, 1, height_ratios=[2, 1, 1, 1])
    _band(hottest, minutes, course.hottest_degc)
    draw_cap(hottest, fleet.cap_degc)
    hottest.set(ylabel="hottest junction [°C]")
    hottest.set_title(title, loc="left")
    _band(power, minutes, course.power_w)
    power.set(ylabel="power [W]", ylim=(0, None))
    _band(reward, minutes, course.reward)
    reward.set(ylabel="reward", xlabel="simulated time [min]", ylim=(0, 1.02))
    hottest.legend(loc="lower right", frameon=False, ncols=4)
    peak = fleet.results.peak_degc
    peaks.hist(peak, bins=40, color=_COLOUR)
    peaks.axvline(fleet.cap_degc, color="#333333", lw=1, ls="--")
    above = np.count_nonzero(peak > fleet.cap_degc)
    peaks.set(
        xlabel=f"peak of the run [°C]: {above:,} of {len(peak):,} boards above the cap",
        ylabel="boards",
    )
    for axis in (hottest, power, reward, peaks):
        plain(axis)
    return figure


def _band(axis: Axes, minutes: Vector, values: Matrix) -> None:
    for low, high, alpha in _BANDS:
        between = np.nanpercentile(values, (low, high), axis=1)
        axis.fill_between(
            minutes, *between, color=_COLOUR, alpha=alpha, lw=0, label=f"{low:g} to {high:g} %"
        )
    axis.plot(minutes, np.nanmedian(values, axis=1), color=_COLOUR, lw=1.5, label="median")
