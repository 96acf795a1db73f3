"""FINE-VH: rows of a circuit on two rails, against ideal DVFS and hopping in time.

``python -m experiments.physics.finevh_study [--config FILE] [--json] [--out FOLDER]``. Generated
circuits are placed in rows; at each clock every row is tied to one of two rails so that the
longest path still meets the clock. Up to 20 rows the optimum is computed too, beyond a lower
bound. The short run takes about a minute; ``--config experiments/finevh_full.yaml`` takes many
minutes and proves optima up to 30 rows.

Savings are against *ideal* DVFS, one continuous voltage that meets the clock exactly, and are
negative where row-level rails draw more. ``swing`` says whether a gate on the high rail that a low
row drives without a level shifter is also slower, or crossings only leak.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adaptive.errors import AdaptiveError
from experiments.metric import Metric
from experiments.physics.finevh_solve import FineVhConfig, headline_rows, row_tables, study
from experiments.report import write_report
from experiments.study_config import exit_code, print_metrics, read_config

_CASE = ["circuit", "bits", "swing", "placement", "rails"]
_TABLE = {
    "saving": "saved, mean [%]",
    "saving_most": "saved, best clock [%]",
    "gap": "gap to optimum, or bound [%]",
    "proven": "optimum proven",
    "linear_gap": "gap to linear bound [%]",
    "low": "rows low [%]",
    "crossing": "crossing leakage [%]",
    "over_hopping": "saved against hopping [%]",
    "over_dithering": "saved against dithering [%]",
}


def with_percent(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a study's rows with savings, gaps and shares in per cent."""
    return rows.assign(
        saving=100.0 * (1.0 - rows["finevh_w"] / rows["ideal_w"]),
        saving_most=100.0 * (1.0 - rows["finevh_w"] / rows["ideal_w"]),
        gap=100.0 * (rows["finevh_w"] / rows["best_w"] - 1.0),
        linear_gap=100.0 * (rows["finevh_w"] / rows["linear_w"] - 1.0),
        low=100.0 * rows["n_low"] / rows["rows"],
        crossing=100.0 * rows["crossing_w"] / rows["finevh_w"],
        over_hopping=100.0 * (1.0 - rows["finevh_w"] / rows["hopping_w"]),
        over_dithering=100.0 * (1.0 - rows["finevh_w"] / rows["dithering_w"]),
    )


def metrics(config: FineVhConfig) -> list[Metric]:
    """Run the study and return its figures."""
    return study_metrics(config, study(config))


def study_metrics(config: FineVhConfig, rows: pd.DataFrame) -> list[Metric]:
    """Return the largest gaps to the optimum and the mean savings of a study's rows.

    ``finevh_gap_percent`` is over the row counts whose optima are listed exactly,
    ``finevh_gap_beyond_percent`` over the larger ones: to the optimum where an integer programme
    proved it, else to a lower bound.
    The savings are means over circuits, in their widest mode, and clocks, in the headline's case;
    ``finevh_saving_swing_percent`` is the same with low swings slowing high gates, where studied,
    and ``finevh_saving_best_percent`` the best of every case, circuit, row count and clock.
    ``finevh_low_rows_8bit_percent`` and ``..._16bit_percent`` are the shares of rows on the low
    rail of the circuits that have both modes, at the same clocks and rails.
    """
    percent = with_percent(rows)
    case = headline_rows(config, percent)
    listed = percent["rows"] <= config.exact_rows
    found = [
        Metric("finevh_gap_percent", float(percent["gap"][listed].max()), "%"),
        Metric("finevh_saving_percent", _mean_saving(case), "%"),
        Metric("finevh_saving_best_percent", float(percent["saving"].max()), "%"),
    ]
    if not listed.all():
        beyond = float(percent["gap"][~listed].max())
        found.append(Metric("finevh_gap_beyond_percent", beyond, "%"))
    other = percent[percent["swing"] & _matches(percent, config)]
    if len(other):
        found.append(Metric("finevh_saving_swing_percent", _mean_saving(other), "%"))
    narrow = case[case["bits"] == 8]
    both = case[case["circuit"].isin(narrow["circuit"].unique())]
    found.extend(
        Metric(f"finevh_low_rows_{bits}bit_percent", float(group["low"].mean()), "%")
        for bits, group in both.groupby("bits")
    )
    return found


def _matches(rows: pd.DataFrame, config: FineVhConfig) -> "pd.Series[bool]":
    case = config.headline
    same = (rows["placement"] == case.placement) & (rows["rails"] == case.rails)
    return same & (rows["rows"] == case.rows)


def _mean_saving(rows: pd.DataFrame) -> float:
    widest = rows.groupby("circuit")["bits"].transform("max")
    return float(rows[rows["bits"] == widest].groupby("circuit")["saving"].mean().mean())


