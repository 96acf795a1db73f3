"""Bring in a trained network without training it: `python -m experiments.import_network`.

    python -m experiments.import_network --network resnet18 --weights resnet18.pth --data-dir DIR

Reads a state_dict laid out as torchvision's (or as our own float checkpoints), folds batch norm
and the input's normalisation, calibrates ranges on some calibration images, measures efforts on
all of those that are asked for, and writes an artifact. `adaptive evaluate` then answers on the
held-out images.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact, save_artifact
from adaptive.errors import AdaptiveError, ConfigError
from adaptive.labels import LabelTree
from models.convert import convert
from models.data import ImageSet, LabelledImages
from models.datasets.catalogue import DataSet, dataset, dataset_names
from models.datasets.imagenet import ImageFolder
from models.fold import Normalisation
from models.phase import load_checkpoint
from models.post_training import PostTraining, calibrated_artifact
from models.ranges import RangeMethod
from models.trees import load_tree, tree_of
from models.zoo.catalogue import Kind, NetworkConfig, build

# What the published weights of each network were trained on [pytorch/vision, transforms].
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CENTRED = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
AUXILIARY = ("aux1.", "aux2.")
CHUNK = 64

PLAIN = tuple(kind for kind in get_args(Kind) if not kind.endswith("_early"))
"""Networks that someone may have trained elsewhere."""


@dataclass(frozen=True, slots=True)
class Import:
    """What to bring in and how.

    `images` calibration images are used, spread evenly. `normalised` says whether the network
    expects the usual normalised input rather than pixels / 255.
    """

    network: NetworkConfig
    weights: Path
    images: int
    how: PostTraining
    normalised: bool
    arithmetic: Arithmetic = Arithmetic.AFFINE

    def __post_init__(self) -> None:
        if self.images < 1:
            raise ConfigError(f"images is {self.images}, expected at least 1")


def normalisation_of(kind: Kind) -> Normalisation:
    """Return what the published weights of a network expect of its input."""
    return CENTRED if kind == "inception_v1" else IMAGENET


def load_weights(network: torch.nn.Module, path: Path) -> None:
    """Load a state_dict; auxiliary classifiers in it are left out.

    Raises
    ------
    ConfigError
        Naming the file and what is missing, too much or of another shape.
    """
    state = {
        name: value
        for name, value in load_checkpoint(path).items()
        if not name.startswith(AUXILIARY)
    }
    try:
        network.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: not the state_dict of this network: {line[:300]}") from error


def spread(data: ImageSet, count: int) -> LabelledImages:
    """Take images evenly spread over a data set, in order; only those are decoded."""
    wanted = np.unique(np.linspace(0, len(data) - 1, min(count, len(data))).round().astype(int))
    if isinstance(data, ImageFolder):
        files = tuple(data.files[index] for index in wanted)
        folder = ImageFolder(files, data.labels[wanted], data.classes)
        parts = [batch.images for batch in folder.batches(CHUNK)]
        return LabelledImages(np.concatenate(parts), folder.labels)
    whole = np.concatenate([batch.images for batch in data.batches(len(data))])
    return LabelledImages(whole[wanted], data.labels[wanted])


def import_network(
    wanted: Import, source: DataSet, tree: LabelTree, *, data_dir: Path | None
) -> Artifact:
    """Convert, calibrate, export and measure; raises ConfigError where something does not fit."""
    kind = wanted.network.kind
    plain = build(wanted.network, classes=len(tree.leaves))
    load_weights(plain, wanted.weights)
    normalisation = normalisation_of(kind) if wanted.normalised else None
    network = convert(
        plain, source.shape, normalisation=normalisation, arithmetic=wanted.arithmetic
    )
    data = spread(source.load("calibration", data_dir=data_dir), wanted.images)
    name = f"{kind}_{source.name.replace('-', '_')}"
    return calibrated_artifact(
        network,
        data.images,
        data.labels,
        how=wanted.how,
        name=name,
        tree=tree,
        provenance={
            "command": f"python -m experiments.import_network --network {kind}",
            "dataset": source.title,
            "weights": wanted.weights.name,
        },
    )


def arguments_of(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Bring in a trained network without training it.")
    parser.add_argument("--network", required=True, choices=PLAIN, help="of the zoo")
    parser.add_argument("--width", type=float, default=1.0, help="factor on channels (1)")
    parser.add_argument("--weights", type=Path, required=True, help="state_dict, .pt or .pth")
    parser.add_argument("--dataset", choices=dataset_names(), default="imagenet", help="(imagenet)")
    parser.add_argument("--data-dir", type=Path, help="data folder ($ADAPTIVE_DATA)")
    parser.add_argument("--labels", type=Path, help="YAML label tree (the data set's)")
    parser.add_argument("--images", type=int, default=500, help="calibration images (500)")
    parser.add_argument(
        "--range", choices=[method.value for method in RangeMethod], default="greatest"
    )
    parser.add_argument(
        "--arithmetic", choices=[one.value for one in Arithmetic], default="affine", help="(affine)"
    )
    parser.add_argument("--plans", type=int, default=0, help="random plans to measure as well (0)")
    parser.add_argument(
        "--pixels", action="store_true", help="the network expects pixels / 255, not normalised"
    )
    parser.add_argument("--output", type=Path, required=True, help="artifact to write")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the command."""
    args = arguments_of(arguments)
    try:
        wanted = Import(
            NetworkConfig(args.network, args.width),
            args.weights,
            args.images,
            PostTraining(RangeMethod(args.range), args.plans),
            normalised=not args.pixels,
            arithmetic=Arithmetic(args.arithmetic),
        )
        if args.labels is None:
            tree = tree_of(args.dataset, data_dir=args.data_dir)
        else:
            tree = load_tree(args.labels)
        artifact = import_network(wanted, dataset(args.dataset), tree, data_dir=args.data_dir)
        save_artifact(artifact, args.output)
    except (AdaptiveError, OSError, ValueError) as error:
        print(f"import_network: {error}", file=sys.stderr)
        return 2
    print(f"wrote {args.output} ({args.output.stat().st_size} bytes, {artifact.checksum[:12]})")
    for entry in artifact.measured:
        plan = entry.effort.plan.code
        print(f"{plan:<24} " + "  ".join(f"{k} {v:.2%}" for k, v in entry.accuracy.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
