"""What every effort of a network costs and gives: `python -m experiments.effort_table`.

    python -m experiments.effort_table [--artifact NAME ...] [--data-dir DIR] [--json]
    python -m experiments.effort_table [--artifact NAME ...] --front | --governed

Widths, heads and uniform precisions on the held-out images, through the integer engine, level by
level; then escalations, those of the artifact or calibrated here, with their mean costs.
`--front` compares what all efforts offer with what bits alone do, on the bundled accelerator;
`--governed` what a governor makes of them on hot days, in simulation.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TypeVar

from adaptive.artifact import Artifact, artifact_names, load_artifact
from adaptive.cost_table import load_costs
from adaptive.engine.protocol import EngineName, add_engine_option
from adaptive.errors import ConfigError
from adaptive.precision import Effort
from experiments.commands.evaluate import check_fit, chosen_dataset, watched
from experiments.docs import console_table, markdown_table, replace_block
from experiments.efforts.answered import Answered, answered
from experiments.efforts.escalations import choose_escalations
from experiments.efforts.front import front_figures
from experiments.efforts.governed import GovernedRow, governed_rows
from experiments.efforts.rows import EffortRow, effort_rows, escalation_row, uniform_efforts
from experiments.metric import Metric
from experiments.study_config import exit_code
from models.data import ImageSet

_Row = TypeVar("_Row", EffortRow, GovernedRow)
BOARDS = ("odroid-xu4", "rpi4b")
SCENARIO, AMBIENTS_DEGC = "bursts", (40.0, 55.0)
GOVERNED = (
    "board", "ambient", "points", "governor", "reward", "share of bound", "answered",
    "mJ a right answer", "s above cap",
)  # fmt: skip
HEADER = ("effort", "level", "M MAC", "kB", "top-1", "95 % interval")


def arguments_of(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="What every effort costs and gives.")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        "--artifact", action="append", metavar="NAME", help="bundled name or file; may be repeated"
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="folder of the data set ($ADAPTIVE_DATA)"
    )
    parser.add_argument("--images", type=int, metavar="N", help="the first N of each set only")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--front", action="store_true", help="compare with bits alone instead")
    instead.add_argument("--governed", action="store_true", help="the same in simulated runs")
    parser.add_argument(
        "--board", action="append", metavar="NAME", help="of --governed (odroid-xu4, rpi4b)"
    )
    parser.add_argument("--minutes", type=float, default=6.0, help="of --governed's runs (6)")
    parser.add_argument("--doc", type=Path, metavar="FILE", help="put the tables into FILE")
    add_engine_option(parser)
    return parser.parse_args(arguments)


def chosen_artifacts(named: list[str] | None) -> dict[str, Artifact]:
    """Return the artifacts named, or all bundled ones that have efforts beyond bits, by name."""
    if named:
        return {name: load_artifact(name) for name in named}
    bundled = {name: load_artifact(name) for name in artifact_names()}
    found = {n: a for n, a in bundled.items() if len(a.widths) > 1 or len(a.heads) > 1}
    if not found:
        names = ", ".join(bundled)
        raise ConfigError(
            f"none of the bundled networks ({names}) has widths or heads; name one that has "
            "(--artifact FILE), or train one: python -m experiments.train_cifar --network "
            "resnet8_early"
        )
    return found


def images_of(artifact: Artifact, args: argparse.Namespace) -> tuple[ImageSet, ImageSet]:
    """Return the calibration and the test images, or the first of them."""
    chosen = chosen_dataset(artifact, None)
    calibration = chosen.load("calibration", data_dir=args.data_dir)
    test = chosen.load("test", data_dir=args.data_dir)
    for data in (calibration, test):
        check_fit(artifact, chosen, data)
    return _first(calibration, args.images), _first(test, args.images)


def _first(data: ImageSet, count: int | None) -> ImageSet:
    """Return the first images of a set."""
    if count is None:
        return data
    if count < 1:
        raise ConfigError(f"--images is {count}, expected 1 or more")
    return next(iter(data.batches(count)))


def measured(
    artifact: Artifact, data: ImageSet, label: str, engine: EngineName | None
) -> dict[Effort, Answered]:
    """Run all uniform efforts over some images."""
    efforts = uniform_efforts(artifact)
    with watched(f"{len(efforts)} efforts, {len(data):,} {label} images") as progress:
        return answered(artifact, efforts, data, engine=engine, progress=progress)


def rows_of(artifact: Artifact, args: argparse.Namespace) -> list[EffortRow]:
    """Return the rows of one network."""
    calibration, test = images_of(artifact, args)
    found = measured(artifact, test, "test", args.engine)
    rows = list(effort_rows(artifact, found))
    rules = [m for m in artifact.measured if m.effort.onward is not None]
    if not rules and (len(artifact.widths) > 1 or len(artifact.heads) > 1):
        known = measured(artifact, calibration, "calibration", args.engine)
        rules = list(choose_escalations(artifact, known))
    return rows + [escalation_row(artifact, rule, found) for rule in rules]


def fronts_of(artifact: Artifact, args: argparse.Namespace) -> list[Metric]:
    """Return the figures of one network's fronts."""
    found = measured(artifact, images_of(artifact, args)[1], "test", args.engine)
    return list(front_figures(artifact, found, load_costs("accelerator", artifact)))


