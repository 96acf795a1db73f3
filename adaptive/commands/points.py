"""`adaptive points`: cross a network's measured efforts with a board's OPPs."""

import argparse
import json
from functools import partial
from pathlib import Path

from adaptive.artifact import load_artifact
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.cost_table import Objective, find_opp, load_costs
from adaptive.governor.look_ahead import undominated
from adaptive.operating_point import OperatingPoint, OperatingPointTable, save_points

HELP = "Build the table of operating points of a network on a board."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--artifact", default="digits", help="bundled name or file (%(default)s)")
    parser.add_argument("--board", default="odroid-xu4", help="bundled name or file (%(default)s)")
    parser.add_argument(
        "--images-per-frame", type=int, default=64, metavar="N", help="(%(default)s)"
    )
    parser.add_argument(
        "--level", metavar="NAME", help="level of the labels to answer at (the leaves)"
    )
    parser.add_argument(
        "--cost",
        metavar="FILE",
        help="YAML file of cycles measured by `adaptive profile`, instead of the board's rates",
    )
    parser.add_argument(
        "--cores", metavar="NAME", help="cluster that --cost was measured on (the first)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the points as JSON")
    parser.add_argument("--all", action="store_true", help="list dominated points too")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Build, write and list the points."""
    plant, artifact = load_board(args.board), load_artifact(args.artifact)
    cluster, _ = find_opp(plant, cluster=args.cores, frequency_hz=None)
    costs = load_costs(args.cost, artifact) if args.cost else None
    table = build_points(
        plant,
        artifact,
        images_per_frame=args.images_per_frame,
        level=args.level,
        measured_cycles=(
            {cluster.name: partial(costs.of, objective=Objective.CYCLES)} if costs else None
        ),
    )
    if args.out:
        save_points(table, args.out)
    shown = table.points if args.all else undominated(table.points)
    if args.json:
        for point in shown:
            print(json.dumps(_row(point)))
        return 0
    if costs:
        others = [one.name for one in plant.clusters if one.name != cluster.name]
        print(f"cycles on {cluster.name} as in cost table {costs.name} ({costs.source})")
        print(f"cycles on {', '.join(others)} modelled from the board's rates" if others else "")
    _print_table(table, shown)
    if args.out:
        print(f"wrote {len(table)} points to {args.out}")
    return 0


def _row(point: OperatingPoint) -> dict[str, str | float | None]:
    return {
        "name": point.name,
        "plan": point.effort.plan.code,
        "width": point.effort.width,
        "head": point.effort.head,
        "level": point.level,
        "cores": point.cores,
        "frequency_hz": point.frequency_hz,
        "duty": point.duty,
        "accuracy": point.accuracy,
        "latency_s": point.latency_s,
        "frames_hz": point.frames_hz,
        "power_w": point.power_w,
        "energy_j": point.energy_j if point.duty else None,
    }


def _print_table(table: OperatingPointTable, shown: tuple[OperatingPoint, ...]) -> None:
    print(f"{table.artifact} on {table.board}: {len(shown)} of {len(table)} points shown")
    print(f"{'point':<40} {'accuracy':>8} {'frames/s':>9} {'power W':>8} {'mJ/frame':>9}")
    for p in sorted(shown, key=lambda p: (p.power_w, p.frames_hz)):
        energy = f"{1e3 * p.energy_j:9.2f}" if p.duty else f"{'-':>9}"
        print(f"{p.name:<40} {p.accuracy:8.4f} {p.frames_hz:9.1f} {p.power_w:8.2f} {energy}")
