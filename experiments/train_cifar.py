"""Train, export and measure a CIFAR network: `python -m experiments.train_cifar`.

    python -m experiments.train_cifar --network resnet8 --data-dir DIR
    python -m experiments.train_cifar --network resnet8 --dataset cifar100 --data-dir DIR

First plain float, then all precisions jointly; both phases keep a checkpoint and a line an epoch
in `log.csv` in the work folder, and go on from there when started again. `--float` takes a trained
float network instead of the first phase. The test images are not looked at:
`adaptive evaluate --artifact FILE --data-dir DIR` does that, once, at the end.
"""

import argparse
import csv
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import torch
import yaml
from torch import nn

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact, save_artifact
from adaptive.errors import AdaptiveError, ConfigError
from adaptive.manifest import Fact
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from experiments.efforts.escalations import with_escalations
from experiments.search.hint import load_hint
from models.convert import convert
from models.data import LabelledImages
from models.datasets.catalogue import dataset
from models.export import export_network, measure, with_measurements
from models.heads import LEAF
from models.image_training import (
    FloatRecipe,
    JointRecipe,
    best_device,
    train_float,
    train_jointly,
)
from models.nested import cut, nest
from models.nested_training import train_nested
from models.network import SwitchableNetwork
from models.phase import EpochReport, load_checkpoint
from models.train import reproducible
from models.trees import tree_of
from models.zoo.catalogue import NetworkConfig, build, input_shape

CONFIG = Path(__file__).with_suffix(".yaml")
ARTIFACTS = Path(__file__).parents[1] / "adaptive" / "artifacts"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One entry of the YAML file: what is built, and how it learns.

    `earlier` are cycles of nested widths before that of `float`.
    """

    network: NetworkConfig
    float: FloatRecipe
    joint: JointRecipe
    random_plans: int
    arithmetic: Arithmetic = Arithmetic.AFFINE
    earlier: tuple[FloatRecipe, ...] = ()

    @property
    def float_epochs(self) -> int:
        """Epochs of all float cycles."""
        return sum(cycle.epochs for cycle in (*self.earlier, self.float))


@dataclass(frozen=True, slots=True)
class Study:
    """A recipe, what it is called, and the data it is for.

    `only` is the one width to train, alone: what the same width of the nested network is held
    against.
    """

    key: str
    dataset: str
    command: str
    recipe: Recipe
    only: float | None = None

    @property
    def artifact(self) -> str:
        """Name of the artifact it makes."""
        name = f"{self.key}_{self.dataset}"
        return name if self.only is None else f"{name}_w{self.only:g}".replace(".", "_")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where data lies, checkpoints and the log go; what there is to begin with.

    `float_state` is a trained float network, `plans` are plans to train on, and `start` is a float
    network that lacks the early head and the widths.
    """

    data: Path | None
    work: Path
    float_state: Path | None = None
    plans: Path | None = None
    start: Path | None = None


def load_studies(path: Path) -> dict[tuple[str, str], Study]:
    """Read the YAML file: a study for each network and data set; raises ConfigError."""
    try:
        entries = msgspec.convert(
            yaml.safe_load(path.read_text(encoding="utf-8")), dict[str, dict[str, Recipe]]
        )
    except (OSError, ValueError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error
    studies = {}
    for key, recipes in entries.items():
        for at, (data, recipe) in enumerate(recipes.items()):
            choice = f" --dataset {data}" if at else ""
            command = f"python -m experiments.train_cifar --network {key}{choice}"
            studies[key, data] = Study(key, data, command, recipe)
    return studies


def load_study(path: Path, key: str, data: str | None = None) -> Study:
    """Read one entry, of the first data set unless one is named; raises ConfigError."""
    studies = load_studies(path)
    found = [study for (k, d), study in studies.items() if k == key and data in (None, d)]
    if not found:
        known = ", ".join(f"{k} on {d}" for k, d in studies)
        wanted = key if data is None else f"{key} on {data}"
        raise ConfigError(f"{path}: no network {wanted!r}, expected one of {known}")
    return found[0]


def alone(study: Study, width: float) -> Study:
    """Return the study of one width; raises ConfigError if the network does not have it."""
    widths = study.recipe.network.all_widths
    if width not in widths:
        known = ", ".join(f"{known:g}" for known in widths)
        raise ConfigError(f"--only is {width:g}, expected one of the widths {known}")
    return replace(study, only=width, command=f"{study.command} --only {width:g}")


class Log:
    """Prints a line an epoch and appends it to a CSV file."""

    def __init__(self, folder: Path, columns: tuple[str, ...] = ("float",)) -> None:
        self.path = folder / "log.csv"
        self.columns = (*columns, "all-16", "all-8")

    def __call__(self, report: EpochReport) -> None:
        """Write one epoch down."""
        row = {key: value for key, value in asdict(report).items() if key != "scores"}
        row |= {name: report.scores.get(name, "") for name in self.columns}
        begin = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, row)
            if begin:
                writer.writeheader()
            writer.writerow(row)
        scores = ", ".join(f"{name} {score:.2%}" for name, score in report.scores.items())
        left_s = report.cpu_s / report.epoch * (report.epochs - report.epoch)
        print(
            f"{report.phase} {report.epoch}/{report.epochs}: loss {report.loss:.4f}, {scores} "
            f"on the calibration images; about {left_s / 60:.0f} min of processor time left",
            flush=True,
        )


