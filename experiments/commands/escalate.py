"""`adaptive escalate`: find out which efforts go on to which, and put that into the artifact."""

import argparse
import json
from pathlib import Path

from adaptive.artifact import load_artifact, save_artifact
from adaptive.cost import macs_of
from adaptive.engine.protocol import add_engine_option
from experiments.commands.evaluate import check_fit, chosen_dataset, watched
from experiments.efforts.escalations import with_escalations

HELP = (
    "Calibrate escalations of a network with widths or heads: answer with a cheap effort, and go "
    "on to the dearest one where the first answer is unsure. Thresholds are found on the "
    "calibration images; accuracies are counted on halves that did not choose them."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--artifact", required=True, help="bundled name or file")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="folder of the data set ($ADAPTIVE_DATA)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="artifact to write"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_engine_option(parser)


def run(args: argparse.Namespace) -> int:
    """Calibrate, write, and list what was found."""
    artifact = load_artifact(args.artifact)
    chosen = chosen_dataset(artifact, None)
    calibration = chosen.load("calibration", data_dir=args.data_dir)
    check_fit(artifact, chosen, calibration)
    with watched(f"{len(calibration):,} calibration images") as progress:
        made = with_escalations(artifact, calibration, engine=args.engine, progress=progress)
    save_artifact(made, args.output)
    for entry in made.measured:
        if entry.effort.onward is None:
            continue
        (level,) = entry.correct
        row = {
            "effort": entry.effort.code,
            "level": level,
            "accuracy": entry.accuracy[level],
            "share": entry.effort.onward.share,
            "macs": macs_of(made, entry.effort),
        }
        if args.json:
            print(json.dumps(row))
        else:
            print(
                f"{row['effort']:<40} {level:<12} {row['accuracy']:7.2%} right, "
                f"{row['share']:6.1%} go on, {macs_of(made, entry.effort) / 1e6:.2f} M MAC"
            )
    if not args.json:
        print(f"wrote {args.output}")
    return 0
