"""The thermal profile depends on the network: arithmetic switches more than waiting for memory.

``python -m experiments.physics.thermal_profile [--json] [--out FOLDER]``. Each layer's cycles are
split by the cost model into arithmetic and memory traffic; a cluster that moves bytes switches
less than one that multiplies, so networks of equal occupation differ in power, settled
temperature and headroom. All of it is modelled; only the ratio of the two capacitances was
measured.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from adaptive.artifact import load_artifact
from adaptive.config import load_board
from adaptive.cost import plan_cycles
from adaptive.graph import LayerWork, Signal, Switchable, layer_work
from adaptive.plant import Cluster, Plant
from adaptive.precision import Bits, PrecisionPlan
from adaptive.quantise import CODE_MIN
from adaptive.response import respond, settled
from adaptive.shapes import infer_signals
from experiments.metric import Metric
from experiments.physics.thermal_headroom import time_safe_s
from experiments.report import write_report
from experiments.study_config import exit_code, print_metrics, read_config
from thermal.network import Vector

_MINUTES = 6.0
_STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """Capacitance in memory traffic over capacitance in arithmetic, with its source."""

    value: float
    source: str
    confidence: str
    uncertainty: str

    def __post_init__(self) -> None:
        if not 0.0 < self.value <= 1.0:
            raise ValueError(f"value is {self.value}, expected above 0, at most 1")


@dataclass(frozen=True, slots=True)
class ProfileConfig:
    """What to compare; see the comments in ``thermal_profile.yaml``."""

    board: str
    cluster: str
    frequency_hz: float
    ambient_degc: float
    networks: tuple[str, ...]
    memory_share: MemoryShare


def network_work(name: str) -> tuple[LayerWork, ...]:
    """Return the layers' counts of a bundled artifact, or of a network of the zoo at CIFAR size."""
    if name == "digits":
        return load_artifact(name).work
    # Only these need torch.
    from models.convert import convert
    from models.network import PIXEL_SCALE
    from models.zoo.mobilenet_v1 import MobileNetV1
    from models.zoo.resnet8 import ResNet8

    made = ResNet8() if name == "resnet8" else MobileNetV1(10, width=0.25, small_images=True)
    nodes = convert(made, (32, 32, 3)).graph()
    pixels = Signal(shape=(32, 32, 3), scale=PIXEL_SCALE, zero=CODE_MIN)
    signals = infer_signals(pixels, nodes)
    return tuple(layer_work(node, signals) for node in nodes if isinstance(node, Switchable))


def arithmetic_share(work: Sequence[LayerWork], bits: Bits, cluster: Cluster) -> float:
    """Share of a network's cycles that multiply; the rest moves bytes, starts layers [0..1]."""
    plan = PrecisionPlan.uniform([layer.name for layer in work], bits)
    multiplying = sum(layer.macs for layer in work) / cluster.mac_per_cycle[bits]
    return multiplying / plan_cycles(work, plan, cluster)


def profile_table(config: ProfileConfig) -> pd.DataFrame:
    """Compare networks and precisions run back to back at one clock."""
    plant, cluster = load_board(config.board), load_board(config.board).cluster(config.cluster)
    opp = plant.islands.named(cluster.island).table.at_most(config.frequency_hz)
    rows = []
    for name in config.networks:
        work = network_work(name)
        for bits in (Bits.INT16, Bits.INT8):
            share = arithmetic_share(work, bits, cluster)
            activity = _activity(plant, cluster, share, config.memory_share.value)
            setting = ({cluster.island: opp}, {cluster.name: activity})
            plan = PrecisionPlan.uniform([layer.name for layer in work], bits)
            latency_s = plan_cycles(work, plan, cluster) / (cluster.cores * opp.frequency_hz)
            temps = settled(plant, *setting, ambient_degc=config.ambient_degc).temps_degc
            power_w = float(plant.node_power_w(*setting, temps).sum())
            rows.append(
                {
                    "network": name,
                    "bits": int(bits),
                    "arithmetic_share": share,
                    "activity": activity,
                    "latency_s": latency_s,
                    "power_w": power_w,
                    "energy_j": power_w * latency_s,
                    "settled_degc": float(plant.junctions(temps).max()),
                    "t_safe_s": time_safe_s(
                        plant,
                        np.full(len(plant.network.nodes), config.ambient_degc),
                        islands=setting[0],
                        utilisation=setting[1],
                        ambient_degc=config.ambient_degc,
                        trip_degc=plant.cap_degc,
                        step_s=0.05,
                        longest_s=3600.0,
                    ),
                }
            )
    return pd.DataFrame(rows)


