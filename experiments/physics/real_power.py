"""Power of real rails against three fitted models, always on workloads no fit has seen.

``python -m experiments.physics.real_power [--json] [--out FOLDER] [--table FILE]``. For each fold
of workloads, leakage (in voltage and temperature), idle capacitance and event costs are refitted
on the other workloads. Then

- *constant*: one capacitance per workload and core count, read off its 1000 MHz row;
- *scaled*: the same, times the share of cycles that did work in the row predicted;
- *counters*: hardware event rates, and nothing from the workload itself;

and the error is the mean absolute percentage: of the eight other frequencies for the first two,
of all nine for the counters.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from dvfs.identify.activity import identify_activity, pair_with_reference
from dvfs.identify.counters import identify_counters
from dvfs.identify.samples import PowerSamples
from experiments.metric import Metric
from experiments.report import write_report
from experiments.study_config import exit_code, print_metrics, read_config, reference_path

_MODELS = ("constant", "scaled", "counters")
_ABOUT = {
    "constant": "activity of the 1000 MHz row, constant",
    "scaled": "activity of the 1000 MHz row, times busy cycles",
    "counters": "hardware counters",
}


@dataclass(frozen=True, slots=True)
class RealPowerConfig:
    """What to score; see the comments in ``real_power.yaml``."""

    table: str
    folds: int
    reference_hz: float
    busy: str
    events: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds is {self.folds!r}, expected at least 2")
        if self.busy not in ("cycles", "utilisation"):
            raise ValueError(f"busy is {self.busy!r}, expected 'cycles' or 'utilisation'")


def load_rails(path: Path, config: RealPowerConfig) -> PowerSamples:
    """Return the A15 rail's samples of a table such as ``xu3-a15-rail-power.tsv``.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks a column or holds a number no rail can have.
    """
    try:
        table = pd.read_csv(path, sep="\t")
        frequency_hz = table["Frequency A15"].to_numpy(np.float64) * 1e6
        workload = tuple(table["Workload Name"].astype(str))
        cycles = table["Average A15 CycleCount"].to_numpy(np.float64) / frequency_hz
        used = table["A15 Average Utilisation"].to_numpy(np.float64) / 100.0
        return PowerSamples(
            workload=workload,
            case=tuple(f"{w} {m}" for w, m in zip(workload, table["Core Mask"], strict=True)),
            frequency_hz=frequency_hz,
            voltage_v=table["Voltage A15"].to_numpy(np.float64),
            temps_degc=table["Average Temperature A15"].to_numpy(np.float64),
            power_w=table["Power A15"].to_numpy(np.float64),
            busy=cycles if config.busy == "cycles" else used,
            rates=np.column_stack([_rate(table, event) for event in config.events]),
        )
    except KeyError as error:
        raise ConfigError(f"{path}: has no column {error}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _rate(table: pd.DataFrame, event: str) -> NDArray[np.float64]:
    """Return the cluster's mean rate of an event, ``CycleCount``, ``0x50`` or ``0x1b-0x73``."""
    parts = [
        table[f"Average A15 {name if name == 'CycleCount' else f'Event {name}'}"].to_numpy(
            np.float64
        )
        for name in event.split("-")
    ]
    return np.asarray(parts[0] - sum(parts[1:], np.zeros(len(table))))


def held_out_errors(samples: PowerSamples, config: RealPowerConfig) -> pd.DataFrame:
    """Return the relative error of every model in every row, each from the fold it is held out of.

    Parameters
    ----------
    samples
        Any such table, of any workloads; at least as many workloads as folds.
    config
        Folds and the reference frequency.

    Returns
    -------
    DataFrame
        A row per sample: workload, case, frequency_hz, fold and one column of relative errors per
        model; NaN where a model does not predict (the reference rows of the first two) or refuses
        to: a voltage off the line the other folds were measured on.
    """
    names = sorted(set(samples.workload))
    if len(names) < config.folds:
        raise ConfigError(f"{len(names)} workloads, expected at least {config.folds}: one per fold")
    fold_of = {name: index % config.folds for index, name in enumerate(names)}
    fold = np.array([fold_of[name] for name in samples.workload])
    errors = {model: np.full(len(samples), np.nan) for model in _MODELS}
    for index in range(config.folds):
        train, test = samples.rows(fold != index), np.flatnonzero(fold == index)
        for model, column in errors.items():
            column[test] = score(model, train, samples.rows(test), reference_hz=config.reference_hz)
    return pd.DataFrame(
        {
            "workload": samples.workload,
            "case": samples.case,
            "frequency_hz": samples.frequency_hz,
            "fold": fold,
            **errors,
        }
    )


