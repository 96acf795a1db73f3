"""Train, export and measure the bundled digits networks: `python -m experiments.train_digits`.

    python -m experiments.train_digits [--early]

With `--early` the one that has nested widths and an early head beside its precisions. Writes the
artifact and prints what was measured. The held-out images are looked at once, at the
end, to report; nothing is chosen by them.
"""

import argparse
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
import yaml

from adaptive.artifact import Artifact, save_artifact
from adaptive.errors import AdaptiveError, ConfigError
from adaptive.labels import LabelTree
from adaptive.manifest import Fact
from adaptive.precision import Effort, all_plans
from experiments.commands.evaluate import evaluate
from experiments.efforts.escalations import with_escalations
from models.convert import convert
from models.data import Distortion, LabelledImages, enlarge, load_digits
from models.export import export_network, measure, with_measurements
from models.image_training import FloatRecipe, JointRecipe, train_jointly
from models.nested import nest
from models.nested_training import train_nested
from models.phase import EpochReport
from models.train import Recipe, reproducible, train
from models.zoo.digits import EarlyDigits, digits_network

CONFIG = Path(__file__).with_suffix(".yaml")
TARGETS = Path(__file__).parents[1] / "adaptive" / "artifacts"
COMMAND = "python -m experiments.train_digits"


@dataclass(frozen=True, slots=True)
class Network:
    """Size of the network."""

    width: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """How the calibration images are enlarged before efforts are measured on them."""

    versions: int
    seed: int
    distortion: Distortion


@dataclass(frozen=True, slots=True)
class EarlyRecipe:
    """How the network with widths and an early head is trained.

    `early` is the level its early head answers at; `versions` of each image, moved at random, are
    trained on.
    """

    early: str
    widths: tuple[float, ...]
    versions: int
    float: FloatRecipe
    joint: JointRecipe


@dataclass(frozen=True, slots=True)
class Config:
    """The whole of the YAML file."""

    network: Network
    training: Recipe
    measurement: Measurement
    labels: dict[str, Any]
    early: EarlyRecipe


