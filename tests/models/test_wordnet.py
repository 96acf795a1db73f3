from pathlib import Path

import numpy as np
import pytest
from datasets import IDS, found_or_message, write_imagenet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from experiments.reference import reference_folder
from models.wordnet import (
    imagenet_tree,
    one_line_each,
    read_classes,
    read_is_a,
    without_single_children,
    wordnet_tree,
)

# top > animal > {carnivore > {feline > {tabby, lion}, dog}, pet}; tabby and dog are pets too,
# by a shorter way; bird is a child of animal; "only" has one child.
PARENTS = {
    "animal": ("top",),
    "carnivore": ("animal",),
    "pet": ("top",),
    "feline": ("carnivore",),
    "only": ("feline",),
    "tabby": ("only", "pet"),
    "lion": ("feline",),
    "dog": ("carnivore", "pet"),
    "bird": ("animal",),
}
CLASSES = ("tabby", "lion", "dog", "bird")


def test_the_longest_way_to_the_top_is_kept() -> None:
    assert one_line_each(PARENTS, CLASSES) == [
        ("top", "animal", "carnivore", "feline", "only"),
        ("top", "animal", "carnivore", "feline"),
        ("top", "animal", "carnivore"),
        ("top", "animal"),
    ]


def test_nodes_with_one_child_are_taken_out() -> None:
    lines = without_single_children(one_line_each(PARENTS, CLASSES), CLASSES)
    assert lines == [
        ("animal", "carnivore", "feline"),
        ("animal", "carnivore", "feline"),
        ("animal", "carnivore"),
        ("animal",),
    ]


def test_of_equally_long_ways_the_more_common_wins_then_the_smaller_id() -> None:
    parents = {"a": ("top",), "b": ("top",), "x": ("a", "b"), "y": ("b",)}
    assert one_line_each(parents, ("x", "y"))[0] == ("top", "b")
    assert one_line_each({**parents, "z": ("a",)}, ("x", "y", "z"))[0] == ("top", "a")


def test_levels_are_cut_at_depths_and_shallow_classes_stand_for_themselves() -> None:
    tree = wordnet_tree(PARENTS, CLASSES, depths=(2, 3))
    assert tree.levels == ("leaf", "depth3", "depth2")
    assert tree.nodes("depth3") == ("feline", "dog", "bird")
    assert tree.nodes("depth2") == ("carnivore", "bird")


def test_classes_that_are_synsets_without_a_common_top_make_a_tree() -> None:
    parents = {"a": ("one",), "b": ("one",), "c": ("two",), "d": ("two",)}
    tree = wordnet_tree(parents, ("a", "b", "c", "d"), depths=(1,))
    assert tree.nodes("depth1") == ("one", "two")


