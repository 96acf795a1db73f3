import math
from dataclasses import replace

import pytest
from plants import OPPS, make_point, make_points

from adaptive.labels import LabelTree
from adaptive.precision import Bits
from adaptive.service import Served
from adaptive.simulation import Truth
from experiments.reward import Worth, information, score

TREE = LabelTree(
    leaves=("a", "b", "c", "d"),
    levels=("leaf", "kind"),
    paths=(("x",), ("x",), ("y",), ("y",)),
)
LOPSIDED = LabelTree(
    leaves=("a", "b", "c", "d"),
    levels=("leaf", "kind"),
    paths=(("x",), ("x",), ("x",), ("y",)),
)


def truth(*served: Served, arrived: int = 10) -> Truth:
    return Truth(
        time_s=0.1,
        hottest_degc=50.0,
        power_w=2.0,
        over_cap_s=0.0,
        arrived=arrived,
        dropped=0,
        served=served,
        backlog=0,
    )


def test_a_leaf_tells_everything_and_a_half_of_them_half_as_many_bits() -> None:
    assert information(TREE) == {"leaf": 1.0, "kind": 0.5}


def test_uneven_nodes_count_by_their_leaves() -> None:
    expected = (3 * math.log(4 / 3) + math.log(4)) / 4 / math.log(4)
    assert information(LOPSIDED)["kind"] == pytest.approx(expected)


def test_an_answer_that_tells_nothing_is_worth_nothing() -> None:
    everything = LabelTree(("a", "b"), ("leaf", "any"), (("all",), ("all",)))
    assert information(everything)["any"] == 0.0


def test_a_tree_of_one_leaf_tells_nothing_to_measure() -> None:
    with pytest.raises(ValueError, match="two or more"):
        information(LabelTree(("a",), ("leaf",), ((),)))


def test_a_frame_is_worth_accuracy_times_information() -> None:
    fine = make_point(OPPS.fastest, accuracy=0.8)
    coarse = replace(fine, level="kind", accuracy=0.9)
    worth = Worth.of_tree(TREE)
    assert worth.of_frame(fine) == pytest.approx(0.8)
    assert worth.of_frame(coarse) == pytest.approx(0.45)
    assert worth.best((coarse, fine)) == pytest.approx(0.8)


def test_a_users_weights_replace_the_information() -> None:
    coarse = replace(make_point(OPPS.fastest, accuracy=0.9), level="kind")
    assert Worth({"leaf": 1.0, "kind": 1.0}).of_frame(coarse) == pytest.approx(0.9)
    with pytest.raises(ValueError, match="level 'kind'"):
        Worth({"leaf": 1.0}).of_frame(coarse)
    with pytest.raises(ValueError, match="-1"):
        Worth({"leaf": -1.0})


def test_a_run_earns_its_frames_over_the_best_effort_on_all_demanded() -> None:
    points = make_points()
    eight, sixteen = (
        make_point(OPPS.fastest, Bits.INT8, accuracy=0.90),
        make_point(OPPS.fastest, Bits.INT16, accuracy=0.92),
    )
    leaf = {eight.effort: 0.90, sixteen.effort: 0.92}
    got = score(
        [truth(Served(eight, 0, 4, 0.1)), truth(Served(sixteen, 4, 6, 0.1))],
        points,
        worth=Worth({"leaf": 1.0}),
        period_s=0.1,
        leaf_accuracy=leaf,
    )
    right = 4 * 0.90 + 6 * 0.92
    assert got.reward == pytest.approx(right / (20 * 0.92))
    assert got.leaf_accuracy == pytest.approx(right / 20)
    assert got.answered == pytest.approx(0.5)
    assert got.energy_per_correct_j == pytest.approx(0.4 / right)


def test_leaf_accuracy_stands_beside_coarse_answers() -> None:
    coarse = replace(make_point(OPPS.fastest, accuracy=0.98), level="kind")
    fine = make_point(OPPS.fastest, accuracy=0.8)
    got = score(
        [truth(Served(coarse, 0, 10, 0.1))],
        (coarse, fine),
        worth=Worth.of_tree(TREE),
        period_s=0.1,
        leaf_accuracy={coarse.effort: 0.8},
    )
    assert got.reward == pytest.approx(0.49 / 0.8)
    assert got.leaf_accuracy == pytest.approx(0.8)


def test_a_run_without_frames_earns_nothing() -> None:
    got = score(
        [truth(arrived=0)],
        make_points(),
        worth=Worth({"leaf": 1.0}),
        period_s=0.1,
        leaf_accuracy={},
    )
    assert (got.reward, got.answered) == (0.0, 0.0)
    assert got.energy_per_correct_j == math.inf
