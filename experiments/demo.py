"""The main job: four governors, one hot board, the same bursty stream of real images.

Run it with `./run demo`; it prints a table and writes a report.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from adaptive.config import read_board
from adaptive.engine.protocol import add_engine_option
from adaptive.errors import AdaptiveError
from adaptive.governor.static import fastest
from adaptive.plant import Plant
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments import live
from experiments.docs import console_table, markdown_table, replace_block
from experiments.governors import DEMO_GOVERNORS, make_governor
from experiments.outcome import Run, Summary
from experiments.plots import answers, temperatures, timeline
from experiments.progress import Progress
from experiments.report import write_report
from experiments.scenarios import Bursts
from experiments.stream import DIGITS_PER_FORM
from experiments.study import Study, prepare
from experiments.workloads import Demand


def main() -> int:
    """Simulate every governor, print the table, write the report; return the exit code."""
    parser = argparse.ArgumentParser("./run demo", description=__doc__)
    parser.add_argument("--board", default="odroid-xu4", help="bundled name or file (%(default)s)")
    parser.add_argument("--ambient", type=float, default=35.0, metavar="DEGC")
    parser.add_argument("--minutes", type=float, default=20.0, metavar="MIN")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, default=Path("report"), metavar="FOLDER")
    add_engine_option(parser)
    parser.add_argument(
        "--readme",
        type=Path,
        metavar="FILE",
        help="put the table between FILE's demo markers and two pictures into docs/ beside it",
    )
    live.add_arguments(parser)
    args = parser.parse_args()
    try:
        return live.show(args.seconds) if args.live else _demo(args)
    except AdaptiveError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2


def _demo(args: argparse.Namespace) -> int:
    start_s = time.monotonic()
    study = prepare(
        board=args.board,
        ambient_degc=args.ambient,
        minutes=args.minutes,
        seed=args.seed,
        engine=args.engine,
    )
    paragraphs = describe(study, args.board)
    print(*paragraphs, sep="\n", end="\n\n")
    runs = []
    for name in DEMO_GOVERNORS:
        governor = make_governor(
            name, plant=study.plant, points=study.points, scenario=study.scenario
        )
        progress = Progress(name)
        runs.append(study.simulate(name, governor, progress=progress))
        progress.close()
    header, rows = tabulate([run.summary for run in runs])
    print(console_table(header, rows))
    inferences = (
        f"{study.stream.inferences:,} real inferences ran in the {study.stream.engine} integer "
        "engine (each distinct "
        "image and effort once; answers are reused when an image comes round again)."
    )
    print(f"\n{inferences}")
    page = write_report(
        args.report,
        title="Four governors, one hot board, one stream of real images",
        paragraphs=[*paragraphs, inferences],
        header=header,
        rows=rows,
        pictures={
            "temperature": ("Hottest junction of every governor.", temperatures(runs)),
            "answers": (
                "Frames answered and dropped, energy of a right answer.",
                answers([run.summary for run in runs]),
            ),
            **{
                run.summary.governor: (
                    f"{run.summary.governor}: temperature, frequency, precision, frames, accuracy.",
                    timeline(run, _accuracy(run, study)),
                )
                for run in runs
            },
        },
        footer=f"Made by ./run demo --board {args.board} --ambient {args.ambient:g} "
        f"--minutes {args.minutes:g} --seed {args.seed}",
    )
    if args.readme:
        block = f"{markdown_table(header, rows)}\n\n{precision_note(study)}"
        replace_block(args.readme, "demo", block)
        for name in ("temperature.png", "look-ahead.png"):
            shutil.copyfile(args.report / name, args.readme.parent / "docs" / name)
    print(f"report: {page}  ({time.monotonic() - start_s:.0f} s)")
    return 0


def describe(study: Study, board: str) -> list[str]:
    """Say what is run, what of it is simulated and what is real."""
    scenario, demand = study.scenario, study.scenario.demand
    cluster = fastest(study.points).cores
    thermal = read_board(board).thermal
    sources = "; ".join(
        f"{part.source} (confidence {part.confidence})"
        for part in (thermal.links[0], thermal.to_ambient[0])
    )
    return [
        f"{study.plant.title}, simulated: {scenario.length_s / 60:g} minutes at "
        f"{scenario.ambient_degc:g} degC ambient, cap {scenario.cap_degc:g} degC.",
        f"Demand: {demand.mean_hz:.0f} forms of {DIGITS_PER_FORM} digits a second on average, the "
        f"most that all-8 sustains at the cap{_bursts(demand)}.",
        f"Simulated: the board, its heat, power and latency. Thermal resistance from the {cluster} "
        f"cluster to the ambient: {resistance_k_per_w(study.plant, cluster):.1f} K/W. Sources: "
        f"{sources}. Confidence runs from A, published raw data, to D, estimate; "
        f"`adaptive boards {study.plant.name}` shows every number's source.",
        "Real: the images (the last 360 of scikit-learn's handwritten digits, by writers not "
        "trained on), their labels, and the integer arithmetic that answers them.",
        precision_note(study),
    ]


def _bursts(demand: Demand) -> str:
    if not isinstance(demand, Bursts):
        return ""
    return (
        f"; bursts of {demand.burst_s:g} s ask {demand.factor:g} times that, "
        f"{demand.between_hz:.0f} between them"
    )


def precision_note(study: Study) -> str:
    """Say what 8 bits cost this network, and whether the calibration images can tell."""
    leaf = study.stream.levels[0]
    all_8, all_16 = (
        study.artifact.measurement(Effort(PrecisionPlan.uniform(study.artifact.layers, bits)))
        for bits in (Bits.INT8, Bits.INT16)
    )
    if all_8 is None or all_16 is None:
        return f"The artifact {study.artifact.name} carries no measurement of all-8 and all-16."
    clear = all_8.high[leaf] < all_16.low[leaf]
    return (
        f"On {all_16.images:,} calibration images all-16 is right on {all_16.accuracy[leaf]:.2%}, "
        f"all-8 on {all_8.accuracy[leaf]:.2%}: "
        + (
            "precision buys accuracy."
            if clear
            else "what 8 bits cost here is less than the error of its measurement. So what is "
            "gained here is gained from heat: running cool between bursts, sprinting in them."
        )
    )


def resistance_k_per_w(plant: Plant, cluster: str) -> float:
    """Mean steady rise of a cluster's blocks for each watt spread evenly over them [K/W]."""
    rows = [plant.network.index(block) for block in plant.cluster(cluster).blocks]
    power = np.zeros(len(plant.network.nodes))
    power[rows] = 1.0 / len(rows)
    return float(np.linalg.solve(plant.network.laplacian, power)[rows].mean())


