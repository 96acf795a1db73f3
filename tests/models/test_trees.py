from pathlib import Path

import numpy as np
import pytest
from datasets import IDS, found_or_message, write_imagenet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from models.trees import load_tree, save_tree, tree_names, tree_of

GOOD = """
levels: [leaf, kind, realm]
leaves:
  cat: [animal, pet]
  car: [vehicle]
"""


def test_a_users_file_becomes_a_tree(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(GOOD)
    tree = load_tree(tmp_path / "t.yaml")
    assert tree.leaves == ("cat", "car")
    assert tree.nodes("kind") == ("pet", "car")


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_a_tree_survives_its_file(tmp_path: Path, name: str) -> None:
    save_tree(tree_of(name), tmp_path / "t.yaml")
    assert load_tree(tmp_path / "t.yaml") == tree_of(name)


def test_cifar_10_has_animals_and_vehicles_and_five_pairs() -> None:
    tree = tree_of("cifar10")
    realm = np.array(tree.nodes("realm"))[tree.ancestors("realm")]
    animals = {leaf for leaf, node in zip(tree.leaves, realm, strict=True) if node == "animal"}
    assert animals == {"bird", "cat", "deer", "dog", "frog", "horse"}
    assert set(realm) == {"animal", "vehicle"}
    assert np.bincount(tree.ancestors("pair")).tolist() == [2] * 5


def test_cifar_100_has_20_superclasses_of_5_in_six_groups() -> None:
    tree = tree_of("cifar100")
    assert np.bincount(tree.ancestors("superclass")).tolist() == [5] * 20
    assert sorted(np.bincount(tree.ancestors("group")).tolist()) == [10, 10, 15, 15, 20, 30]


def test_imagenets_tree_is_made_of_the_files_in_the_data_folder(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    relation = "".join(f"n00000001 {name}\n" for name in IDS)
    (tmp_path / "imagenet" / "wordnet_is_a.txt").write_text(relation)
    assert tree_of("imagenet", data_dir=tmp_path).leaves == tuple(sorted(IDS))


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    assert tree_names() == ("cifar10", "cifar100")
    with pytest.raises(ConfigError, match="'mnist', expected one of cifar10, cifar100, imagenet"):
        tree_of("mnist")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "expected a mapping with levels and leaves"),
        ("levels: [a]\nleafs: {b: []}", "leafs is unknown, expected levels and leaves"),
        ("leaves: {b: []}", "levels is None, expected a list"),
        ("levels: a\nleaves: {b: []}", "levels is 'a', expected a list"),
        ("levels: [a, 2]\nleaves: {b: []}", r"levels\[1\] has 2, expected text"),
        ("levels: [a]", "leaves is None, expected a mapping"),
        ("levels: [a]\nleaves: [b]", "leaves is \\['b'\\], expected a mapping"),
        ("levels: [a]\nleaves: {0: []}", "leaves has 0, expected text: write"),
        ("levels: [a]\nleaves: {b: }", "leaves.b is None, expected a list"),
        ("levels: [a, g]\nleaves: {b: [yes]}", r"leaves\.b\[0\] has True, expected text"),
        ("levels: [a, g]\nleaves: {b: ['']}", r"leaves\.b\[0\] has ''"),
        ("levels: [a, g]\nleaves: {b: [x, y]}", "paths of leaf 'b'.*at most 1 nodes"),
        ("levels: [a, g]\nleaves: {b: [c], c: [x]}", "names 'c', which is a leaf"),
        ("levels: [a, g, h]\nleaves: {b: [x, z], c: [y, z]}", "not a tree"),
        ("levels: [a\nleaves", "expected valid YAML"),
    ],
)
def test_what_is_no_tree_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_tree(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a file to write"):
        save_tree(tree_of("cifar10"), tmp_path / "nowhere" / "t.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(GOOD)), st.text(max_size=8), st.integers(0, 8))
def test_a_changed_file_gives_a_tree_or_one_clear_line(
    tmp_path: Path, at: int, patch: str, cut: int
) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(GOOD[:at] + patch + GOOD[at + cut :], encoding="utf-8", newline="")
    found = found_or_message(lambda: load_tree(path))
    if isinstance(found, str):
        assert found.startswith(f"{path}: ")
        assert "\n" not in found
    else:
        assert found.leaves