def _activity(plant: Plant, cluster: Cluster, arithmetic: float, memory: float) -> float:
    """Return the utilisation that switches as much as a mix of arithmetic and memory traffic."""
    part = plant.power.parts[plant.power.blocks.index(cluster.blocks[0])]
    switched_f = part.C_active * (arithmetic + (1.0 - arithmetic) * memory)
    return max((switched_f - part.C_idle) / (part.C_active - part.C_idle), 0.0)


def metrics(config: ProfileConfig) -> list[Metric]:
    """Return how far apart the networks lie at equal clock."""
    table = profile_table(config)
    return [
        Metric("profile_settled_spread_k", float(np.ptp(table["settled_degc"])), "K"),
        Metric("profile_power_spread_w", float(np.ptp(table["power_w"])), "W"),
    ]


def draw(config: ProfileConfig, table: pd.DataFrame) -> Figure:
    """Draw the hottest junction over time from a cold start, one line a network and precision."""
    plant = load_board(config.board)
    cluster = plant.cluster(config.cluster)
    opp = plant.islands.named(cluster.island).table.at_most(config.frequency_hz)
    start: Vector = np.full(len(plant.network.nodes), config.ambient_degc)
    figure = Figure(figsize=(9, 4), layout="constrained")
    axis = figure.subplots()
    for network, bits, activity in zip(
        table["network"], table["bits"], table["activity"], strict=True
    ):
        states = respond(
            plant,
            start,
            {cluster.island: opp},
            {cluster.name: activity},
            ambient_degc=config.ambient_degc,
            step_s=_STEP_S,
        )
        steps = islice(states, round(60 * _MINUTES / _STEP_S))
        hottest = [float(plant.junctions(temps).max()) for temps in steps]
        minutes = np.arange(1, len(hottest) + 1) * _STEP_S / 60
        axis.plot(minutes, hottest, label=f"{network}, {bits} bits")
    axis.axhline(plant.cap_degc, color="#333333", lw=1, ls="--")
    axis.set(xlabel="time [min]", ylabel="hottest junction [°C]")
    axis.legend(frameon=False)
    axis.grid(visible=True, alpha=0.25)
    return figure


def main() -> int:
    """Print the table or the metrics; write a page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, help="another config (thermal_profile.yaml)")
    parser.add_argument("--json", action="store_true", help="print metrics, one object a line")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write the table and a page")
    args = parser.parse_args()
    config = read_config("physics/thermal_profile", ProfileConfig, args.config)
    if args.json:
        print_metrics(metrics(config))
        return 0
    table = profile_table(config)
    print(table.to_string(index=False, float_format="{:.4g}".format))
    if args.out:
        share = config.memory_share
        write_report(
            args.out,
            title="The thermal profile depends on the network",
            paragraphs=[str(__doc__), f"Memory over arithmetic: {share.value}, {share.source}."],
            header=list(table.columns),
            rows=[
                [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row]
                for row in table.itertuples(index=False)
            ],
            pictures={"profile": ("From a cold start, back to back.", draw(config, table))},
            footer="Made by python -m experiments.physics.thermal_profile --out FOLDER",
        )
        table.to_csv(args.out / "profile.csv", index=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
