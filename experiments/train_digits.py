"""Train, export and measure the bundled digits network: `python -m experiments.train_digits`.

Writes the artifact and prints what was measured. The held-out images are looked at once, at the
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
from adaptive.precision import Bits, Effort, PrecisionPlan, all_plans
from experiments.commands.evaluate import evaluate
from models.data import Distortion, LabelledImages, enlarge, load_digits
from models.export import export_network, measure, with_measurements
from models.train import Recipe, train
from models.zoo.digits import digits_network

CONFIG = Path(__file__).with_suffix(".yaml")
TARGET = Path(__file__).parents[1] / "adaptive" / "artifacts" / "digits.npz"
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
class Config:
    """The whole of the YAML file."""

    network: Network
    training: Recipe
    measurement: Measurement
    labels: dict[str, Any]


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
    versions, distortion = config.measurement.versions, config.measurement.distortion
    provenance: dict[str, Fact] = {
        "command": COMMAND,
        "dataset": "scikit-learn digits (UCI Optical Recognition of Handwritten Digits, test set)",
        "training_images": len(data),
        "seed": config.training.seed,
        "measured_on": (
            f"{len(calibration)} calibration images, each in {versions} versions moved at random "
            f"(seed {config.measurement.seed}, {distortion})"
        ),
        "levels": "shape is an illustration of a coarse level",
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
    artifact = export_network(network, name="digits", labels=tree, provenance=provenance)
    progress(f"measuring {2 ** len(artifact.layers)} plans")
    enlarged = enlarge(calibration, versions, distortion, seed=config.measurement.seed)
    efforts = [Effort(plan) for plan in all_plans(artifact.layers)]
    return with_measurements(artifact, measure(artifact, efforts, enlarged))


def report(artifact: Artifact) -> None:
    """Print the two uniform plans and the range of the mixes, then the held-out accuracy."""
    print(f"\n{'plan':<24} {'level':<8} {'calibration':>12} {'held out':>9}   95 % interval")
    uniform = [
        Effort(PrecisionPlan.uniform(artifact.layers, bits)) for bits in (Bits.INT16, Bits.INT8)
    ]
    by_plan = {entry.effort.plan.code: entry for entry in artifact.measured}
    for row in evaluate(artifact, uniform, load_digits("test")):
        measured = by_plan[str(row["plan"])].accuracy[str(row["level"])]
        print(
            f"{row['plan']:<24} {row['level']:<8} {100 * measured:>11.2f}% "
            f"{100 * float(row['accuracy']):>8.2f}%   "
            f"{100 * float(row['low']):.2f} .. {100 * float(row['high']):.2f}"
        )
    leaf = sorted((m.accuracy["leaf"], m.effort.plan.code) for m in artifact.measured)
    print(f"all plans, calibration, leaf: {leaf[0][0]:.2%} ({leaf[0][1]}) to ", end="")
    print(f"{leaf[-1][0]:.2%} ({leaf[-1][1]})")


def main(arguments: list[str]) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description="Train the bundled digits network.")
    parser.add_argument("--config", type=Path, default=CONFIG, help="YAML file")
    parser.add_argument("--output", type=Path, default=TARGET, help="artifact to write")
    args = parser.parse_args(arguments)
    try:
        artifact = build_artifact(
            load_config(args.config),
            load_digits("train"),
            load_digits("calibration"),
            progress=lambda line: print(line, flush=True),
        )
        save_artifact(artifact, args.output)
    except (AdaptiveError, OSError) as error:
        print(f"train_digits: {error}", file=sys.stderr)
        return 2
    print(f"wrote {args.output} ({args.output.stat().st_size} bytes, {artifact.checksum[:12]})")
    report(artifact)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