def score(
    model: str, train: PowerSamples, test: PowerSamples, *, reference_hz: float
) -> NDArray[np.float64]:
    """Fit a model to some workloads; return its relative errors on others, NaN where none."""
    error = np.full(len(test), np.nan)
    if model == "counters":
        counters = identify_counters(train)
        held = np.flatnonzero(counters.line.holds(test.frequency_hz, test.voltage_v))
        if len(held):
            rows = test.rows(held)
            error[held] = counters.power_w(rows) / rows.power_w - 1.0
        return error
    activity = identify_activity(train, reference_hz=reference_hz, scaled=model == "scaled")
    seen = test if model == "scaled" else test.ignoring_busy()
    target, home = pair_with_reference(seen, reference_hz)
    on_line = activity.line.holds(seen.frequency_hz, seen.voltage_v)
    known = on_line[target] & on_line[home]
    target, home = target[known], home[known]
    if len(target):
        rows = seen.rows(target)
        error[target] = activity.power_w(rows, seen.rows(home)) / rows.power_w - 1.0
    return error


def mape(errors: pd.DataFrame) -> dict[str, float]:
    """Return the mean absolute error of each model [%]."""
    return {model: 100.0 * float(errors[model].abs().mean()) for model in _MODELS}


def metrics(config: RealPowerConfig) -> list[Metric]:
    """Return the mean absolute percentage errors."""
    return _metrics(_errors(config, None))


def _errors(config: RealPowerConfig, table: Path | None) -> pd.DataFrame:
    path = reference_path(config.table) if table is None else table
    return held_out_errors(load_rails(path, config), config)


def _metrics(errors: pd.DataFrame) -> list[Metric]:
    return [Metric(f"power_mape_{model}", value, "%") for model, value in mape(errors).items()]


def tabulate(errors: pd.DataFrame) -> pd.DataFrame:
    """Return mean, median, bias and worst of each model, and what it refused."""
    rows = []
    for model in _MODELS:
        error = 100.0 * errors[model].dropna()
        expected = len(errors) if model == "counters" else _predictable(errors)
        worst = errors[model].abs().groupby(errors["workload"]).mean().idxmax()
        rows.append(
            {
                "model": _ABOUT[model],
                "rows": len(error),
                "refused": expected - len(error),
                "MAPE [%]": error.abs().mean(),
                "median [%]": error.abs().median(),
                "bias [%]": error.mean(),
                "worst row [%]": error.abs().max(),
                "worst workload": str(worst),
            }
        )
    return pd.DataFrame(rows)


def _predictable(errors: pd.DataFrame) -> int:
    return len(errors) - errors["case"].nunique()


def figure(errors: pd.DataFrame) -> Figure:
    """Draw the error of each model by frequency and by workload."""
    drawn = Figure(figsize=(9, 7.5), layout="constrained")
    top, bottom = drawn.subplots(2, 1)
    shade: Mapping[str, str] = {"constant": "#b9770e", "scaled": "#1e8449", "counters": "#2471a3"}
    absolute = 100.0 * errors[list(_MODELS)].abs()
    by_clock = absolute.groupby(errors["frequency_hz"]).mean()
    by_name = absolute.groupby(errors["workload"]).mean().sort_values("counters")
    for model in _MODELS:
        style = {"color": shade[model], "label": _ABOUT[model], "marker": "o", "markersize": 4}
        top.plot(by_clock.index.to_numpy() / 1e9, by_clock[model], **style)
        bottom.plot(by_name.index, by_name[model], linestyle="none", **style)
    top.set(xlabel="clock [GHz]", ylabel="MAPE, held out [%]", ylim=(0, None))
    bottom.set(ylabel="MAPE, held out [%]", ylim=(0, None))
    bottom.tick_params(axis="x", rotation=90, labelsize=8)
    top.legend(frameon=False)
    for axis in (top, bottom):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="#dddddd", linewidth=0.6)
    return drawn


def write(errors: pd.DataFrame, folder: Path) -> Path:
    """Write every row's error, the table and a page with the figure; return the page."""
    table = tabulate(errors).round(2)
    page = write_report(
        folder,
        title="Power of real rails",
        paragraphs=[
            "Odroid-XU3, Cortex-A15 rail, measured by its own INA231. Every figure is of workloads "
            "that no fit has seen: leakage, idle capacitance and event costs are refitted on the "
            "other folds. No model is used off the voltage line it was measured on."
        ],
        header=[str(name) for name in table.columns],
        rows=[[str(cell) for cell in row] for row in table.to_numpy()],
        pictures={"real_power": ("Error by clock and by workload.", figure(errors))},
        footer="Made by: python -m experiments.physics.real_power --out FOLDER",
    )
    errors.to_csv(folder / "real_power.csv", index=False, float_format="%.6g")
    return page


def main() -> int:
    """Score the models and print the figures."""
    parser = argparse.ArgumentParser(
        "python -m experiments.physics.real_power", description=__doc__
    )
    parser.add_argument("--table", type=Path, help="another table of the same columns")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write table, page and figure")
    args = parser.parse_args()
    errors = _errors(read_config("physics/real_power", RealPowerConfig), args.table)
    if args.json:
        print_metrics(_metrics(errors))
    else:
        print(tabulate(errors).round(2).to_string(index=False))
    if args.out:
        print(write(errors, args.out))
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
