"""`adaptive data`: fetch a data set if it is missing, read it all, and say what is there."""

import argparse
import json
from pathlib import Path
from typing import get_args

from adaptive.errors import ConfigError
from experiments.progress import Progress
from models.data import Split
from models.datasets.catalogue import DataSet, dataset, dataset_names
from models.datasets.checks import VARIABLE, data_folder
from models.datasets.cifar import CIFAR100
from models.datasets.obtain import Download
from models.trees import save_tree, tree_of

HELP = (
    "Get a data set: download it from its public address if the folder lacks it (with a bar; an "
    "interrupted download goes on where it stopped; checksums are compared), read every split of "
    "it, and say what is there. Images come under their own publishers' terms."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", choices=dataset_names(), help="which data set")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help=f"where it lies or shall lie (${VARIABLE})"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="TREE.yaml", help="also write its label tree to this file"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Fetch what is missing, read everything, print the splits."""
    chosen = dataset(args.name)
    if chosen.download is not None:
        obtain(chosen, chosen.download(), args.data_dir)
    splits = {split: len(chosen.load(split, data_dir=args.data_dir)) for split in get_args(Split)}
    check_superclasses(chosen, args.data_dir)
    if args.labels is not None:
        save_tree(tree_of(chosen.name, data_dir=args.data_dir), args.labels)
    found = {"dataset": chosen.name, "shape": chosen.shape, "images": splits}
    if args.json:
        print(json.dumps(found))
    else:
        counts = ", ".join(f"{count:,} {split}" for split, count in splits.items())
        size = " x ".join(map(str, chosen.shape))
        print(f"{chosen.title}: {counts} images of {size}, all readable")
    return 0


def obtain(chosen: DataSet, download: Download, data_dir: Path | None) -> None:
    """Download a data set unless its folder is there; raises ConfigError if that fails."""
    if data_dir is None:
        data_dir = data_folder(None, name=chosen.name)
    if download.complete(data_dir):
        return
    progress = Progress(chosen.title)
    try:
        download.get(data_dir, progress=progress)
    finally:
        progress.close()


def check_superclasses(chosen: DataSet, data_dir: Path | None) -> None:
    """Raise ConfigError if CIFAR-100's files group its classes otherwise than the label tree."""
    if chosen.name != CIFAR100.name:
        return
    folder = data_folder(data_dir, name=chosen.name)
    tree, found = tree_of(chosen.name), CIFAR100.superclasses(folder)
    expected = {leaf: path[-1] for leaf, path in zip(tree.leaves, tree.paths, strict=True)}
    for leaf in expected:
        if found.get(leaf) != expected[leaf]:
            raise ConfigError(
                f"{folder / CIFAR100.folder}: superclass of {leaf} is {found.get(leaf)}, "
                f"expected {expected[leaf]}"
            )
