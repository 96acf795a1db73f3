"""Label trees: from a user's YAML, those that come with the product, and ImageNet's from WordNet.

A file names the levels, finest first, and for each class, in the order of the network's outputs,
the nodes above it from the coarsest down::

    levels: [leaf, kind, realm]
    leaves:
      cat: [animal, pet]
      car: [vehicle]        # shallow: at the level `kind` it stands for itself
"""

from importlib.resources import files
from pathlib import Path

import yaml

from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.labels import LabelTree
from adaptive.strict_yaml import load_yaml, parse_yaml
from models.datasets.checks import data_folder
from models.wordnet import imagenet_tree

_FIELDS = ("levels", "leaves")


def load_tree(path: Path) -> LabelTree:
    """Read a label tree from a YAML file.

    Raises
    ------
    ConfigError
        Naming the file and the field, if it is no tree.
    """
    return tree_from(load_yaml(path), where=str(path))


def save_tree(tree: LabelTree, path: Path) -> None:
    """Write a tree as `load_tree` reads it; the file is there whole or not at all."""
    text = yaml.safe_dump(tree.to_dict(), sort_keys=False, default_flow_style=None, width=10_000)
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}, expected a file to write") from error


def tree_of(name: str, *, data_dir: Path | None = None) -> LabelTree:
    """Return the label tree of a data set.

    Those of CIFAR-10 and CIFAR-100 come with the product; ImageNet's is made of WordNet's files in
    the data folder.

    Raises
    ------
    ConfigError
        If there is none, or WordNet's files are missing or damaged.
    """
    if name == "imagenet":
        return imagenet_tree(data_folder(data_dir, name=name))
    names = tree_names()
    if name not in names:
        raise ConfigError(f"label tree is {name!r}, expected one of {', '.join(names)}, imagenet")
    text = files("models.label_trees").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return tree_from(parse_yaml(text, origin=f"{name}.yaml"), where=f"{name}.yaml")


def tree_names() -> tuple[str, ...]:
    """Return the names of the trees that come with the product."""
    members = files("models.label_trees").iterdir()
    return tuple(sorted(m.name.removesuffix(".yaml") for m in members if m.name.endswith(".yaml")))


def tree_from(content: object, *, where: str) -> LabelTree:
    """Build a tree from what a YAML file holds; raises ConfigError beginning with `where`."""
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: is {content!r:.60}, expected a mapping with levels and leaves")
    if unknown := [key for key in content if key not in _FIELDS]:
        raise ConfigError(f"{where}: {unknown[0]} is unknown, expected {' and '.join(_FIELDS)}")
    levels, leaves = content.get("levels"), content.get("leaves")
    _check_names(levels, where=f"{where}: levels")
    if not isinstance(leaves, dict):
        raise ConfigError(f"{where}: leaves is {leaves!r:.60}, expected a mapping, leaf: [node]")
    for leaf, path in leaves.items():
        _check_name(leaf, where=f"{where}: leaves")
        _check_names(path, where=f"{where}: leaves.{leaf}")
    try:
        return LabelTree.from_dict(content)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _check_names(names: object, *, where: str) -> None:
    """Refuse what is no list of names."""
    if not isinstance(names, list):
        raise ConfigError(f"{where} is {names!r:.60}, expected a list of names")
    for index, name in enumerate(names):
        _check_name(name, where=f"{where}[{index}]")


def _check_name(name: object, *, where: str) -> None:
    """Refuse what is no name; YAML reads 1, yes and 2001-01-01 as something else than text."""
    if not isinstance(name, str) or not name:
        raise ConfigError(f'{where} has {name!r:.60}, expected text: write "0", not 0')