def tabulate(summaries: list[Summary]) -> tuple[list[str], list[list[str]]]:
    """Return the header and rows of the table of governors."""
    levels = list(summaries[0].accuracy)
    header = [
        "governor",
        *(f"{level} %" for level in levels),
        "answered",
        "dropped",
        "right frames",
        "energy J",
        "uJ/right",
        "peak degC",
        "above cap s",
        "plans",
    ]
    rows = [
        [
            s.governor,
            *(f"{100 * s.accuracy[level]:.2f}" for level in levels),
            f"{s.served:,}",
            f"{s.dropped:,}",
            f"{s.right_frames:,.0f}",
            f"{s.energy_j:.0f}",
            f"{1e6 * s.energy_per_right_j:.1f}",
            f"{s.peak_degc:.2f}",
            f"{s.time_above_cap_s:.1f}",
            f"{len(s.plans)}",
        ]
        for s in summaries
    ]
    return header, rows


def _accuracy(run: Run, study: Study) -> pd.Series:
    """Leaf accuracy of each period, NaN where nothing was answered."""
    leaf = study.stream.levels[0]
    shares = []
    for period in run.truth:
        frames = sum(batch.count for batch in period.served)
        right = sum(
            study.stream.right(batch.point.effort, leaf, first=batch.first, count=batch.count)
            for batch in period.served
        )
        shares.append(right / (frames * DIGITS_PER_FORM) if frames else float("nan"))
    return pd.Series(shares, dtype=float)


if __name__ == "__main__":
    sys.exit(main())