def tabulate(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each circuit, mode, case and row count: means over the clocks."""
    how = dict.fromkeys(_TABLE, "mean") | dict.fromkeys(("saving_most", "gap", "linear_gap"), "max")
    table = with_percent(rows).groupby([*_CASE, "rows"]).agg(how).reset_index()
    return table.rename(columns=_TABLE).round(2)


def figure(config: FineVhConfig, rows: pd.DataFrame) -> Figure:
    """Draw savings over the clock and over the row count, one panel a circuit and mode."""
    percent = with_percent(rows)
    shown = percent[percent["rails"] == config.headline.rails]
    panels = list(shown.groupby(["circuit", "bits"], sort=False))
    drawn = Figure(figsize=(9, 2.8 * len(panels)), layout="constrained")
    axes = drawn.subplots(len(panels), 2, squeeze=False, sharey="row")
    for (left, right), (key, part) in zip(axes, panels, strict=True):
        for (placement, swing), line in part.groupby(["placement", "swing"]):
            style = {
                "color": "#1e8449" if placement == "critical" else "#2471a3",
                "linestyle": "--" if swing is True else "-",
                "marker": "o",
                "markersize": 3,
                "label": f"{placement}{', swing counted' if swing is True else ''}",
            }
            by_clock = line[line["rows"] == config.headline.rows].sort_values("clock")
            left.plot(by_clock["frequency_hz"] / 1e9, by_clock["saving"], **style)
            by_rows = line.groupby("rows")["saving"].mean()
            right.plot(by_rows.index, by_rows.to_numpy(), **style)
        circuit, bits = key
        left.set(ylabel=f"{circuit}, {bits} bits\nsaved [%]", xlabel="clock [GHz]")
        right.set(xlabel="rows (mean over the clocks)")
        for axis in (left, right):
            _plain(axis)
    axes[0, 0].set_title(f"{config.headline.rows} rows", loc="left", fontsize=10)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return drawn


def _plain(axis: Axes) -> None:
    axis.axhline(0.0, color="#333333", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#dddddd", linewidth=0.6)


def islands(config: FineVhConfig, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the OPPs that a governor would be given: effective voltage and power, mode by mode."""
    found: list[dict[str, object]] = []
    for circuit in config.circuits:
        for bits, table in row_tables(config, rows, circuit=circuit).items():
            found.extend(
                {
                    "block": table.block,
                    "bits": bits,
                    "frequency_hz": point.frequency_hz,
                    "high_v": point.rails.high_v,
                    "low_v": point.rails.low_v,
                    "n_low": len(point.low_rows),
                    "effective_v": table.effective_voltage_v(point),
                    "power_w": point.power_w,
                }
                for point in table.points
            )
    return pd.DataFrame(found)


def write(config: FineVhConfig, rows: pd.DataFrame, folder: Path) -> Path:
    """Write every row, the table, the governor's OPPs and a page; return the page."""
    table = tabulate(rows)
    headline = ", ".join(f"{m.metric} {m.value:.2f}" for m in study_metrics(config, rows))
    page = write_report(
        folder,
        title="Row-level rails against ideal DVFS",
        paragraphs=[
            "Power saved against ideal DVFS, one continuous voltage that meets the clock exactly. "
            f"An area overhead of {100 * config.area_overhead:g} % is charged on capacitance and "
            "leakage, and every net from a low row into a high one leaks. Negative: row-level "
            "rails draw more. Cells, wires and leakage are assumptions (dvfs/cells.yaml); the "
            "circuits are generated, not sized for equal slack as a synthesiser would.",
            headline,
        ],
        header=[str(name) for name in table.columns],
        rows=[[str(cell) for cell in row] for row in table.to_numpy()],
        pictures={"finevh_study": ("Power saved against ideal DVFS.", figure(config, rows))},
        footer="Made by: python -m experiments.physics.finevh_study --out FOLDER",
    )
    rows.to_csv(folder / "finevh_study.csv", index=False, float_format="%.6g")
    table.to_csv(folder / "finevh_table.csv", index=False)
    islands(config, rows).to_csv(folder / "finevh_islands.csv", index=False, float_format="%.6g")
    return page


def main(arguments: list[str] | None = None) -> int:
    """Run the study and print its figures."""
    parser = argparse.ArgumentParser(
        "python -m experiments.physics.finevh_study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, help="another finevh_study.yaml")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write tables, page and figure")
    args = parser.parse_args(arguments)
    try:
        config = read_config("physics/finevh_study", FineVhConfig, args.config)
    except AdaptiveError as error:
        print(f"finevh_study: {error}", file=sys.stderr)
        return 2
    rows = study(config)
    if args.json:
        print_metrics(study_metrics(config, rows))
    else:
        print(tabulate(rows).to_string(index=False))
        for metric in study_metrics(config, rows):
            print(f"{metric.metric:32} {metric.value:8.3f} {metric.unit}")
    if args.out:
        print(write(config, rows, args.out), file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