def _cells(row: EffortRow) -> tuple[str, ...]:
    """Format a row for people."""
    return (
        row.effort,
        row.level,
        f"{row.macs / 1e6:.2f}",
        f"{row.bytes / 1e3:.0f}",
        f"{100 * row.top1:.2f} %",
        f"{100 * row.low:.2f} .. {100 * row.high:.2f}",
    )


def runs_of(named: str, args: argparse.Namespace) -> list[GovernedRow]:
    """Return the simulated runs of one network."""
    cases = list(product(args.board or BOARDS, AMBIENTS_DEGC))
    rows: list[GovernedRow] = []
    refused: list[str] = []
    with watched(f"{len(cases)} boards and ambients") as progress:
        for done, (board, ambient_degc) in enumerate(cases, 1):
            try:
                rows += governed_rows(
                    named,
                    board,
                    scenario=SCENARIO,
                    ambient_degc=ambient_degc,
                    minutes=args.minutes,
                )
            except ConfigError as error:
                # Too hot for a board at all: the other cases still say something.
                refused.append(str(error))
            progress(done / len(cases))
    if not rows:
        raise ConfigError(refused[0])
    for line in refused:
        print(f"effort_table: left out: {line}", file=sys.stderr)
    return rows


def _governed_cells(row: GovernedRow) -> tuple[str, ...]:
    """Format a run for people."""
    energy_j = row.energy_per_correct_j
    return (
        row.board,
        f"{row.ambient_degc:.0f}",
        row.points,
        row.governor,
        f"{row.reward:.3f}",
        f"{row.share:.3f}",
        f"{row.answered:.3f}",
        "-" if energy_j is None else f"{1e3 * energy_j:.2f}",
        f"{row.time_above_cap_s:.1f}",
    )


def main(arguments: list[str]) -> int:
    """Print the table of each network, its fronts or its runs."""
    args = arguments_of(arguments)
    for named, artifact in chosen_artifacts(args.artifact).items():
        if args.front:
            for figure in fronts_of(artifact, args):
                print(figure.to_json() if args.json else f"{figure.metric}: {figure.value:.4g}")
        elif args.governed:
            runs = runs_of(named, args)
            _show(f"governed {artifact.name}", GOVERNED, runs, _governed_cells, args)
        else:
            _show(f"efforts {artifact.name}", HEADER, rows_of(artifact, args), _cells, args)
    return 0


def _show(
    title: str,
    header: tuple[str, ...],
    rows: Sequence[_Row],
    cells_of: Callable[[_Row], tuple[str, ...]],
    args: argparse.Namespace,
) -> None:
    """Print rows, and put them into a page where one is named."""
    cells = [cells_of(row) for row in rows]
    if args.json:
        for row in rows:
            print(json.dumps(asdict(row)), flush=True)
    else:
        print(f"{title}\n{console_table(header, cells)}", flush=True)
    if args.doc:
        replace_block(args.doc, title, markdown_table(header, cells))


if __name__ == "__main__":
    sys.exit(exit_code(lambda: main(sys.argv[1:])))
