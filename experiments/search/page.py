"""Pictures and page of one search."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adaptive.search.points import FoundPoint
from adaptive.search.problem import Problem
from adaptive.search.run import Found
from experiments.report import write_report

mpl.use("Agg")
_INK, _OURS, _SEEN = "#333333", "#1e8449", "#bbbbbb"
_SHADES = ("#1a5276", "#85c1e9", "#fdebd0")


def front_figure(problem: Problem, points: Sequence[FoundPoint], *, unit: str) -> Figure:
    """Draw all that was measured, the front, and what is reported of its points."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axis = figure.subplots()
    mixes = problem.finished
    top = problem.cost(problem.space.dearest)
    axis.scatter(
        [problem.cost(mix) / top for mix in mixes],
        [100 * problem.accuracy(mix) for mix in mixes],
        color=_SEEN, s=14, label="measured",
    )  # fmt: skip
    for kept, colour, label in ((False, _INK, "not told apart"), (True, _OURS, "kept")):
        some = [point for point in points if point.apart == kept]
        if not some:
            continue
        spread = np.array(
            [
                (p.reported.accuracy - p.reported.low, p.reported.high - p.reported.accuracy)
                for p in some
            ]
        ).reshape(-1, 2)
        axis.errorbar(
            [point.cost / top for point in some],
            [100 * point.reported.accuracy for point in some],
            yerr=100 * spread.T, fmt="o", color=colour, capsize=3, ms=5, label=label,
        )  # fmt: skip
    best = 100 * max(problem.accuracy(mix) for mix in mixes)
    lows = [100 * point.reported.low for point in points]
    axis.set(
        xlabel=f"{unit} of one image, over the widest plan's",
        ylabel="right answers [%]",
        ylim=(min([best - 200 * problem.floor, *lows]) - 1, min(best + 2, 100.5)),
    )
    axis.legend(loc="lower right", frameon=False)
    _plain(axis)
    return figure


def bits_figure(problem: Problem, points: Sequence[FoundPoint]) -> Figure:
    """Draw which gene runs how wide in each point of the front, cheapest first."""
    space = problem.space
    rows = np.array([point.mix for point in points]).reshape(len(points), -1)
    figure = Figure(figsize=(9, 1.6 + 0.3 * len(points)), layout="constrained")
    axis = figure.subplots()
    widest = max(space.options) - 1
    colours = mpl.colors.ListedColormap(_SHADES[: widest + 1])
    axis.imshow(rows, cmap=colours, vmin=-0.5, vmax=widest + 0.5, aspect="auto")
    axis.set_xticks(range(len(space.names)), space.names, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(
        range(len(points)), [f"{100 * point.reported.accuracy:.2f} %" for point in points]
    )
    for y, row in enumerate(rows):
        for x, choice in enumerate(row):
            text = _option(problem, x, int(choice))
            axis.text(
                x, y, text, ha="center", va="center", fontsize=7,
                color="white" if choice == 0 else _INK,
            )  # fmt: skip
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def _option(problem: Problem, gene: int, choice: int) -> str:
    """Return what a choice stands for, in a word."""
    space = problem.space
    if gene < len(space.groups):
        return str(int(space.bits[choice]))
    return str((space.widths if space.names[gene] == "width" else space.heads)[choice])


def sensitivity_figure(problem: Problem) -> Figure:
    """Draw what narrowing each gene alone loses, and what pairs lose beyond the sum of both."""
    space = problem.space
    top = problem.accuracy(space.dearest)
    count = len(space.options)
    loss = np.full(count, np.nan)
    pairs = np.full((count, count), np.nan)

    def lost(*genes: int) -> float:
        mix = space.dearest
        for gene in genes:
            mix = space.changed(mix, gene, space.options[gene] - 1)
        return top - problem.accuracy(mix) if mix in problem.answers else np.nan

    for a in range(count):
        loss[a] = 100 * lost(a)
        for b in range(a):
            pairs[a, b] = pairs[b, a] = 100 * (lost(a, b) - lost(a) - lost(b))
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    left.barh(range(count), loss, color=_OURS)
    left.set_yticks(range(count), space.names, fontsize=8)
    left.set_xscale("symlog", linthresh=1.0)
    left.set(xlabel="points lost by the narrowest alone")
    left.invert_yaxis()
    _plain(left)
    spread = np.nanmax(np.abs(pairs), initial=0.1)
    shown = right.imshow(pairs, cmap="RdBu_r", vmin=-spread, vmax=spread)
    right.set_xticks(range(count), space.names, rotation=60, ha="right", fontsize=8)
    right.set_yticks([])
    figure.colorbar(shown, ax=right, label="points lost beyond the sum")
    return figure


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(visible=True, alpha=0.25)


HEADER = ("level", "plan", "cost", "saved", "accuracy", "from", "to", "lost", "told apart")


def point_rows(found: Found) -> list[list[str]]:
    """Return the table of points at every level."""
    problem = found.problem
    most = problem.cost(problem.space.dearest)
    rows = []
    for level, points in found.points.items():
        best = max((point.reported.accuracy for point in points), default=0.0)
        rows += [
            [
                level,
                problem.space.effort(point.mix).code,
                f"{point.cost:.4g}",
                f"{1 - point.cost / most:.1%}",
                f"{point.reported.accuracy:.2%}",
                f"{point.reported.low:.2%}",
                f"{point.reported.high:.2%}",
                f"{100 * (best - point.reported.accuracy):.2f}",
                "yes" if point.apart else "no",
            ]
            for point in points
        ]
    return rows


def write_page(
    folder: Path, found: Found, *, title: str, paragraphs: Sequence[str], unit: str, footer: str
) -> Path:
    """Write the page of a search; return its path."""
    problem = found.problem
    level = next(iter(found.points))
    points = found.points[level]
    pictures: Mapping[str, tuple[str, Figure]] = {
        "front": (
            "All mixes measured on the search images, and the front on the report images, with "
            "intervals that hold at once",
            front_figure(problem, points, unit=unit),
        ),
        "bits": ("Bits of each layer along the front", bits_figure(problem, points)),
        "sensitivity": (
            "What narrowing costs alone, and in pairs beyond the sum",
            sensitivity_figure(problem),
        ),
    }
    return write_report(
        folder,
        title=title,
        paragraphs=paragraphs,
        header=HEADER,
        rows=point_rows(found),
        pictures=pictures,
        footer=footer,
    )
