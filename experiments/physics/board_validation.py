"""Board files against what others measured: rail power, settled and transient temperatures.

``python -m experiments.physics.board_validation [--json] [--out FOLDER]``. Most board figures are
estimates, and the published measurements rarely say ambient, cooling or silicon: read the errors
as how far off such a board file can be, not as the accuracy of the model behind it.
"""

import argparse
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from adaptive.config import load_board
from adaptive.response import respond, settled
from dvfs.opp import Opp
from experiments.metric import Metric
from experiments.report import write_report
from experiments.study_config import exit_code, print_metrics, read_config

_STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class RailRun:
    """Measured rail power at one clock: all cores busy, and idle."""

    frequency_hz: float
    voltage_v: float
    busy_w: float
    idle_w: float


@dataclass(frozen=True, slots=True)
class Rail:
    """Measured power of one cluster's rail over its clocks."""

    board: str
    cluster: str
    source: str
    confidence: str
    fitted: str
    temp_degc: float
    runs: tuple[RailRun, ...]


@dataclass(frozen=True, slots=True)
class Temperature:
    """One published temperature: settled under `before`, then `utilisation` for `after_s`."""

    board: str
    cluster: str
    frequency_hz: float
    before: float
    utilisation: float
    after_s: float
    ambient_degc: float
    observed_degc: float
    what: str
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class ValidationConfig:
    """What to compare; see the comments in ``board_validation.yaml``."""

    rails: tuple[Rail, ...]
    temperatures: tuple[Temperature, ...]


def rail_table(rails: tuple[Rail, ...]) -> pd.DataFrame:
    """Compare rail power, one row a clock and load."""
    rows = []
    for rail in rails:
        plant = load_board(rail.board)
        cluster = plant.cluster(rail.cluster)
        temps = np.full(len(plant.network.nodes), rail.temp_degc)
        indices = [plant.network.index(block) for block in cluster.blocks]
        for run in rail.runs:
            islands = {cluster.island: Opp(run.frequency_hz, run.voltage_v)}
            for load, utilisation, measured in (
                ("busy", 1.0, run.busy_w),
                ("idle", 0.0, run.idle_w),
            ):
                power = plant.node_power_w(islands, {cluster.name: utilisation}, temps)
                predicted = float(power[indices].sum())
                rows.append(
                    {
                        "board": rail.board,
                        "cluster": rail.cluster,
                        "frequency_hz": run.frequency_hz,
                        "load": load,
                        "measured_w": measured,
                        "predicted_w": predicted,
                        "error_percent": 100.0 * (predicted / measured - 1.0),
                    }
                )
    return pd.DataFrame(rows)


def temperature_table(observations: tuple[Temperature, ...]) -> pd.DataFrame:
    """Compare temperatures of the hottest junction, one row an observation."""
    return pd.DataFrame(
        {
            "board": seen.board,
            "what": seen.what,
            "observed_degc": seen.observed_degc,
            "predicted_degc": (predicted := _predict_degc(seen)),
            "error_k": predicted - seen.observed_degc,
            "confidence": seen.confidence,
        }
        for seen in observations
    )


def _predict_degc(seen: Temperature) -> float:
    plant = load_board(seen.board)
    island = plant.cluster(seen.cluster).island
    opp = plant.islands.named(island).table.at_most(seen.frequency_hz)
    ambient_degc, islands = seen.ambient_degc, {island: opp}
    temps = settled(
        plant, islands, {seen.cluster: seen.before}, ambient_degc=ambient_degc
    ).temps_degc
    states = respond(
        plant,
        temps,
        islands,
        {seen.cluster: seen.utilisation},
        ambient_degc=ambient_degc,
        step_s=_STEP_S,
    )
    for state in islice(states, round(seen.after_s / _STEP_S)):
        temps = state
    return float(plant.junctions(temps).max())


def metrics(config: ValidationConfig) -> list[Metric]:
    """Return the mean error of busy rails and the worst error of temperatures."""
    rails = rail_table(config.rails)
    busy = rails[rails["load"] == "busy"]["error_percent"].abs()
    heat = temperature_table(config.temperatures)["error_k"].abs()
    return [
        Metric("board_rail_busy_mape", float(busy.mean()), "%"),
        Metric("board_temperature_worst_k", float(heat.max()), "K"),
    ]


def draw(rails: pd.DataFrame) -> Figure:
    """Draw measured and predicted rail power over the clock."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axis = figure.subplots()
    for (board, load), rows in rails.groupby(["board", "load"]):
        gigahertz = rows["frequency_hz"] / 1e9
        (line,) = axis.plot(gigahertz, rows["measured_w"], "o", label=f"{board} {load}, measured")
        axis.plot(gigahertz, rows["predicted_w"], color=line.get_color(), label="predicted")
    axis.set(xlabel="clock [GHz]", ylabel="rail power [W]", ylim=(0, None))
    axis.legend(frameon=False)
    axis.grid(visible=True, alpha=0.25)
    return figure


def main() -> int:
    """Print the tables or the metrics; write a page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, help="another config (board_validation.yaml)")
    parser.add_argument("--json", action="store_true", help="print metrics, one object a line")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write the tables and a page")
    args = parser.parse_args()
    config = read_config("physics/board_validation", ValidationConfig, args.config)
    if args.json:
        print_metrics(metrics(config))
        return 0
    rails, heat = rail_table(config.rails), temperature_table(config.temperatures)
    for table in (rails, heat):
        print(table.to_string(index=False, float_format="{:.3g}".format), end="\n\n")
    if args.out:
        write_report(
            args.out,
            title="Board files against published measurements",
            paragraphs=[
                str(__doc__),
                *(f"{r.board} rail: {r.source}; {r.fitted}." for r in config.rails),
            ],
            header=list(heat.columns),
            rows=[
                [f"{c:.1f}" if isinstance(c, float) else str(c) for c in row]
                for row in heat.itertuples(index=False)
            ],
            pictures={"rails": ("Rail power, measured and predicted.", draw(rails))},
            footer="Made by python -m experiments.physics.board_validation --out FOLDER",
        )
        rails.to_csv(args.out / "rails.csv", index=False)
        heat.to_csv(args.out / "temperatures.csv", index=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
