"""What 8 bits cost, level by level: `python -m experiments.precision_table`.

    python -m experiments.precision_table [--json] [--doc docs/networks.md]
    python -m experiments.precision_table --rerun --data-dir DIR [--artifact NAME] [--jobs N]

Every figure is of the 10,000 official test images of a bundled network's data set. Predictions are
kept in `experiments/predictions`, by the network's checksum and plan, and answer at once; `--rerun`
computes them anew from the images, through the integer engine; it goes on where it was stopped.
"""

import argparse
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

from adaptive.artifact import Artifact
from adaptive.errors import AdaptiveError, ConfigError
from experiments.docs import replace_block
from experiments.precision.config import PrecisionConfig
from experiments.precision.figures import Network
from experiments.precision.study import (
    KEPT,
    VARIANTS,
    Place,
    Variant,
    bundled,
    find_predictions,
    kept_file,
    rerun,
)
from experiments.precision.tables import tables
from experiments.progress import Progress
from experiments.study_config import exit_code, read_config


def arguments_of(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="What 8 bits cost, level by level.")
    parser.add_argument("--json", action="store_true", help="print one JSON object a figure")
    parser.add_argument("--artifact", metavar="NAME", help="this bundled network only")
    parser.add_argument("--rerun", action="store_true", help="compute predictions from the images")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="data folder ($ADAPTIVE_DATA)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (1)")
    parser.add_argument(
        "--work-dir", type=Path, default=Path("runs/precision"), metavar="DIR",
        help="unfinished work of --rerun (runs/precision)",
    )  # fmt: skip
    parser.add_argument("--predictions", type=Path, default=KEPT, help=argparse.SUPPRESS)
    parser.add_argument("--config", type=Path, help="YAML file (the one beside the module)")
    parser.add_argument("--doc", type=Path, metavar="FILE", help="put the tables into FILE")
    return parser.parse_args(arguments)


def chosen_networks(named: str | None) -> tuple[Artifact, ...]:
    """Return the bundled CIFAR networks, or the one named; raises ConfigError if it is none."""
    found = bundled()
    chosen = tuple(artifact for artifact in found if named in (None, artifact.name))
    if not chosen:
        names = ", ".join(artifact.name for artifact in found)
        raise ConfigError(f"--artifact is {named!r}, expected one of {names}")
    return chosen


def begun(label: str) -> Callable[[float], None]:
    """Show a bar for a piece of work."""
    progress = Progress(label)

    def show(share: float) -> None:
        progress(share)
        if share >= 1.0:
            progress.close()

    return show


def network_of(
    artifact: Artifact, variant: Variant, config: PrecisionConfig, args: argparse.Namespace
) -> Network:
    """Return a network in one arithmetic, with its predictions; raises ConfigError without."""
    place = Place(args.data_dir, args.predictions, args.work_dir, args.jobs)
    if args.rerun:
        predictions = rerun(artifact, variant, config, place, begun)
        print(f"wrote {kept_file(artifact, variant, place.kept)}", file=sys.stderr)
    else:
        predictions = find_predictions(artifact, variant, place.kept)
    name = predictions.source.dataset
    if name not in config.level1:
        raise ConfigError(f"level1 has no {name}, expected the level to report for it")
    return Network(artifact, predictions, config.level1[name], variant.prefix)


def main(arguments: list[str]) -> int:
    """Print the figures of every network that has some; 2 if one has none in its own arithmetic."""
    args = arguments_of(arguments)
    if args.jobs < 1:
        raise ConfigError(f"--jobs is {args.jobs}, expected 1 or more")
    config = read_config("precision_table", PrecisionConfig, args.config)
    networks, lacking = [], False
    artifacts = chosen_networks(args.artifact)
    # A long run has every network's own figures before the comparisons.
    for variant, artifact in product(VARIANTS, artifacts):
        try:
            networks.append(network_of(artifact, variant, config, args))
        except (AdaptiveError, OSError) as error:
            print(f"precision_table: {' '.join(str(error).split())}", file=sys.stderr)
            # Another arithmetic is a comparison: without it the network's own figures stand.
            lacking |= args.rerun or not variant.prefix
    networks.sort(key=lambda network: network.artifact.name)
    if args.json:
        for network in networks:
            for figure in network.figures(config):
                print(figure.to_json(), flush=True)
    for name, table in tables(networks, config).items() if not args.json or args.doc else ():
        if args.doc:
            replace_block(args.doc, name, table)
        if not args.json:
            print(f"{name}\n{table}\n")
    return 2 if lacking else 0


if __name__ == "__main__":
    sys.exit(exit_code(lambda: main(sys.argv[1:])))