def trained_float(
    study: Study, data: LabelledImages, calibration: LabelledImages, folders: Folders
) -> nn.Module:
    """Return the float network: loaded if there is a file, else trained."""
    torch.manual_seed(study.recipe.float.seed)
    network = untrained(study, folders.start)
    if folders.float_state is not None:
        try:
            network.load_state_dict(load_checkpoint(folders.float_state))
        except RuntimeError as error:
            line = " ".join(str(error).split())
            raise ConfigError(f"{folders.float_state}: {line[:300]}") from error
        return network
    network.to(best_device())
    if study.recipe.network.has_efforts:
        widths = (1.0,) if study.only is not None else study.recipe.network.all_widths
        train_efforts(study, network, widths, data, calibration, folders)
        return network.cpu()
    train_float(
        network,
        data,
        tree=tree_of(study.dataset),
        calibration=calibration,
        recipe=study.recipe.float,
        checkpoint=folders.work / "float.pt",
        report=Log(folders.work),
    )
    return network.cpu()


def untrained(study: Study, start: Path | None) -> nn.Module:
    """Build a float network with random weights, or with those of another one where it has them."""
    config, tree = study.recipe.network, tree_of(study.dataset)
    early = 0 if config.early is None else len(tree.nodes(config.early))
    network = build(replace(config, widths=()), classes=len(tree.leaves), early=early)
    if start is not None:
        state = load_checkpoint(start)
        found = network.load_state_dict(state.get("model", state), strict=False)
        if found.unexpected_keys:
            raise ConfigError(
                f"{start}: has {found.unexpected_keys[0]!r}, which {config.kind} lacks"
            )
    if study.only is not None:
        alone = nest(network, (study.only,) if study.only < 1.0 else ())
        return cut(alone, study.only, input_shape(config.kind))
    return nest(network, config.widths) if config.widths else network


def train_efforts(
    study: Study,
    network: nn.Module,
    widths: tuple[float, ...],
    data: LabelledImages,
    calibration: LabelledImages,
    folders: Folders,
) -> None:
    """Train some widths of a nested float network, with all heads, in place."""
    heads = study.recipe.network.head_levels
    names = tuple(f"{width:g}/{head}" for width in widths for head in (LEAF, *heads))
    cycles = [(f"earlier{k}.pt", recipe) for k, recipe in enumerate(study.recipe.earlier)]
    cycles.append(("float.pt", study.recipe.float))
    checkpoints = [(folders.work / name, recipe) for name, recipe in cycles]
    # Each cycle begins with the weights of the one before: only the last one begun is gone on with.
    begun = [k for k, (checkpoint, _) in enumerate(checkpoints) if checkpoint.exists()]
    for checkpoint, recipe in checkpoints[max(begun, default=0) :]:
        train_nested(
            network,
            data,
            widths=widths,
            head_levels=heads,
            tree=tree_of(study.dataset),
            calibration=calibration,
            recipe=recipe,
            checkpoint=checkpoint,
            report=Log(folders.work, names),
        )


def trained(
    study: Study, data: LabelledImages, calibration: LabelledImages, folders: Folders
) -> SwitchableNetwork:
    """Return the switchable network after both phases, calibrated."""
    height, width, channels = data.images.shape[1:]
    plain = trained_float(study, data, calibration, folders)
    twin = convert(plain, (height, width, channels), arithmetic=study.recipe.arithmetic)
    network = twin.to(best_device())
    train_jointly(
        network,
        data,
        tree=tree_of(study.dataset),
        calibration=calibration,
        recipe=study.recipe.joint,
        checkpoint=folders.work / "joint.pt",
        report=Log(folders.work),
        pool=() if folders.plans is None else load_hint(folders.plans, network.layers),
        head_levels=study.recipe.network.head_levels,
    )
    network.set_plan(None)
    return network.cpu().eval()


