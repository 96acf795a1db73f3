"""Thermal headroom: how long a cool board may run flat out (t_safe), how many frames fit (N_safe).

``python -m experiments.physics.thermal_headroom [--json] [--out FOLDER]``. Two tables:

- *published*: four networks of the literature on the Odroid-XU4. Their latencies come from the
  publication. One number is fitted, the temperature the board started from, to the first network;
  t_safe and N_safe of the others are then predicted with the same power. Beside it stands the
  activity each network would need to meet its own t_safe: one fitted number for each published
  one, which is calibration and validates nothing.
- *own*: every board, frequency and precision of a bundled network, from the board files; nothing is
  fitted, and nothing was measured.
"""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.optimize import brentq

from adaptive.artifact import load_artifact
from adaptive.config import load_board
from adaptive.cost import frame_latency_s
from adaptive.plant import Plant
from adaptive.precision import Bits, PrecisionPlan
from adaptive.response import respond, settled
from dvfs.opp import Opp
from experiments.metric import Metric
from experiments.report import write_report
from experiments.study_config import exit_code, print_metrics, read_config
from thermal.network import Vector


@dataclass(frozen=True, slots=True)
class PublishedNetwork:
    """What a publication says of one network; `t_safe_s` in seconds."""

    name: str
    n_safe: int
    t_safe_s: float

    @property
    def latency_s(self) -> float:
        """Time of one inference [s]."""
        return self.t_safe_s / self.n_safe


@dataclass(frozen=True, slots=True)
class Published:
    """The published table and the board it was measured on."""

    board: str
    cluster: str
    trip_degc: float
    source: str
    networks: tuple[PublishedNetwork, ...]


@dataclass(frozen=True, slots=True)
class Own:
    """Which boards and which bundled network to tabulate."""

    artifact: str
    images_per_frame: int
    ambient_degc: float
    boards: tuple[str, ...]
    longest_s: float


@dataclass(frozen=True, slots=True)
class HeadroomConfig:
    """What to compute; see the comments in ``thermal_headroom.yaml``."""

    published: Published
    own: Own
    step_s: float


def time_safe_s(
    plant: Plant,
    start_degc: Vector,
    *,
    islands: Mapping[str, Opp],
    utilisation: Mapping[str, float],
    ambient_degc: float,
    trip_degc: float,
    step_s: float,
    longest_s: float,
) -> float:
    """Return when the hottest junction passes a trip under constant load, leakage included [s].

    Infinite if not within `longest_s`. Leakage is held over each step; the crossing is
    interpolated within its step.
    """
    before = float(plant.junctions(start_degc).max())
    if before >= trip_degc:
        return 0.0
    states = respond(
        plant, start_degc, islands, utilisation, ambient_degc=ambient_degc, step_s=step_s
    )
    for step, temps in enumerate(islice(states, round(longest_s / step_s))):
        after = float(plant.junctions(temps).max())
        if after >= trip_degc:
            return (step + (trip_degc - before) / (after - before)) * step_s
        before = after
    return math.inf


def published_table(config: Published, *, step_s: float) -> pd.DataFrame:
    """Compare the published headroom with what one fitted number predicts."""
    plant = load_board(config.board)
    fastest = plant.islands.named(plant.cluster(config.cluster).island).table.fastest
    nodes = len(plant.network.nodes)

    def t_safe(start_degc: float, activity: float) -> float:
        # A uniform start: what the chip looks like after a rest in a warm case.
        return time_safe_s(
            plant,
            np.full(nodes, start_degc),
            islands={config.cluster: fastest},
            utilisation={config.cluster: activity},
            ambient_degc=start_degc,
            trip_degc=config.trip_degc,
            step_s=step_s,
            longest_s=60.0,
        )

    first = config.networks[0]
    start = brentq(lambda degc: t_safe(degc, 1.0) - first.t_safe_s, 30.0, config.trip_degc - 0.5)

    def miss(activity: float, wanted_s: float) -> float:
        return min(t_safe(start, activity), 60.0) - wanted_s

    predicted_s = t_safe(start, 1.0)
    return pd.DataFrame(
        {
            "network": network.name,
            "latency_s": network.latency_s,
            "published_t_safe_s": network.t_safe_s,
            "predicted_t_safe_s": predicted_s,
            "published_n_safe": network.n_safe,
            "predicted_n_safe": math.floor(predicted_s / network.latency_s + 1e-9),
            "role": "fitted: start temperature" if network is first else "predicted",
            "start_degc": start,
            "calibrated_activity": brentq(miss, 0.2, 1.0, args=(network.t_safe_s,), xtol=1e-4)
            if network.t_safe_s > predicted_s
            else 1.0,
        }
        for network in config.networks
    )


