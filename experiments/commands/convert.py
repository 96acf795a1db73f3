"""`adaptive convert`: bring in a float network of another tool without training it."""

import argparse
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact, save_artifact
from adaptive.errors import ConfigError
from adaptive.labels import LabelTree
from adaptive.manifest import Fact
from experiments.import_network import CENTRED, IMAGENET, spread
from models.convert import convert
from models.datasets.catalogue import dataset, dataset_names
from models.datasets.pictures import Pictures, load_pictures
from models.exchange.float_file import read_float
from models.fold import Normalisation
from models.post_training import PostTraining, calibrated_artifact
from models.ranges import RangeMethod
from models.trees import load_tree, tree_names, tree_of

HELP = (
    "Turn a float network in an .onnx or .tflite file into an artifact whose layers switch "
    "precision, without training: batch norm and the input's scaling are folded, ranges are taken "
    "from calibration images, and with labelled images the uniform plans are measured. Operators "
    "read: convolution (also depthwise and grouped), fully connected and matrix products with "
    "weights, batch norm, additions and products with constants (folded), ReLU, ReLU6 and other "
    "clips from zero up, addition, concatenation of channels, largest and average pooling, mean "
    "over height and width, zero padding before a convolution, flattening in any spelling; "
    "identities and dropout go, and so does a softmax at the end. Any other is named with its node."
)
INPUTS: Mapping[str, Normalisation] = {
    "unit": Normalisation((0.0,), (1.0,)),
    "bytes": Normalisation((0.0,), (1.0 / 255.0,)),
    "centred": Normalisation((CENTRED.mean[0],), (CENTRED.deviation[0],)),
    "imagenet": IMAGENET,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("network", type=Path, metavar="NET.onnx|NET.tflite", help="float network")
    parser.add_argument(
        "--images", required=True, metavar="DIR|NAME",
        help="calibration images: a folder of PNG or JPEG files, or of one folder a class named by "
        f"its leaf, or a data set: {', '.join(dataset_names())}",
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="TREE.yaml",
        help="label tree, leaves in the order of the outputs: a YAML file, or the name of a data "
        f"set ({', '.join(tree_names())}, imagenet); that of the images by default",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, help="artifact to write, .npz")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="folder of the data set ($ADAPTIVE_DATA)"
    )
    parser.add_argument(
        "--input", choices=INPUTS, default="unit",
        help="what the network is given: pixels in 0..1 (unit, the default), 0..255 (bytes), -1..1 "
        "(centred), or with ImageNet's mean and deviation (imagenet). A rescaling that is part of "
        "the network comes on top",
    )  # fmt: skip
    parser.add_argument("--mean", metavar="M[,M,M]", help="of pixels in 0..1, instead of --input")
    parser.add_argument("--std", metavar="S[,S,S]", help="deviation that goes with --mean")
    parser.add_argument(
        "--shape", metavar="H,W,C", help="of an image, where an ONNX file leaves it open"
    )
    parser.add_argument("--count", type=int, default=500, help="calibration images (500)")
    parser.add_argument(
        "--range", choices=[method.value for method in RangeMethod], default="greatest",
        help="how ranges are chosen (greatest)",
    )  # fmt: skip
    parser.add_argument(
        "--arithmetic", choices=[kind.value for kind in Arithmetic], default="affine",
        help="how integers stand for reals (affine)",
    )  # fmt: skip
    parser.add_argument("--plans", type=int, default=0, help="random plans to measure as well (0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Convert, calibrate, measure where there are labels, and write the artifact."""
    if args.count < 1:
        raise ConfigError(f"--count is {args.count}, expected 1 or more")
    if not args.output.parent.is_dir():
        raise ConfigError(f"{args.output}: no such folder, expected one to write into")
    how = PostTraining(RangeMethod(args.range), args.plans)
    given = given_normalisation(args)
    network = read_float(args.network, shape=given_shape(args.shape))
    tree = chosen_tree(args)
    if len(tree.leaves) != network.outputs:
        raise ConfigError(
            f"{args.labels or args.images}: has {len(tree.leaves)} leaves, expected "
            f"{network.outputs}, one for each output of {args.network}"
        )
    normalisation = network.normalisation(given)
    twin = convert(
        network.module,
        network.shape,
        normalisation=normalisation,
        arithmetic=Arithmetic(args.arithmetic),
    )
    pictures = chosen_pictures(args, network.shape, tree)
    artifact = calibrated_artifact(
        twin,
        pictures.images,
        pictures.labels,
        how=how,
        name=artifact_name(args.output),
        tree=tree,
        provenance=provenance(args, normalisation),
    )
    save_artifact(artifact, args.output)
    report(artifact, args, pictures)
    return 0


def given_normalisation(args: argparse.Namespace) -> Normalisation:
    """Read what the network is given; raises ConfigError naming the argument."""
    if args.mean is None and args.std is None:
        return INPUTS[args.input]
    if args.mean is None or args.std is None or args.input != "unit":
        raise ConfigError("--mean and --std go together, and without --input")
    mean, deviation = (
        _numbers(text, name) for text, name in ((args.mean, "--mean"), (args.std, "--std"))
    )
    try:
        return Normalisation(mean, deviation)
    except ValueError as error:
        raise ConfigError(f"--mean and --std: {error}") from error


def _numbers(text: str, name: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"{name} is {text!r}, expected numbers such as 0.5,0.5,0.5") from error


def given_shape(text: str | None) -> tuple[int, int, int] | None:
    """Read `--shape`; raises ConfigError."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 3 or not all(
        p.isascii() and p.isdigit() and 0 < int(p) <= 4096 for p in parts
    ):
        raise ConfigError(f"--shape is {text!r}, expected height, width and channels: 32,32,3")
    return int(parts[0]), int(parts[1]), int(parts[2])


def chosen_tree(args: argparse.Namespace) -> LabelTree:
    """Return the label tree: of a file, of a data set named, or of the images' data set."""
    named = args.labels or args.images
    if args.labels is None and args.images not in (*tree_names(), "imagenet"):
        raise ConfigError(
            f"--labels is missing, expected a YAML file: {args.images} has no label tree"
        )
    if named in (*tree_names(), "imagenet") and not Path(named).is_file():
        return tree_of(named, data_dir=args.data_dir)
    return load_tree(Path(named))


def chosen_pictures(
    args: argparse.Namespace, shape: tuple[int, int, int], tree: LabelTree
) -> Pictures:
    """Load calibration images; raises ConfigError where they do not fit the network."""
    if args.images not in dataset_names() or Path(args.images).is_dir():
        return load_pictures(Path(args.images), shape=shape, leaves=tree.leaves, count=args.count)
    source = dataset(args.images)
    if source.shape != shape:
        raise ConfigError(
            f"{args.network}: reads images {shape}, expected {source.shape} as {source.name} has"
        )
    data = spread(source.load("calibration", data_dir=args.data_dir), args.count)
    if source.classes != len(tree.leaves):
        raise ConfigError(
            f"{args.labels}: has {len(tree.leaves)} leaves, expected {source.classes} as "
            f"{source.name} has classes"
        )
    return Pictures(data.images, data.labels)


def artifact_name(output: Path) -> str:
    """Make an artifact's name of its file's."""
    plain = re.sub(r"[^a-z0-9]+", "_", output.stem.lower()).strip("_")[:60]
    return plain if plain[:1].isalpha() else f"net_{plain}"[:60]


def provenance(args: argparse.Namespace, normalisation: Normalisation | None) -> dict[str, Fact]:
    """Say how the artifact was made."""
    known = args.images in dataset_names()
    facts: dict[str, Fact] = {
        "command": f"adaptive convert {args.network.name} --images {Path(args.images).name}",
        "dataset": dataset(args.images).title if known else f"folder {Path(args.images).name}",
        "network": args.network.name,
        "network_sha256": hashlib.sha256(args.network.read_bytes()).hexdigest(),
    }
    if normalisation is not None:
        facts["input_mean"] = ", ".join(f"{value:g}" for value in normalisation.mean)
        facts["input_deviation"] = ", ".join(f"{value:g}" for value in normalisation.deviation)
    return facts


def report(artifact: Artifact, args: argparse.Namespace, pictures: Pictures) -> None:
    """Say what was written and how well it answers."""
    if args.json:
        found: dict[str, object] = {
            "artifact": artifact.name,
            "file": str(args.output),
            "checksum": artifact.checksum,
            "layers": len(artifact.layers),
            "images": len(pictures.images),
            "accuracy": {entry.effort.plan.code: entry.accuracy for entry in artifact.measured},
        }
        print(json.dumps(found))
        return
    size = args.output.stat().st_size
    print(f"wrote {args.output} ({size:,} bytes, {artifact.checksum[:12]})")
    print(f"{len(artifact.layers)} switchable layers, calibrated on {len(pictures.images)} images")
    for entry in artifact.measured:
        shares = "  ".join(f"{level} {share:.2%}" for level, share in entry.accuracy.items())
        print(f"{entry.effort.plan.code:<24} {shares}")
    if not artifact.measured:
        print("nothing measured: the images have no labels (one folder a class gives them)")
