"""How long the predictive governor takes to decide, and how fast a board is simulated.

``python -m experiments.decide_bench [--json]``: decisions over 50, 200 and 1,000 candidate points,
in turn on the same observations; processor time of this machine, so that what else it does counts
little. A Cortex-A53 is planned for as ten times slower, with a decision every 100 ms.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from adaptive.artifact import load_artifact
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.governor.objective import Objective
from adaptive.governor.predictive import Predictive
from adaptive.governor.static import Static, fastest
from adaptive.loop import Sample, run
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.simulation import SimulatedPlatform
from dvfs.opp import Opp
from experiments.docs import replace_block
from experiments.reward import Worth
from experiments.scenarios import Bursts
from experiments.study_config import exit_code

SIZES = (50, 200, 1000)
_BOARD, _ARTIFACT, _IMAGES = "odroid-xu4", "resnet8_cifar10", 16
_AMBIENT_DEGC, _PERIOD_S = 35.0, 0.1
_SLOWER = 10.0  # a Cortex-A53 than this machine


@dataclass(frozen=True, slots=True)
class DecideTime:
    """Time of a decision over so many points.

    Attributes
    ----------
    points, kept
        Candidates, and how many of them are worth choosing at some price and demand.
    median_us, p99_us
        Of the decisions [us].
    build_s
        Time to build the governor, once [s].
    a53_core_share
        Share of one core of a machine ten times slower, a decision every 100 ms [0..1].
    """

    points: int
    kept: int
    median_us: float
    p99_us: float
    build_s: float
    a53_core_share: float


@dataclass(frozen=True, slots=True)
class SimulationSpeed:
    """Simulated seconds a second of processor time, junctions looked at every 10 ms."""

    board: str
    simulated_s_per_cpu_s: float


def candidates(plant: Plant, count: int) -> tuple[OperatingPoint, ...]:
    """Return so many points of a board, on OPPs interpolated between its own.

    Half of them run all layers at 8 bits, half a dearer, more accurate effort, so that few are
    beaten by another.
    """
    artifact = load_artifact(_ARTIFACT)
    table = build_points(plant, artifact, images_per_frame=_IMAGES)
    cluster = fastest(table).cores
    own = plant.islands.named(plant.cluster(cluster).island).table
    frequency = np.array([opp.frequency_hz for opp in own])
    voltage = np.array([opp.voltage_v for opp in own])
    steps = np.linspace(frequency[0], frequency[-1], count // 2)
    base = fastest(table)
    made = []
    for hertz in steps.tolist():
        opp = Opp(hertz, float(np.interp(hertz, frequency, voltage)))
        for name, slower, better in (("a", 1.0, 1.0), ("b", 1.2, 1.02)):
            made.append(
                replace(
                    base,
                    name=f"{hertz / 1e6:.3f}MHz/{name}",
                    islands={plant.cluster(cluster).island: opp},
                    accuracy=base.accuracy * better,
                    latency_s=base.latency_s * base.frequency_hz / hertz * slower,
                )
            )
    return tuple(made)


def observations(plant: Plant, seconds: float) -> list[Observation]:
    """Return what a run at the cap under bursts shows."""
    points = build_points(plant, load_artifact(_ARTIFACT), images_per_frame=_IMAGES)
    demand = Bursts(0.5 * fastest(points).frames_hz, cycle_s=40.0, burst_s=10.0)
    platform = SimulatedPlatform(
        plant,
        ambient_degc=_AMBIENT_DEGC,
        cap_degc=plant.cap_degc,
        demand_hz=demand.profile(seconds),
        start_degc=np.full(len(plant.network.nodes), plant.cap_degc - 3.0),
    )
    seen: list[Observation] = []
    governor = _governor(points.points, plant)

    def keep(sample: Sample) -> None:
        seen.append(sample.observation)

    periods = round(seconds / _PERIOD_S)
    run(platform, governor, period_s=_PERIOD_S, stop=lambda: len(seen) >= periods, record=keep)
    return seen


def _governor(points: Sequence[OperatingPoint], plant: Plant) -> Predictive:
    return Predictive(
        points,
        plant,
        objective=Objective(Worth.of_tree(load_artifact(_ARTIFACT).labels).of_level),
        ambient_degc=_AMBIENT_DEGC,
        cap_degc=plant.cap_degc,
        period_s=_PERIOD_S,
    )


def decide_times(sizes: Sequence[int] = SIZES, *, seconds: float = 100.0) -> Iterator[DecideTime]:
    """Yield the time of a decision for each number of points, taken in turn."""
    plant = load_board(_BOARD)
    seen = observations(plant, seconds)
    governors, build_s = [], []
    for size in sizes:
        points = candidates(plant, size)
        begin_s = time.process_time()
        governors.append(_governor(points, plant))
        build_s.append(time.process_time() - begin_s)
    spent = np.empty((len(sizes), len(seen)))
    for k, observation in enumerate(seen):
        for i, governor in enumerate(governors):
            begin = time.thread_time_ns()
            governor.decide(observation)
            spent[i, k] = (time.thread_time_ns() - begin) / 1e3
    for size, governor, built_s, row in zip(sizes, governors, build_s, spent, strict=True):
        median = float(np.median(row))
        yield DecideTime(
            points=size,
            kept=governor.kept,
            median_us=round(median, 1),
            p99_us=round(float(np.percentile(row, 99)), 1),
            build_s=round(built_s, 3),
            a53_core_share=round(_SLOWER * median * 1e-6 / _PERIOD_S, 4),
        )


def simulation_speed(board: str = _BOARD, *, seconds: float = 300.0) -> SimulationSpeed:
    """Return how fast a board is simulated, its governor left out."""
    plant = load_board(board)
    points = build_points(plant, load_artifact(_ARTIFACT), images_per_frame=_IMAGES)
    demand_hz = 0.5 * fastest(points).frames_hz
    platform = SimulatedPlatform(
        plant,
        ambient_degc=_AMBIENT_DEGC,
        cap_degc=plant.cap_degc,
        demand_hz=lambda _time_s: demand_hz,
        step_s=0.01,
    )
    periods = round(seconds / _PERIOD_S)
    begin_s = time.process_time()
    run(
        platform,
        Static(fastest(points)),
        period_s=_PERIOD_S,
        stop=lambda: len(platform.truth) >= periods,
        record=lambda _sample: None,
    )
    return SimulationSpeed(board, round(seconds / (time.process_time() - begin_s), 1))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the times and the speed."""
    parser = argparse.ArgumentParser("python -m experiments.decide_bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="put the lines into FILE")
    args = parser.parse_args(argv)
    found_all: list[DecideTime | SimulationSpeed] = [*decide_times(), simulation_speed()]
    for found in found_all:
        print(json.dumps(asdict(found)) if args.json else _line(found), flush=True)
    if args.docs:
        replace_block(args.docs, "decide", "\n".join(f"- {_line(found)}" for found in found_all))
    return 0


def _line(found: DecideTime | SimulationSpeed) -> str:
    if isinstance(found, SimulationSpeed):
        return f"{found.board}: {found.simulated_s_per_cpu_s:,.0f} simulated s a CPU s"
    return (
        f"{found.points:5,} points ({found.kept} kept): decide() {found.median_us:.0f} us median, "
        f"{found.p99_us:.0f} us p99; built in {found.build_s:.2f} s; "
        f"{found.a53_core_share:.1%} of a core ten times slower"
    )


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