def own_table(config: Own, *, step_s: float) -> pd.DataFrame:
    """Tabulate headroom of a bundled network over boards, clusters, frequencies and precisions."""
    artifact = load_artifact(config.artifact)
    rows = []
    for name in config.boards:
        plant = load_board(name)
        rest = settled(plant, {}, {}, ambient_degc=config.ambient_degc).temps_degc
        for cluster in plant.clusters:
            for opp in plant.islands.named(cluster.island).table:
                t_safe = time_safe_s(
                    plant,
                    rest,
                    islands={cluster.island: opp},
                    utilisation={cluster.name: 1.0},
                    ambient_degc=config.ambient_degc,
                    trip_degc=plant.cap_degc,
                    step_s=10 * step_s,
                    longest_s=config.longest_s,
                )
                for bits in (Bits.INT8, Bits.INT16):
                    latency_s = frame_latency_s(
                        artifact.work,
                        PrecisionPlan.uniform(artifact.layers, bits),
                        cluster,
                        opp.frequency_hz,
                        images_per_frame=config.images_per_frame,
                    )
                    rows.append(
                        {
                            "board": name,
                            "cluster": cluster.name,
                            "frequency_hz": opp.frequency_hz,
                            "bits": int(bits),
                            "trip_degc": plant.cap_degc,
                            "latency_s": latency_s,
                            "t_safe_s": t_safe,
                            "n_safe": t_safe / latency_s
                            if math.isinf(t_safe)
                            else t_safe // latency_s,
                        }
                    )
    return pd.DataFrame(rows)


def metrics(config: HeadroomConfig) -> list[Metric]:
    """Return how far the predictions are from the published table."""
    table = published_table(config.published, step_s=config.step_s)
    rest = table[table["role"] == "predicted"]
    miss = (rest["predicted_t_safe_s"] / rest["published_t_safe_s"] - 1.0).abs()
    return [
        Metric("headroom_start_degc", float(table["start_degc"].iloc[0]), "degC"),
        Metric("headroom_worst_miss_percent", 100.0 * float(miss.max()), "%"),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw t_safe over frequency for every cluster; points that never trip are left out."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axis = figure.subplots()
    finite = table[np.isfinite(table["t_safe_s"]) & (table["bits"] == int(Bits.INT8))]
    for (board, cluster), rows in finite.groupby(["board", "cluster"]):
        axis.plot(
            rows["frequency_hz"] / 1e9, rows["t_safe_s"], marker="o", label=f"{board} {cluster}"
        )
    axis.set(xlabel="clock [GHz]", ylabel="t_safe from rest [s]", yscale="log")
    axis.legend(frameon=False)
    axis.grid(visible=True, alpha=0.25)
    return figure


def main() -> int:
    """Print the tables or the metrics; write a page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, help="another config (thermal_headroom.yaml)")
    parser.add_argument("--json", action="store_true", help="print metrics, one object a line")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write tables and a page")
    args = parser.parse_args()
    config = read_config("physics/thermal_headroom", HeadroomConfig, args.config)
    if args.json:
        print_metrics(metrics(config))
        return 0
    published = published_table(config.published, step_s=config.step_s)
    own = own_table(config.own, step_s=config.step_s)
    print(published.to_string(index=False, float_format="{:.3f}".format))
    print(own.to_string(index=False, float_format="{:.4g}".format))
    if args.out:
        _write(args.out, config, published, own)
    return 0


def _write(
    folder: Path, config: HeadroomConfig, published: pd.DataFrame, own: pd.DataFrame
) -> None:
    write_report(
        folder,
        title="Thermal headroom",
        paragraphs=[str(__doc__), f"Published: {config.published.source}."],
        header=list(published.columns),
        rows=[
            [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row]
            for row in published.itertuples(index=False)
        ],
        pictures={"t_safe": ("Time from rest to the cap, flat out at 8 bits.", draw(own))},
        footer="Made by python -m experiments.physics.thermal_headroom --out FOLDER",
    )
    published.to_csv(folder / "published.csv", index=False)
    own.to_csv(folder / "own.csv", index=False)


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
