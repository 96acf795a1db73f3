"""What every effort of a network costs and gives: `python -m experiments.effort_table`.

    python -m experiments.effort_table --data-dir DIR [--artifact NAME ...] [--json] [--front]

Widths, heads and uniform precisions on the held-out images, through the integer engine, level by
level; then the cheapest escalations, calibrated on the calibration images, with their mean costs.
`--front` compares what all efforts offer with what bits alone do, on the bundled accelerator.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from adaptive.artifact import Artifact, artifact_names, load_artifact
from adaptive.engine.protocol import EngineName, add_engine_option
from adaptive.errors import ConfigError
from adaptive.precision import Effort
from adaptive.search.costs import load_costs
from experiments.commands.evaluate import check_fit, chosen_dataset, watched
from experiments.docs import console_table, markdown_table, replace_block
from experiments.efforts.answered import Answered, answered
from experiments.efforts.front import front_figures
from experiments.efforts.rows import (
    EffortRow,
    choose_escalations,
    effort_rows,
    escalation_row,
    uniform_efforts,
)
from experiments.metric import Metric
from experiments.study_config import exit_code
from models.data import ImageSet

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
    parser.add_argument("--front", action="store_true", help="compare with bits alone instead")
    parser.add_argument("--doc", type=Path, metavar="FILE", help="put the tables into FILE")
    add_engine_option(parser)
    return parser.parse_args(arguments)


def chosen_artifacts(named: list[str] | None) -> tuple[Artifact, ...]:
    """Return the artifacts named, or all bundled ones that have efforts beyond bits."""
    if named:
        return tuple(load_artifact(name) for name in named)
    bundled = [load_artifact(name) for name in artifact_names()]
    found = tuple(a for a in bundled if len(a.widths) > 1 or len(a.heads) > 1)
    if not found:
        names = ", ".join(artifact.name for artifact in bundled)
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
    if len(artifact.widths) > 1 or len(artifact.heads) > 1:
        known = measured(artifact, calibration, "calibration", args.engine)
        rules = choose_escalations(artifact, known)
        rows += [escalation_row(artifact, rule, found) for rule in rules]
    return rows


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


def main(arguments: list[str]) -> int:
    """Print the table of each network, or its fronts."""
    args = arguments_of(arguments)
    for artifact in chosen_artifacts(args.artifact):
        if args.front:
            for figure in fronts_of(artifact, args):
                print(figure.to_json() if args.json else f"{figure.metric}: {figure.value:.4g}")
            continue
        rows = rows_of(artifact, args)
        if args.json:
            for row in rows:
                print(json.dumps(asdict(row)), flush=True)
        else:
            print(f"{artifact.name} ({artifact.checksum[:12]})")
            print(console_table(HEADER, [_cells(row) for row in rows]))
        if args.doc:
            table = markdown_table(HEADER, [_cells(row) for row in rows])
            replace_block(args.doc, f"efforts {artifact.name}", table)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(lambda: main(sys.argv[1:])))
