"""`adaptive evaluate`: how well a network answers on held-out images, plan by plan."""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact, load_artifact
from adaptive.engine.protocol import EngineName, add_engine_option, default_engine
from adaptive.errors import ArtifactError, ConfigError
from adaptive.labels import LabelTree
from adaptive.precision import Effort, PrecisionPlan, parse_plan, random_plans
from adaptive.proportion import wilson_interval
from experiments.answers import answers
from experiments.level_choice import keep_promise
from experiments.progress import Progress
from models.data import ImageSet
from models.datasets.catalogue import DataSet, dataset, dataset_names, dataset_of
from models.datasets.imagenet import ImageFolder

HELP = (
    "Measure a network's accuracy on the held-out images of its data set through the integer "
    "engine: at each level of its labels, by adding up leaf probabilities (accuracy) and mapping "
    "the best leaf upward (mapped), each with its 95 per cent interval."
)
RANDOM = "random:"
DEFAULT = "digits"

Row = dict[str, str | float | int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--artifact", default="digits", help="bundled name or file (digits)")
    parser.add_argument(
        "--plan",
        default="all-16",
        help="all-16, all-8, bits in layer order such as 16.8.8, a JSON or YAML file "
        "{layer: bits}, or random:N",
    )
    parser.add_argument(
        "--width", type=float, default=1.0, metavar="SHARE", help="share of the channels (1)"
    )
    parser.add_argument("--head", default="leaf", metavar="NAME", help="head that answers (leaf)")
    parser.add_argument("--seed", type=int, default=0, help="draws the plans of random:N (0)")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="folder of the data set ($ADAPTIVE_DATA)"
    )
    parser.add_argument(
        "--dataset", choices=dataset_names(), help="the one the artifact names by default"
    )
    parser.add_argument(
        "--alpha",
        type=float,
        metavar="SHARE",
        help="also let each plan choose the level of every answer so that at most this share is "
        "wrong; its threshold comes from the calibration images",
    )
    add_engine_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print accuracy per level, with its 95 % interval, for each plan."""
    artifact = load_artifact(args.artifact)
    plans = chosen_plans(args.plan, artifact.layers, seed=args.seed)
    efforts = [chosen_effort(plan, args) for plan in plans]
    for effort in efforts:
        artifact.require(effort)
    chosen = chosen_dataset(artifact, args.dataset)
    data = chosen.load("test", data_dir=args.data_dir)
    check_fit(artifact, chosen, data)
    if args.alpha is not None and not 0.0 < args.alpha < 1.0:
        raise ConfigError(f"--alpha is {args.alpha}, expected above 0 and below 1")
    if args.alpha is not None and args.head in artifact.head_levels:
        raise ConfigError(
            f"--alpha with --head {args.head}: it answers at {artifact.head_levels[args.head]}, "
            "expected a head that tells leaves"
        )
    with watched(f"{len(efforts)} plans, {len(data):,} images") as progress:
        rows = evaluate(artifact, efforts, data, engine=args.engine, progress=progress)
    if not args.json:
        engine = args.engine or default_engine()
        print(
            f"{artifact.name} ({artifact.checksum[:12]}), {len(data)} held-out images, "
            f"{engine} integer engine"
        )
        print(f"{'effort':<24} {'level':<10} {'accuracy':>9}   {'95 % interval':<16} mapped upward")
    for row in rows:
        print(json.dumps(row) if args.json else _line(row))
    if args.alpha is not None:
        known = chosen.load("calibration", data_dir=args.data_dir)
        with watched(f"{len(efforts)} plans, level choice") as progress:
            choices = keep_promise(
                artifact, efforts, known, data, alpha=args.alpha, progress=progress
            )
            lines = [json.dumps(row) if args.json else _choice_line(row) for row in choices]
        print("\n".join(lines))
    return 0


@contextmanager
def watched(label: str) -> Iterator[Progress]:
    """Show a bar while something is done."""
    progress = Progress(label)
    try:
        yield progress
    finally:
        progress.close()


def chosen_plans(text: str, layers: tuple[str, ...], *, seed: int) -> tuple[PrecisionPlan, ...]:
    """Read `--plan`; raises ConfigError saying what is wrong with it."""
    if not text.startswith(RANDOM):
        return (parse_plan(text, layers),)
    count = text.removeprefix(RANDOM)
    if not (count.isascii() and count.isdigit()):
        raise ConfigError(f"--plan is {text!r}, expected a number after {RANDOM}")
    return random_plans(layers, int(count), seed=seed)


def chosen_effort(plan: PrecisionPlan, args: argparse.Namespace) -> Effort:
    """Read `--width` and `--head`; raises ConfigError saying what is wrong with them."""
    try:
        return Effort(plan, args.width, args.head)
    except ValueError as error:
        raise ConfigError(f"--width or --head: {error}") from error


def chosen_dataset(artifact: Artifact, named: str | None) -> DataSet:
    """Return the data set named, else the one in the artifact's provenance, else the digits.

    Raises ArtifactError if the provenance speaks of one that is not known.
    """
    if named is not None:
        return dataset(named)
    fact = artifact.provenance.get("dataset", DEFAULT)
    try:
        return dataset_of(str(fact))
    except ConfigError as error:
        raise ArtifactError(f"artifact {artifact.name}: {error}; choose with --dataset") from error


def check_fit(artifact: Artifact, known: DataSet, data: ImageSet) -> None:
    """Raise ArtifactError if the network reads other images or tells other classes apart."""
    leaves = artifact.labels.leaves
    classes = len(data.classes) if isinstance(data, ImageFolder) else known.classes
    if artifact.source.shape != known.shape or len(leaves) != classes:
        raise ArtifactError(
            f"artifact {artifact.name} reads images {artifact.source.shape} of "
            f"{len(leaves)} classes, expected {known.shape} of {classes} for {known.name}"
        )


@dataclass(slots=True)
class _Tally:
    """Right answers so far, by level: of the summed probabilities, and of the best leaf.

    `tree` is of the labels that the head tells, `above` the index of its node for each leaf.
    """

    tree: LabelTree
    above: NDArray[np.int64]
    marginalised: dict[str, int] = field(default_factory=dict)
    mapped: dict[str, int] = field(default_factory=dict)

    def add(self, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
        """Count one batch."""
        labels = self.above[labels]
        best = self.tree.predict(probabilities, self.tree.levels[0])
        for level in self.tree.levels:
            above = self.tree.ancestors(level)
            right = int(self.tree.correct(probabilities, labels, level=level).sum())
            self.marginalised[level] = self.marginalised.get(level, 0) + right
            up = int((above[best] == above[labels]).sum())
            self.mapped[level] = self.mapped.get(level, 0) + up


def evaluate(
    artifact: Artifact,
    efforts: Sequence[Effort],
    data: ImageSet,
    *,
    engine: EngineName | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> list[Row]:
    """Return one row for each effort and level; shares are 0..1.

    `accuracy` counts the node of greatest summed probability, `mapped` the node above the best
    leaf; at the leaves they are the same.
    """
    tallies = {effort: _tally(artifact, effort.head) for effort in efforts}
    for effort, probabilities, labels in answers(
        artifact, efforts, data, engine=engine, progress=progress
    ):
        tallies[effort].add(probabilities, labels)
    return [
        _row(artifact, effort, level, tally, n=len(data))
        for effort, tally in tallies.items()
        for level in tally.tree.levels
    ]


def _tally(artifact: Artifact, head: str) -> _Tally:
    """Begin to count the answers of a head."""
    own = artifact.labels_of(head)
    return _Tally(own, artifact.labels.ancestors(own.levels[0]))


def _row(artifact: Artifact, effort: Effort, level: str, tally: _Tally, *, n: int) -> Row:
    """Turn counts into shares with their intervals."""
    right, mapped = tally.marginalised[level], tally.mapped[level]
    low, high = wilson_interval(right, n)
    mapped_low, mapped_high = wilson_interval(mapped, n)
    return {
        "artifact": artifact.name,
        "plan": effort.code,
        "level": level,
        "accuracy": right / n,
        "low": low,
        "high": high,
        "mapped": mapped / n,
        "mapped_low": mapped_low,
        "mapped_high": mapped_high,
        "n": n,
    }


def _line(row: Row) -> str:
    """Format one row for people."""
    names = ("accuracy", "low", "high", "mapped", "mapped_low", "mapped_high")
    share, low, high, mapped, m_low, m_high = (100 * float(row[name]) for name in names)
    return (
        f"{row['plan']:<24} {row['level']:<10} {share:>8.2f}%   {low:>6.2f} .. {high:<6.2f} "
        f"{mapped:>6.2f}% ({m_low:.2f} .. {m_high:.2f})"
    )


def _choice_line(row: Row) -> str:
    """Format the outcome of level choice for people."""
    covered, low, high = (100 * float(row[name]) for name in ("coverage", "low", "high"))
    return (
        f"{row['plan']:<24} levels chosen for at most {float(row['alpha']):.1%} wrong: "
        f"{covered:.2f}% right ({low:.2f} .. {high:.2f}), "
        f"{float(row['information_bits']):.2f} of {float(row['most_bits']):.2f} bits"
    )
