"""The table of a comparison: one line a scenario and governor, over the seeds."""

from collections.abc import Sequence

import pandas as pd

from experiments.comparison.cells import Cell

VOID_SHARE = 0.001
"""A run above the cap for a larger share of the time than this is void."""

HEADER = (
    "scenario",
    "governor",
    "reward",
    "least",
    "most",
    "answered %",
    "leaf %",
    "mJ/correct",
    "p99 ms",
    "peak degC",
    "above cap %",
    "",
)


def frame_of(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a cell, units in the column names."""
    return pd.DataFrame(
        {"scenario": cell.scenario, "governor": cell.governor, "seed": cell.seed, **cell.row}
        for cell in cells
    )


def lines_of(frame: pd.DataFrame) -> list[list[str]]:
    """Return the table's lines: means over the seeds, worst cases of heat and latency.

    The last cell says ``void`` where a run was above the cap for more than `VOID_SHARE` of its
    time, or hotter than 1 K above it.
    """
    lines = []
    for (scenario, governor), rows in frame.groupby(["scenario", "governor"], sort=False):
        hot = rows["peak_degc"] > rows["cap_degc"] + 1.0
        void = hot.any() or (rows["time_above_cap"] > VOID_SHARE).any()
        lines.append(
            [
                str(scenario),
                str(governor),
                f"{rows['reward'].mean():.4f}",
                f"{rows['reward'].min():.4f}",
                f"{rows['reward'].max():.4f}",
                f"{100 * rows['answered'].mean():.2f}",
                f"{100 * rows['leaf_accuracy'].mean():.2f}",
                f"{1e3 * rows['energy_per_correct_j'].mean():.3f}",
                f"{1e3 * rows['latency_p99_s'].max():.0f}",
                f"{rows['peak_degc'].max():.2f}",
                f"{100 * rows['time_above_cap'].max():.2f}",
                "void" if void else "",
            ]
        )
    return lines
