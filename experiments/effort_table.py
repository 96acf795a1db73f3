"""What every effort of a network costs and gives: `python -m experiments.effort_table`.

    python -m experiments.effort_table [--artifact NAME ...] [--data-dir DIR] [--json]
    python -m experiments.effort_table [--artifact NAME ...] --front | --governed
    python -m experiments.effort_table --artifact NAME --alone FILE ...

Widths, heads and uniform precisions on the held-out images, through the integer engine, level by
level; then escalations, those of the artifact or calibrated here, with their mean costs.
`--front` compares what all efforts offer with what bits alone do, on the bundled accelerator;
`--governed` what a governor makes of them on hot days, in simulation; `--alone FILE ...` holds the
widths against networks of the same width trained alone, and notes what those gave.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from statistics import median
from typing import TypeVar

from adaptive.artifact import Artifact, artifact_names, load_artifact
from adaptive.cost_table import load_costs
from adaptive.engine.protocol import EngineName, add_engine_option
from adaptive.errors import ConfigError
from adaptive.precision import Effort
from experiments.commands.evaluate import check_fit, chosen_dataset, watched
from experiments.docs import console_table, markdown_table, replace_block
from experiments.efforts.alone import AloneRow, alone_rows, note_alone
from experiments.efforts.answered import Answered, answered, uniform_efforts
from experiments.efforts.escalations import choose_escalations
from experiments.efforts.front import front_figures
from experiments.efforts.governed import GovernedRow, governed_rows
from experiments.efforts.rows import EffortRow, effort_rows, escalation_row
from experiments.metric import Metric
from experiments.study_config import exit_code
from models.data import ImageSet

_Row = TypeVar("_Row", EffortRow, GovernedRow, AloneRow, Metric)
BOARDS = ("odroid-xu4", "rpi4b")
SCENARIO, AMBIENTS_DEGC = "bursts", (40.0, 55.0)
GOVERNED = (
    "board", "ambient", "points", "governor", "reward", "share of bound", "answered",
    "mJ a right answer", "s above cap",
)  # fmt: skip
ALONE = ("effort", "M MAC", "nested", "alone", "difference, points", "95 % interval")
FRONT = ("figure", "value")
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
    instead.add_argument(
        "--alone", type=Path, nargs="+", metavar="FILE", help="artifacts trained alone"
    )
    parser.add_argument("--seeds", type=int, default=3, help="of --governed's frames (3)")
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


def widths_alone(artifact: Artifact, args: argparse.Namespace) -> list[AloneRow]:
    """Return the rows of one network's widths, and note what the networks alone gave."""
    test = images_of(artifact, args)[1]
    found = measured(artifact, test, "test", args.engine)
    others = [load_artifact(path) for path in args.alone]
    rows = [
        row
        for other in others
        for row in alone_rows(artifact, found, other, measured(other, test, "test", args.engine))
    ]
    note_alone(artifact, others)
    return rows


def _alone_cells(row: AloneRow) -> tuple[str, ...]:
    """Format a width for people."""
    low, high = 100 * row.low, 100 * row.high
    return (
        row.effort,
        f"{row.macs / 1e6:.2f}",
        f"{100 * row.nested:.2f} %",
        f"{100 * row.alone:.2f} %",
        f"{100 * row.difference:+.2f}",
        f"{low:+.2f} .. {high:+.2f}",
    )


def _front_cells(row: Metric) -> tuple[str, ...]:
    """Format a figure of the fronts for people."""
    value = f"{1e6 * row.value:.2f} uJ" if row.unit == "J" else f"{row.value:.3f}"
    return row.metric, value


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
    cases = list(product(args.board or BOARDS, AMBIENTS_DEGC, range(args.seeds)))
    rows: list[GovernedRow] = []
    refused: list[str] = []
    with watched(f"{len(cases)} boards, ambients and seeds") as progress:
        for done, (board, ambient_degc, seed) in enumerate(cases, 1):
            try:
                rows += governed_rows(
                    named,
                    board,
                    scenario=SCENARIO,
                    ambient_degc=ambient_degc,
                    minutes=args.minutes,
                    seed=seed,
                )
            except ConfigError as error:
                # Too hot for a board at all: the other cases still say something.
                if str(error) not in refused:
                    refused.append(str(error))
            progress(done / len(cases))
    if not rows:
        raise ConfigError(refused[0])
    for line in refused:
        print(f"effort_table: left out: {line}", file=sys.stderr)
    return rows


def _over_seeds(rows: Sequence[GovernedRow]) -> list[tuple[GovernedRow, ...]]:
    """Gather the runs that differ in their seed alone."""
    found: dict[object, list[GovernedRow]] = {}
    for row in rows:
        key = (row.board, row.ambient_degc, row.points, row.governor)
        found.setdefault(key, []).append(row)
    return [tuple(runs) for runs in found.values()]


def _governed_cells(runs: tuple[GovernedRow, ...]) -> tuple[str, ...]:
    """Format the runs of all seeds for people: medians, of the share also the range."""
    one, shares = runs[0], [run.share for run in runs]
    energies = [r.energy_per_correct_j for r in runs if r.energy_per_correct_j is not None]
    spread = f" ({min(shares):.3f} .. {max(shares):.3f})" if len(runs) > 1 else ""
    return (
        one.board,
        f"{one.ambient_degc:.0f}",
        one.points,
        one.governor,
        f"{median(run.reward for run in runs):.3f}",
        f"{median(shares):.3f}{spread}",
        f"{median(run.answered for run in runs):.3f}",
        f"{1e3 * median(energies):.2f}" if energies else "-",
        f"{max(run.time_above_cap_s for run in runs):.1f}",
    )


def main(arguments: list[str]) -> int:
    """Print the table of each network, its fronts, its runs or its widths."""
    args = arguments_of(arguments)
    if args.seeds < 1:
        raise ConfigError(f"--seeds is {args.seeds}, expected 1 or more")
    for named, artifact in chosen_artifacts(args.artifact).items():
        name = artifact.name
        if args.front:
            figures = fronts_of(artifact, args)
            _show(f"front {name}", FRONT, figures, map(_front_cells, figures), args)
        elif args.governed:
            runs = runs_of(named, args)
            cells = map(_governed_cells, _over_seeds(runs))
            _show(f"governed {name}", GOVERNED, runs, cells, args)
        elif args.alone:
            widths = widths_alone(artifact, args)
            _show(f"alone {name}", ALONE, widths, map(_alone_cells, widths), args)
        else:
            rows = rows_of(artifact, args)
            _show(f"efforts {name}", HEADER, rows, map(_cells, rows), args)
    return 0


def _show(
    title: str,
    header: tuple[str, ...],
    rows: Sequence[_Row],
    cells: Iterable[tuple[str, ...]],
    args: argparse.Namespace,
) -> None:
    """Print rows as JSON or as cells, and put these into a page where one is named.

    A page leaves out what runs at 16 bits where 8 bits stand beside it, alike within their errors.
    """
    table = list(cells)
    if args.json:
        for row in rows:
            print(json.dumps(asdict(row)), flush=True)
    else:
        print(f"{title}\n{console_table(header, table)}", flush=True)
    if args.doc:
        few = [line for line in table if "all-16" not in line[0]]
        replace_block(args.doc, title, markdown_table(header, few))


if __name__ == "__main__":
    sys.exit(exit_code(lambda: main(sys.argv[1:])))