def chosen_efforts(
    layers: tuple[str, ...],
    drawn: int,
    *,
    widths: Sequence[float] = (1.0,),
    heads: Sequence[str] = (LEAF,),
) -> list[Effort]:
    """Return uniform plans, single flips of them and random ones; similar ones in a row.

    Where there are widths or heads as well there are no flips, and at narrower widths and early
    heads the uniform plans alone.
    """
    alone = len(widths) == len(heads) == 1
    uniform = [PrecisionPlan.uniform(layers, bits) for bits in (Bits.INT16, Bits.INT8)]
    flipped = [
        PrecisionPlan(layers, tuple(other if k == at else bits for k in range(len(layers))))
        for bits, other in ((Bits.INT16, Bits.INT8), (Bits.INT8, Bits.INT16))
        for at in range(len(layers) if alone else 0)
    ]
    drawn_plans = random_plans(layers, min(drawn, 2 ** len(layers)), seed=0)
    plans = dict.fromkeys(chain(uniform, flipped, drawn_plans))
    whole = [Effort(plan) for plan in sorted(plans, key=lambda plan: plan.bits, reverse=True)]
    rest = [
        Effort(plan, width, head)
        for width in widths
        for plan in uniform
        for head in heads
        if (width, head) != (1.0, LEAF)
    ]
    return whole + rest


def build_artifact(study: Study, folders: Folders) -> Artifact:
    """Train a network, export it and measure efforts on the calibration images."""
    source = dataset(study.dataset)
    data = source.load("train", data_dir=folders.data)
    calibration = source.load("calibration", data_dir=folders.data)
    if not isinstance(data, LabelledImages) or not isinstance(calibration, LabelledImages):
        raise ConfigError(f"data set {source.name} is read image by image, expected one in memory")
    folders.work.mkdir(parents=True, exist_ok=True)
    with reproducible(study.recipe.float.seed):
        network = trained(study, data, calibration, folders)
    tree = tree_of(study.dataset)
    provenance: dict[str, Fact] = {
        "command": study.command,
        "dataset": source.title,
        "training_images": len(data),
        "float_epochs": study.recipe.float_epochs,
        "joint_epochs": study.recipe.joint.epochs,
        "seed": study.recipe.float.seed,
        "measured_on": f"the {len(calibration)} calibration images, never trained on",
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
    artifact = export_network(
        network,
        name=study.artifact,
        labels=tree,
        provenance=provenance,
        head_levels=study.recipe.network.head_levels,
    )
    efforts = chosen_efforts(
        artifact.layers,
        study.recipe.random_plans,
        widths=artifact.widths,
        heads=tuple(artifact.heads),
    )
    print(f"measuring {len(efforts)} efforts on {len(calibration)} images", flush=True)
    made = with_measurements(artifact, measure(artifact, efforts, calibration))
    return with_escalations(made, calibration) if len(artifact.heads) > 1 else made


def main(arguments: list[str]) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description="Train, export and measure a CIFAR network.")
    parser.add_argument("--network", required=True, help="entry of the YAML file, e.g. resnet8")
    parser.add_argument("--dataset", help="data set under that entry (the first)")
    parser.add_argument("--data-dir", type=Path, help="data folder ($ADAPTIVE_DATA)")
    parser.add_argument("--float", type=Path, help="state_dict of a trained float network")
    parser.add_argument(
        "--start", type=Path, help="state_dict of a float network without early head and widths"
    )
    parser.add_argument(
        "--only", type=float, metavar="WIDTH", help="train this width of the network, alone"
    )
    parser.add_argument("--work-dir", type=Path, help="checkpoints and log (runs/ARTIFACT)")
    parser.add_argument("--config", type=Path, default=CONFIG, help="YAML file")
    parser.add_argument(
        "--plans", type=Path, metavar="HINT.json", help="plans to train on (adaptive search --hint)"
    )
    parser.add_argument("--output", type=Path, help="artifact to write (the bundled one)")
    args = parser.parse_args(arguments)
    try:
        study = load_study(args.config, args.network, args.dataset)
        if args.only is not None:
            study = alone(study, args.only)
        output = args.output or ARTIFACTS / f"{study.artifact}.npz"
        work = args.work_dir or Path("runs") / study.artifact
        artifact = build_artifact(
            study, Folders(args.data_dir, work, args.float, args.plans, args.start)
        )
        save_artifact(artifact, output)
    except (AdaptiveError, OSError) as error:
        print(f"train_cifar: {error}", file=sys.stderr)
        return 2
    print(f"wrote {output} ({output.stat().st_size} bytes, {artifact.checksum[:12]})")
    for entry in artifact.measured:
        print(
            f"{entry.effort.code:<40} "
            + "  ".join(f"{k} {v:.2%}" for k, v in entry.accuracy.items())
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
