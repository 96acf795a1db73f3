import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from adaptive.labels import LabelTree

TREE = LabelTree(
    leaves=("cat", "dog", "car", "rock"),
    levels=("leaf", "kind", "realm"),
    paths=(("alive", "pet"), ("alive", "pet"), ("made",), ()),
)


def test_nodes_come_in_the_order_of_their_first_leaf() -> None:
    assert TREE.nodes("realm") == ("alive", "made", "rock")


def test_a_shallow_leaf_stands_for_itself() -> None:
    assert TREE.nodes("kind") == ("pet", "car", "rock")
    assert TREE.ancestors("kind").tolist() == [0, 0, 1, 2]


def test_probabilities_of_leaves_add_up_in_their_node() -> None:
    p = np.array([[0.3, 0.3, 0.4, 0.0]])
    assert TREE.marginalise(p, "kind").tolist() == [[0.6, 0.4, 0.0]]


def test_the_node_predicted_need_not_hold_the_best_leaf() -> None:
    p = np.array([[0.3, 0.3, 0.4, 0.0]])
    assert TREE.predict(p, "leaf").tolist() == [2]
    assert TREE.predict(p, "kind").tolist() == [0]


def test_an_answer_is_right_where_it_is_the_ancestor_of_the_label() -> None:
    p = np.array([[0.6, 0.4, 0.0, 0.0]] * 2)
    assert TREE.correct(p, [1, 3], level="leaf").tolist() == [False, False]
    assert TREE.correct(p, [1, 3], level="kind").tolist() == [True, False]


def test_a_node_tells_as_much_as_it_narrows_down() -> None:
    assert TREE.information_bits("leaf").tolist() == [2.0] * 4
    assert TREE.information_bits("kind").tolist() == [1.0, 2.0, 2.0]


def test_a_tree_survives_its_plain_form() -> None:
    assert LabelTree.from_dict(TREE.to_dict()) == TREE


@given(hnp.arrays(float, (3, 4), elements=st.floats(0.001, 1.0)))
def test_probabilities_sum_to_one_at_every_level(raw: np.ndarray) -> None:
    p = raw / raw.sum(axis=1, keepdims=True)
    for level in TREE.levels:
        np.testing.assert_allclose(TREE.marginalise(p, level).sum(axis=1), 1.0)


@given(
    hnp.arrays(float, (5, 4), elements=st.floats(0, 1)),
    st.lists(st.integers(0, 3), min_size=5, max_size=5),
)
def test_flat_answers_mapped_upward_are_right_wherever_the_leaf_was(
    p: np.ndarray, labels: list[int]
) -> None:
    best = TREE.predict(p, "leaf")
    for level in TREE.levels:
        up = TREE.ancestors(level)
        assert np.all((up[best] == up[labels]) | (best != labels))


def build(**changes: Any) -> LabelTree:
    plain: dict[str, Any] = {
        "leaves": ("a", "b"),
        "levels": ("leaf", "group", "all"),
        "paths": (("x", "y"), ("x", "y")),
    }
    return LabelTree(**(plain | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leaves": ()}, "leaves is ()"),
        ({"leaves": ("a", "a")}, "each once"),
        ({"levels": ()}, "levels is ()"),
        ({"paths": ((),)}, "one for each of 2 leaves"),
        ({"paths": (("x", "y", "z"), ())}, "at most 2 nodes"),
        ({"paths": (("b",), ())}, "which is a leaf"),
        ({"paths": (("x", "y"), ("z", "y"))}, "not a tree"),
        ({"paths": (("x", "y"), ("y",))}, "not a tree"),
        ({"paths": (("x", "x"), ())}, "not a tree"),
    ],
)
def test_what_is_no_tree_cannot_exist(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build(**changes)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"levels": "leaf", "leaves": {"a": []}},
        {"levels": ["leaf"], "leaves": ["a"]},
        {"levels": ["leaf"], "leaves": {"a": "x"}},
        {"levels": ["leaf", 3], "leaves": {"a": []}},
        {"levels": ["leaf", "g"], "leaves": {"a": [""]}},
    ],
)
def test_a_wrong_plain_form_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="labels"):
        LabelTree.from_dict(content)


def test_unknown_levels_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="level is 'species'"):
        TREE.nodes("species")
    with pytest.raises(ValueError, match=r"expected \(N, 4\)"):
        TREE.marginalise(np.ones((2, 3)), "leaf")
