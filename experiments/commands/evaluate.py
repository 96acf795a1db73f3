"""`adaptive evaluate`: how well a network answers on held-out images, plan by plan."""

import argparse
import json

from adaptive.artifact import Artifact, load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ArtifactError, ConfigError
from adaptive.precision import Effort, PrecisionPlan, parse_plan, random_plans
from adaptive.proportion import wilson_interval
from models.data import LabelledImages, load_digits

HELP = "Measure a network's accuracy on the held-out digits through the integer engine."
RANDOM = "random:"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--artifact", default="digits", help="bundled name or file (digits)")
    parser.add_argument(
        "--plan",
        default="all-16",
        help="all-16, all-8, bits in layer order such as 16.8.8, a JSON or YAML file "
        "{layer: bits}, or random:N",
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the plans of random:N (0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print accuracy per level, with its 95 % interval, for each plan."""
    artifact = load_artifact(args.artifact)
    plans = chosen_plans(args.plan, artifact.layers, seed=args.seed)
    efforts = [Effort(plan) for plan in plans]
    for effort in efforts:
        artifact.require(effort)
    data = load_digits("test")
    check_fit(artifact, data)
    if not args.json:
        print(f"{artifact.name} ({artifact.checksum[:12]}), {len(data)} held-out images")
        print(f"{'plan':<24} {'level':<8} {'accuracy':>9}   95 % interval")
    for row in evaluate(artifact, efforts, data):
        print(json.dumps(row) if args.json else _line(row))
    return 0


def chosen_plans(text: str, layers: tuple[str, ...], *, seed: int) -> tuple[PrecisionPlan, ...]:
    """Read `--plan`; raises ConfigError saying what is wrong with it."""
    if not text.startswith(RANDOM):
        return (parse_plan(text, layers),)
    count = text.removeprefix(RANDOM)
    if not (count.isascii() and count.isdigit()):
        raise ConfigError(f"--plan is {text!r}, expected a number after {RANDOM}")
    return random_plans(layers, int(count), seed=seed)


def check_fit(artifact: Artifact, data: LabelledImages) -> None:
    """Raise ArtifactError if the network reads other images or tells other classes apart."""
    shape, classes = data.images.shape[1:], int(data.labels.max()) + 1
    if artifact.source.shape != shape or len(artifact.labels.leaves) != classes:
        raise ArtifactError(
            f"artifact {artifact.name} reads images {artifact.source.shape} of "
            f"{len(artifact.labels.leaves)} classes, expected {shape} of {classes}"
        )


def evaluate(
    artifact: Artifact, efforts: list[Effort], data: LabelledImages
) -> list[dict[str, str | float | int]]:
    """Return one row for each effort and level."""
    engine = ReferenceEngine(artifact)
    rows: list[dict[str, str | float | int]] = []
    for effort, codes in engine.run_all(data.images, efforts):
        probabilities = engine.soften(codes, effort)
        for level in artifact.labels.levels:
            right = artifact.labels.correct(probabilities, data.labels, level=level)
            low, high = wilson_interval(int(right.sum()), len(data))
            rows.append(
                {
                    "artifact": artifact.name,
                    "plan": effort.plan.code,
                    "level": level,
                    "accuracy": float(right.mean()),
                    "low": low,
                    "high": high,
                    "n": len(data),
                }
            )
    return rows


def _line(row: dict[str, str | float | int]) -> str:
    """Format one row for people."""
    share, low, high = (100 * float(row[key]) for key in ("accuracy", "low", "high"))
    return f"{row['plan']:<24} {row['level']:<8} {share:>8.2f}%   {low:.2f} .. {high:.2f}"