def load_config(path: Path) -> Config:
    """Read and check the YAML file; raises ConfigError naming the field."""
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Config)
    except (OSError, ValueError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error


def build_artifact(
    config: Config,
    data: LabelledImages,
    calibration: LabelledImages,
    *,
    progress: Callable[[str], None],
) -> Artifact:
    """Train on some images, measure every plan on others, and return the artifact."""
    tree = LabelTree.from_dict(config.labels)
    network = train(
        lambda: digits_network(width=config.network.width),
        data,
        tree=tree,
        recipe=config.training,
        progress=progress,
    )
    provenance = _provenance(config, data, calibration, COMMAND, config.training.seed)
    artifact = export_network(network, name="digits", labels=tree, provenance=provenance)
    efforts = [Effort(plan) for plan in all_plans(artifact.layers)]
    return _measured(artifact, efforts, config, calibration, progress)


def build_early(
    config: Config,
    data: LabelledImages,
    calibration: LabelledImages,
    *,
    progress: Callable[[str], None],
) -> Artifact:
    """Train widths and heads together, measure efforts on other images, return the artifact."""
    tree, recipe = LabelTree.from_dict(config.labels), config.early
    heads = {"early": recipe.early}
    moved = enlarge(data, recipe.versions, config.training.distortion, seed=recipe.float.seed)

    def report(epoch: EpochReport) -> None:
        scores = ", ".join(f"{name} {score:.2%}" for name, score in epoch.scores.items())
        progress(f"{epoch.phase} {epoch.epoch}/{epoch.epochs}: loss {epoch.loss:.4f}, {scores}")

    with reproducible(recipe.float.seed):
        plain = nest(EarlyDigits(len(tree.nodes(recipe.early))), recipe.widths)
        train_nested(
            plain,
            moved,
            widths=(1.0, *recipe.widths),
            head_levels=heads,
            tree=tree,
            calibration=calibration,
            recipe=recipe.float,
            checkpoint=None,
            report=report,
        )
        network = convert(plain, (8, 8, 1))
        train_jointly(
            network,
            moved,
            tree=tree,
            calibration=calibration,
            recipe=recipe.joint,
            checkpoint=None,
            report=report,
            head_levels=heads,
        )
    network.set_plan(None)
    provenance = _provenance(config, data, calibration, f"{COMMAND} --early", recipe.float.seed)
    artifact = export_network(
        network.eval(), name="digits_early", labels=tree, provenance=provenance, head_levels=heads
    )
    efforts = [
        Effort(plan, width, head)
        for width in artifact.widths
        for plan in all_plans(artifact.layers)
        for head in artifact.heads
        if len(set(plan.bits)) == 1
    ]
    return _measured(artifact, efforts, config, calibration, progress)


def _provenance(
    config: Config, data: LabelledImages, calibration: LabelledImages, command: str, seed: int
) -> dict[str, Fact]:
    """Say how a network was made."""
    versions, distortion = config.measurement.versions, config.measurement.distortion
    return {
        "command": command,
        "dataset": "scikit-learn digits (UCI Optical Recognition of Handwritten Digits, test set)",
        "training_images": len(data),
        "seed": seed,
        "measured_on": (
            f"{len(calibration)} calibration images, each in {versions} versions moved at random "
            f"(seed {config.measurement.seed}, {distortion})"
        ),
        "levels": "shape is an illustration of a coarse level",
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }


def _measured(
    artifact: Artifact,
    efforts: list[Effort],
    config: Config,
    calibration: LabelledImages,
    progress: Callable[[str], None],
) -> Artifact:
    """Measure efforts on several versions of the calibration images."""
    progress(f"measuring {len(efforts)} efforts")
    how = config.measurement
    enlarged = enlarge(calibration, how.versions, how.distortion, seed=how.seed)
    made = with_measurements(artifact, measure(artifact, efforts, enlarged))
    return with_escalations(made, enlarged) if len(artifact.heads) > 1 else made


def report(artifact: Artifact) -> None:
    """Print the uniform plans and the range of the others, then the held-out accuracy."""
    print(f"\n{'effort':<24} {'level':<8} {'calibration':>12} {'held out':>9}   95 % interval")
    by_plan = {entry.effort.code: entry for entry in artifact.measured}
    uniform = [
        e.effort
        for e in artifact.measured
        if len(set(e.effort.plan.bits)) == 1 and e.effort.onward is None
    ]
    for row in evaluate(artifact, uniform, load_digits("test")):
        measured = by_plan[str(row["plan"])].accuracy[str(row["level"])]
        print(
            f"{row['plan']:<24} {row['level']:<8} {100 * measured:>11.2f}% "
            f"{100 * float(row['accuracy']):>8.2f}%   "
            f"{100 * float(row['low']):.2f} .. {100 * float(row['high']):.2f}"
        )
    leaf = sorted(
        (m.accuracy["leaf"], m.effort.code) for m in artifact.measured if "leaf" in m.accuracy
    )
    print(f"all efforts, calibration, leaf: {leaf[0][0]:.2%} ({leaf[0][1]}) to ", end="")
    print(f"{leaf[-1][0]:.2%} ({leaf[-1][1]})")


def main(arguments: list[str]) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description="Train the bundled digits networks.")
    parser.add_argument(
        "--early", action="store_true", help="the one with nested widths and an early head"
    )
    parser.add_argument("--config", type=Path, default=CONFIG, help="YAML file")
    parser.add_argument("--output", type=Path, help="artifact to write (the bundled one)")
    args = parser.parse_args(arguments)
    build = build_early if args.early else build_artifact
    output = args.output or TARGETS / f"digits{'_early' if args.early else ''}.npz"
    try:
        artifact = build(
            load_config(args.config),
            load_digits("train"),
            load_digits("calibration"),
            progress=lambda line: print(line, flush=True),
        )
        save_artifact(artifact, output)
    except (AdaptiveError, OSError) as error:
        print(f"train_digits: {error}", file=sys.stderr)
        return 2
    print(f"wrote {output} ({output.stat().st_size} bytes, {artifact.checksum[:12]})")
    report(artifact)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
