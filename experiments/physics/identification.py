"""Identification against synthetic truth: boards drawn at random, held-out error known exactly.

``python -m experiments.physics.identification [--json] [--out FOLDER]``. Each truth is a
three-node network with exponential leakage, worked at random OPPs; its sensor is rounded to 0.5 K
and read at irregular times. Models are fitted to the first two thirds and run freely through the
last third; the error is against the true temperature, not against the rounded readings.

- *metered*: the input is the power a meter saw, leakage included;
- *unmetered*: the input is utilisation times V^2 f; capacitance, ambient, resistances and leakage
  are unknown, and resistance and leakage trade off: only the prediction is judged.

The last part draws traces that cannot tell (constant load, too short, hardly worked, never hot)
and counts the right verdicts, those on the good traces included.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.metric import Metric
from experiments.physics.synthetic_board import Load, SyntheticConfig, draw_trace
from experiments.progress import Progress
from experiments.report import write_report
from experiments.study_config import exit_code, print_metrics, read_config
from thermal.identify.belief import Belief
from thermal.identify.excitation import judge_excitation
from thermal.identify.fit import identify_foster
from thermal.identify.trace import HeatTrace
from thermal.network import Vector

_ORDER = 3
_BELIEF = {"metered": Belief(), "unmetered": Belief(leak_k=3.0)}


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One fit of one truth."""

    seed: int
    kind: str
    rms_k: float
    predicted_rms_k: float
    excited: bool
    time_s: Vector
    error_k: Vector


def run_trial(config: SyntheticConfig, seed: int, kind: str) -> Trial:
    """Fit the first two thirds of a drawn trace, ``metered`` or ``unmetered``; score the rest."""
    drawn = draw_trace(config, seed)
    trace = drawn.metered if kind == "metered" else drawn.unmetered
    known = 2 * len(trace.time_s) // 3
    training = trace.until(known)
    fit = identify_foster(training, order=_ORDER, belief=_BELIEF[kind], starts=2)
    error = fit.forecast_degc(trace, known=known) - drawn.truth_degc[known:]
    spread = fit.forecast_sd_k(trace)[known:]
    return Trial(
        seed=seed,
        kind=kind,
        rms_k=float(np.sqrt(np.mean(error**2))),
        predicted_rms_k=float(np.sqrt(np.mean(spread**2))),
        excited=judge_excitation(fit, training).excited,
        time_s=trace.time_s[known:],
        error_k=error,
    )


def dull_traces(config: SyntheticConfig, seed: int) -> dict[str, tuple[HeatTrace, float | None]]:
    """Return traces that a verdict has to refuse, each with the temperature asked for."""
    full = draw_trace(config, seed).metered
    mild = draw_trace(config, seed, load=Load(0.1, 0.3)).metered
    return {
        "constant load": (draw_trace(config, seed, load=Load(constant=True)).metered, None),
        "too short": (draw_trace(config, seed, length_s=90.0).metered, None),
        "hardly worked": (
            draw_trace(config, seed, load=Load(0.10, 0.11, fixed_opp=True)).metered,
            None,
        ),
        "never hot": (mild, float(np.nanmax(full.temps_degc))),
    }


def judge_dull(config: SyntheticConfig, seed: int) -> dict[str, tuple[str, ...]]:
    """Return the reasons found against each dull trace; none means that it got through."""
    found = {}
    for name, (trace, hot_degc) in dull_traces(config, seed).items():
        fit = identify_foster(trace, order=2, belief=Belief(), starts=2)
        found[name] = judge_excitation(fit, trace, hot_degc=hot_degc).reasons
    return found


def run_study(
    config: SyntheticConfig,
) -> tuple[list[Trial], list[dict[str, tuple[str, ...]]]]:
    """Run all trials of all seeds."""
    progress = Progress("identification")
    trials, dull = [], []
    for index, seed in enumerate(config.seeds):
        trials += [run_trial(config, seed, kind) for kind in _BELIEF]
        dull.append(judge_dull(replace(config, length_s=config.length_s / 2.0), seed))
        progress((index + 1) / len(config.seeds))
    progress.close()
    return trials, dull


def metrics(config: SyntheticConfig) -> list[Metric]:
    """Return worst and median held-out errors over the seeds, and the share of right verdicts."""
    return _metrics(*run_study(config))


def _metrics(trials: list[Trial], dull: list[dict[str, tuple[str, ...]]]) -> list[Metric]:
    rows = []
    for kind in _BELIEF:
        errors = [trial.rms_k for trial in trials if trial.kind == kind]
        rows.append(Metric(f"{kind}_rms_k", max(errors), "K"))
        rows.append(Metric(f"{kind}_rms_k_median", float(np.median(errors)), "K"))
    verdicts = [bool(reasons) for case in dull for reasons in case.values()]
    verdicts += [trial.excited for trial in trials if trial.kind == "metered"]
    rows.append(Metric("excitation_verdicts_right", float(np.mean(verdicts)), "1"))
    return rows


def tabulate(trials: list[Trial]) -> pd.DataFrame:
    """Return one row per trial."""
    return pd.DataFrame(
        {
            "seed": trial.seed,
            "kind": trial.kind,
            "held-out RMS [K]": round(trial.rms_k, 4),
            "by covariance [K]": round(trial.predicted_rms_k, 4),
            "verdict": "excited" if trial.excited else "not excited",
        }
        for trial in trials
    )


def figure(trials: list[Trial]) -> Figure:
    """Draw the error of every free run over time."""
    drawn = Figure(figsize=(9, 5), layout="constrained")
    for axis, kind in zip(drawn.subplots(2, 1, sharex=True), _BELIEF, strict=True):
        for trial in (t for t in trials if t.kind == kind):
            axis.plot(trial.time_s / 60.0, trial.error_k, linewidth=0.7)
        axis.set(ylabel=f"{kind}: error [K]")
        axis.axhline(0.0, color="#333333", linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    drawn.axes[-1].set_xlabel("time, held-out third [min]")
    return drawn


def write(trials: list[Trial], dull: list[dict[str, tuple[str, ...]]], folder: Path) -> Path:
    """Write the table and a page with the figure; return the page."""
    table = tabulate(trials)
    refused = [f"{name}: {'; '.join(why) or 'got through'}" for name, why in dull[0].items()]
    page = write_report(
        folder,
        title="Identification against synthetic truth",
        paragraphs=[
            *(" ".join(part.split()) for part in (__doc__ or "").split("\n\n")[1:]),
            "Reasons against the dull traces of the first seed: " + ". ".join(refused) + ".",
        ],
        header=[str(name) for name in table.columns],
        rows=[[str(cell) for cell in row] for row in table.to_numpy()],
        pictures={"identification": ("Error of each free run.", figure(trials))},
        footer="Made by: python -m experiments.physics.identification --out FOLDER",
    )
    table.to_csv(folder / "identification.csv", index=False)
    return page


def main() -> int:
    """Run the study and print the figures."""
    parser = argparse.ArgumentParser(
        "python -m experiments.physics.identification", description=__doc__
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write table, page and figure")
    args = parser.parse_args()
    trials, dull = run_study(read_config("physics/identification", SyntheticConfig))
    if args.json:
        print_metrics(_metrics(trials, dull))
    else:
        print(tabulate(trials).to_string(index=False))
        for name in dull[0]:
            flagged = sum(bool(case[name]) for case in dull)
            print(f"{name}: refused {flagged} of {len(dull)}, as {dull[0][name]}")
        print("\n".join(f"{m.metric}: {m.value:.4g} {m.unit}" for m in _metrics(trials, dull)))
    if args.out:
        print(write(trials, dull, args.out))
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
