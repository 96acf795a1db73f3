"""Heat of real boards: free runs through readings that no fit has seen.

``python -m experiments.physics.real_heat [--json] [--out FOLDER] [--traces FOLDER]``. Neither
power nor ambient nor cooling is known: the input is utilisation times squared clock, of unknown
scale. Per trace,

- *blocks*: eight contiguous blocks, each held out in turn. Parameters come from the readings of
  all other blocks; the state at a block's start from readings before it. Hold-last repeats the
  last reading before the block. Before the first block there is none: there hold-last repeats the
  first reading after it, and the model starts uncorrected. ``seven blocks`` leaves that one out.
- *last third*: parameters and state from the first two thirds. A reading is hot if it lies in the
  upper half of the trace's whole range; where fewer than 5 % of the training readings are, the
  trace does not excite the model there and the verdict says so.
- *60 s*: from every reading, forecasts of all readings up to 60 s later, parameters refitted at
  each block to what came before it; hold-last repeats the reading forecast from.
- *one step*: how far each reading is from the one before; no forecast competes with that.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from adaptive.errors import ConfigError
from experiments.metric import Metric
from experiments.physics.traces import BoardTrace, heat_trace, load_trace, trace_paths
from experiments.progress import Progress
from experiments.report import write_report
from experiments.study_config import exit_code, print_metrics, read_config, reference_path
from thermal.identify.belief import Belief
from thermal.identify.excitation import FEWEST_HOT, Excitation, judge_excitation
from thermal.identify.fit import identify_foster
from thermal.identify.foster_fit import FosterFit
from thermal.identify.held_out import (
    HeldOut,
    hold_out_blocks,
    hold_out_last,
    hold_out_rolling,
    reading_blocks,
)
from thermal.identify.trace import HeatTrace


@dataclass(frozen=True, slots=True)
class RealHeatConfig:
    """What to fit and hold out; see the comments in ``real_heat.yaml``."""

    traces: str
    fewest_readings: int
    order: int
    starts: int
    blocks: int
    last_share: float
    horizon_s: float
    rise_k: float
    rise_spread: float
    ambient_degc: float

    def __post_init__(self) -> None:
        if not 2 <= self.blocks <= self.fewest_readings // 2:
            raise ValueError(f"blocks is {self.blocks!r}, expected 2 to half of fewest_readings")
        if not 0.0 < self.last_share < 0.7:
            raise ValueError(f"last_share is {self.last_share!r}, expected above 0, below 0.7")


@dataclass(frozen=True, slots=True, eq=False)
class TraceScore:
    """What came out for one trace."""

    trace: BoardTrace
    heat: HeatTrace
    blocks: HeldOut
    later_blocks: HeldOut
    last: HeldOut
    excitation: Excitation
    rolling: HeldOut
    one_step_k: float

    @property
    def verdict(self) -> str:
        """Whether the first two thirds excite the model, for the last third."""
        if self.excitation.hot_share < FEWEST_HOT:
            return "not excited"
        return "excited" if self.excitation.excited else "weakly excited"


def score_trace(trace: BoardTrace, config: RealHeatConfig) -> TraceScore:
    """Fit and hold out one trace in all three ways."""
    heat = heat_trace(trace)
    belief = Belief(
        ambient_degc=config.ambient_degc,
        rise_k=config.rise_k,
        rise_spread=config.rise_spread,
        full_load=1.0,
    )

    def fit(part: HeatTrace) -> FosterFit:
        return identify_foster(part, order=config.order, belief=belief, starts=config.starts)

    blocks = hold_out_blocks(heat, fit, blocks=config.blocks)
    first = reading_blocks(heat, config.blocks)[0]
    last = hold_out_last(heat, fit, share=config.last_share)
    training = heat.until(int(last.rows[0]))
    readings = heat.temps_degc[heat.read]
    hot_degc = float(readings.min() + readings.max()) / 2.0
    return TraceScore(
        trace=trace,
        heat=heat,
        blocks=blocks,
        later_blocks=blocks.within(np.flatnonzero(np.arange(len(heat.time_s)) > first[-1])),
        last=last,
        excitation=judge_excitation(fit(training), training, hot_degc=hot_degc),
        rolling=hold_out_rolling(heat, fit, horizon_s=config.horizon_s, blocks=config.blocks),
        one_step_k=float(np.sqrt(np.mean(np.diff(readings) ** 2))),
    )


def score_traces(config: RealHeatConfig, folder: Path | None = None) -> list[TraceScore]:
    """Score all traces of a folder with enough readings.

    Raises
    ------
    ConfigError
        If there is no trace, a file is damaged, or none has enough readings.
    """
    source = reference_path(config.traces) if folder is None else folder
    traces = [load_trace(path) for path in trace_paths(source)]
    chosen = [t for t in traces if np.isfinite(t.temps_degc).sum() >= config.fewest_readings]
    if not chosen:
        raise ConfigError(f"{source}: no trace of {config.fewest_readings} readings or more")
    progress = Progress("real heat")
    scores = []
    for index, trace in enumerate(chosen):
        scores.append(score_trace(trace, config))
        progress((index + 1) / len(chosen))
    progress.close()
    return scores


def tabulate(scores: list[TraceScore]) -> pd.DataFrame:
    """Return one row per trace; errors are root mean squares [K]."""
    return pd.DataFrame(
        {
            "board": s.trace.board,
            "run": s.trace.name,
            "readings": int(s.heat.read.sum()),
            "minutes": (s.trace.time_s[-1] - s.trace.time_s[0]) / 60.0,
            "blocks_k": s.blocks.rms_k,
            "blocks_hold_k": s.blocks.hold_rms_k,
            "better": s.blocks.rms_k < s.blocks.hold_rms_k,
            "seven_blocks_k": s.later_blocks.rms_k,
            "seven_blocks_hold_k": s.later_blocks.hold_rms_k,
            "last_third_k": s.last.rms_k,
            "last_third_hold_k": s.last.hold_rms_k,
            "hot_share": s.excitation.hot_share,
            "verdict": s.verdict,
            "forecast_60s_k": s.rolling.rms_k,
            "forecast_60s_hold_k": s.rolling.hold_rms_k,
            "one_step_k": s.one_step_k,
        }
        for s in scores
    )


def metrics(config: RealHeatConfig) -> list[Metric]:
    """Return on how many traces free runs beat hold-last, and the medians behind it."""
    return _metrics(tabulate(score_traces(config)))


def _metrics(table: pd.DataFrame) -> list[Metric]:
    seven = table["seven_blocks_k"] < table["seven_blocks_hold_k"]
    excited = table[table["verdict"] != "not excited"]
    rows = [
        Metric("heat_blocks_better", float(table["better"].sum()), "traces"),
        Metric("heat_traces", float(len(table)), "traces"),
        Metric("heat_seven_blocks_better", float(seven.sum()), "traces"),
        Metric("heat_not_excited", float(len(table) - len(excited)), "traces"),
    ]
    for name in ("blocks", "last_third", "forecast_60s"):
        rows += [
            Metric(f"heat_{kind}_median", float(table[kind].median()), "K")
            for kind in (f"{name}_k", f"{name}_hold_k")
        ]
    rows.append(Metric("heat_one_step_k_median", float(table["one_step_k"].median()), "K"))
    return rows


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown."""
    cells = [[str(name) for name in table.columns], ["---"] * len(table.columns)]
    cells += [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return "".join("| " + " | ".join(row) + " |\n" for row in cells)


def _cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def figure(table: pd.DataFrame) -> Figure:
    """Draw free run against hold-last of every trace, in the three ways of holding out."""
    drawn = Figure(figsize=(10, 3.8), layout="constrained")
    for axis, (name, title) in zip(
        drawn.subplots(1, 3),
        (
            ("blocks", "blocks held out in turn"),
            ("last_third", "last third"),
            ("forecast_60s", "60 s forecasts"),
        ),
        strict=True,
    ):
        hold, free = table[f"{name}_hold_k"], table[f"{name}_k"]
        dull = table["verdict"] == "not excited"
        for chosen, colour, label in (
            (~dull, "#1e8449", "excited"),
            (dull, "#c0392b", "first two thirds not excited"),
        ):
            axis.scatter(hold[chosen], free[chosen], s=16, color=colour, label=label)
        most = 1.05 * float(np.nanmax([hold.max(), free.max()]))
        axis.plot([0, most], [0, most], color="#999999", linewidth=0.8)
        axis.set(title=title, xlabel="hold-last RMS [K]", ylabel="free run RMS [K]")
        axis.spines[["top", "right"]].set_visible(False)
    drawn.axes[0].legend(frameon=False, fontsize=8)
    return drawn


def write(table: pd.DataFrame, folder: Path) -> Path:
    """Write the table as CSV and Markdown and a page with the figure; return the page."""
    page = write_report(
        folder,
        title="Heat of real boards",
        paragraphs=[" ".join(part.split()) for part in (__doc__ or "").split("\n\n")[1:]],
        header=[str(name) for name in table.columns],
        rows=[[_cell(value) for value in row] for row in table.itertuples(index=False)],
        pictures={"real_heat": ("Below the line the model beats hold-last.", figure(table))},
        footer="Made by: python -m experiments.physics.real_heat --out FOLDER",
    )
    table.to_csv(folder / "real_heat.csv", index=False, float_format="%.4g")
    (folder / "real_heat.md").write_text(markdown(table), encoding="utf-8")
    return page


def main() -> int:
    """Score the traces and print the figures."""
    parser = argparse.ArgumentParser("python -m experiments.physics.real_heat", description=__doc__)
    parser.add_argument("--traces", type=Path, metavar="FOLDER", help="another folder of traces")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write table, page and figure")
    args = parser.parse_args()
    table = tabulate(score_traces(read_config("physics/real_heat", RealHeatConfig), args.traces))
    if args.json:
        print_metrics(_metrics(table))
    else:
        print(markdown(table))
        print("\n".join(f"{m.metric}: {m.value:.4g} {m.unit}" for m in _metrics(table)))
    if args.out:
        print(write(table, args.out))
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