@pytest.mark.parametrize(
    ("parents", "classes", "depths", "message"),
    [
        (PARENTS, ("tabby", "whale"), (1,), "class whale is unknown"),
        (PARENTS, ("tabby", "feline"), (1,), "class feline lies above another class"),
        (PARENTS, CLASSES, (), "depths is ()"),
        (PARENTS, CLASSES, (2, 2), "expected rising numbers"),
        (PARENTS, CLASSES, (0, 1), "expected rising numbers from 1"),
        ({"a": ("b",), "b": ("a",)}, ("a",), (1,), "a lies above or below a cycle"),
        ({"a": ("b",), "b": ("c",), "c": ("b",)}, ("a",), (1,), "cycle"),
    ],
)
def test_what_makes_no_tree_is_refused(
    parents: dict[str, tuple[str, ...]],
    classes: tuple[str, ...],
    depths: tuple[int, ...],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        wordnet_tree(parents, classes, depths=depths)


@st.composite
def relations(draw: st.DrawFn) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Draw a relation without cycles: a node's parents come before it."""
    count = draw(st.integers(2, 14))
    parents: dict[str, tuple[str, ...]] = {}
    for child in range(1, count):
        chosen = draw(st.sets(st.integers(0, child - 1), min_size=1, max_size=3))
        parents[f"n{child:02}"] = tuple(sorted(f"n{k:02}" for k in chosen))
    inner = {node for found in parents.values() for node in found}
    return parents, tuple(sorted(set(parents) - inner))


@given(relations(), st.sets(st.integers(1, 6), min_size=1))
def test_any_relation_without_cycles_becomes_a_tree_of_its_own_ancestors(
    relation: tuple[dict[str, tuple[str, ...]], tuple[str, ...]], depths: set[int]
) -> None:
    parents, classes = relation
    tree = wordnet_tree(parents, classes, depths=sorted(depths))
    assert tree.leaves == classes
    for leaf, path in zip(tree.leaves, tree.paths, strict=True):
        above = set(parents[leaf])
        while more := {p for node in above for p in parents.get(node, ())} - above:
            above |= more
        assert set(path) <= above


@given(relations(), st.randoms())
def test_the_order_of_lines_and_classes_changes_nothing(
    relation: tuple[dict[str, tuple[str, ...]], tuple[str, ...]], random: object
) -> None:
    parents, classes = relation
    lines = dict(zip(classes, one_line_each(parents, classes), strict=True))
    items, shuffled = list(parents.items()), list(classes)
    random.shuffle(items)  # type: ignore[attr-defined]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = one_line_each(dict(items), shuffled)
    assert dict(zip(shuffled, again, strict=True)) == lines


def test_classes_come_from_the_list_or_from_the_folders(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    home = tmp_path / "imagenet"
    relation = "".join(f"n0000000{k % 2} {name}\n" for k, name in enumerate(IDS))
    (home / "wordnet.is_a.txt").write_text(relation)
    assert imagenet_tree(tmp_path, depths=(1,)).leaves == tuple(sorted(IDS))
    (home / "LOC_synset_mapping.txt").write_text(f"{IDS[1]} goldfish, Carassius\n{IDS[0]} tench\n")
    assert imagenet_tree(tmp_path, depths=(1,)).leaves == tuple(sorted(IDS[:2]))


def test_missing_and_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wordnet_is_a\.txt: no such file; .*image-net\.org"):
        imagenet_tree(tmp_path)
    home = tmp_path / "imagenet"
    home.mkdir()
    (home / "wordnet_is_a.txt").write_text("a b\nc\n")
    (home / "LOC_synset_mapping.txt").write_text("\n")
    with pytest.raises(ConfigError, match=r"mapping\.txt: is empty"):
        imagenet_tree(tmp_path)
    (home / "LOC_synset_mapping.txt").write_text("b\n")
    with pytest.raises(ConfigError, match="line 2 is 'c', expected `parent child`"):
        imagenet_tree(tmp_path)
    (home / "wordnet_is_a.txt").write_text("a c\n")
    with pytest.raises(ConfigError, match=r"is_a\.txt: class b is unknown"):
        imagenet_tree(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40))
def test_any_file_gives_a_relation_or_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    for found in (
        found_or_message(lambda: read_is_a(path)),
        found_or_message(lambda: read_classes(path)),
    ):
        if isinstance(found, str):
            assert found.startswith(f"{path}: ")
            assert "\n" not in found


def test_the_real_wordnet_becomes_the_tree_that_is_described() -> None:
    try:
        home = reference_folder() / "data" / "hierarchies"
    except ConfigError as error:
        pytest.skip(f"{error}; or lay image-net.org's wordnet.is_a.txt into DIR/imagenet")
    if not home.is_dir():
        pytest.skip(f"{home} is missing: lay image-net.org's wordnet.is_a.txt into DIR/imagenet")
    parents = read_is_a(home / "wordnet_is_a.txt")
    classes = read_classes(home / "LOC_synset_mapping.txt")
    assert len(classes) == 1000
    tree = imagenet_tree(home)
    assert tree.leaves == classes
    assert {level: len(tree.nodes(level)) for level in tree.levels} == {
        "leaf": 1000, "depth6": 396, "depth4": 84, "depth2": 7,
    }  # fmt: skip
    mean_bits = [
        float(np.mean(tree.information_bits(level)[tree.ancestors(level)]))
        for level in tree.levels[1:]
    ]
    assert mean_bits == pytest.approx([6.77, 3.90, 1.24], abs=0.01)
    lines = dict(zip(classes, one_line_each(parents, classes), strict=True))
    # tabby (n02123045) is a feline (n02120997), not merely a domestic animal (n01317541).
    assert "n02120997" in lines["n02123045"]
    assert "n01317541" not in lines["n02123045"]
    above = {name: set(lines[name]) for name in classes}
    assert sum("n02084071" in found for found in above.values()) == 118  # the dogs


def test_the_real_wordnet_is_no_tree_as_described() -> None:
    try:
        path = reference_folder() / "data" / "hierarchies"
    except ConfigError as error:
        pytest.skip(str(error))
    if not path.is_dir():
        pytest.skip(f"{path} is missing")
    parents = read_is_a(path / "wordnet_is_a.txt")
    several, tops = 0, set()
    for name in read_classes(path / "LOC_synset_mapping.txt"):
        above, waiting = {name}, [name]
        while waiting:
            more = set(parents.get(waiting.pop(), ())) - above
            above |= more
            waiting += more
        several += any(len(parents.get(node, ())) > 1 for node in above)
        tops |= {node for node in above if node not in parents}
    assert (several, len(tops)) == (303, 4)
