import numpy as np
import pytest
from networks import nested_artifact, small_images

from adaptive.engine.reference import ReferenceEngine
from adaptive.escalation import Escalation, answer, expected_macs, find_threshold, reused
from adaptive.precision import Bits, Effort, PrecisionPlan

ARTIFACT = nested_artifact()
ENGINE, IMAGES = ReferenceEngine(ARTIFACT), small_images(12)
ALL_8 = PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT8)
EARLY, LEAF = Effort(ALL_8, head="early"), Effort(ALL_8)


def macs(effort: Effort) -> int:
    return sum(work.macs for work in ARTIFACT.work_of(effort))


def test_what_both_efforts_compute_alike_is_reused() -> None:
    assert reused(ARTIFACT, EARLY, LEAF) == {"stem"}
    assert reused(ARTIFACT, Effort(ALL_8, 0.5, "early"), LEAF) == frozenset()
    wide = PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT16)
    assert reused(ARTIFACT, EARLY, Effort(wide)) == frozenset()
    assert reused(ARTIFACT, LEAF, LEAF) >= set(ARTIFACT.layers) - {"early"}


def test_an_image_costs_the_first_effort_and_its_share_of_the_rest() -> None:
    rule = Escalation(EARLY, LEAF, "group", 0.5)
    stem = ARTIFACT.work[0].macs
    assert expected_macs(ARTIFACT, rule, 0.0) == macs(EARLY)
    assert expected_macs(ARTIFACT, rule, 0.25) == macs(EARLY) + 0.25 * (macs(LEAF) - stem)
    narrow = Escalation(Effort(ALL_8, 0.5, "early"), LEAF, "group", 0.5)
    assert expected_macs(ARTIFACT, narrow, 1.0) == macs(narrow.first) + macs(LEAF)


@pytest.mark.parametrize("threshold", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("first", [EARLY, Effort(ALL_8, 0.5, "early"), Effort(ALL_8, 0.25)])
def test_unsure_images_get_the_second_answer_and_the_others_the_first(
    first: Effort, threshold: float
) -> None:
    nodes, went_on = answer(ENGINE, IMAGES, Escalation(first, LEAF, "group", threshold))
    each = []
    for effort in (first, LEAF):
        shares = ENGINE.probabilities(IMAGES, effort)
        each.append(ARTIFACT.labels_of(effort.head).marginalise(shares, "group"))
    np.testing.assert_array_equal(went_on, each[0].max(axis=1) < threshold)
    np.testing.assert_array_equal(
        nodes, np.where(went_on, each[1].argmax(axis=1), each[0].argmax(axis=1))
    )


def test_the_threshold_goes_on_least_often_for_the_share_asked() -> None:
    confidence = np.array([0.9, 0.5, 0.7, 0.6, 0.8])
    first = np.array([True, False, True, False, False])
    then = np.array([True, True, False, True, True])
    for least, went_on, right in ((0.4, 0, 2), (0.6, 1, 3), (0.8, 2, 4), (1.0, 2, 4)):
        threshold = find_threshold(confidence, first, then, least=least)
        unsure = confidence < threshold
        assert unsure.sum() == went_on
        assert np.where(unsure, then, first).sum() == right


def test_images_of_equal_confidence_go_on_together() -> None:
    confidence = np.array([0.5, 0.5, 0.9])
    first, then = np.array([False, True, True]), np.array([True, False, True])
    assert find_threshold(confidence, first, then, least=1.0) == 0.5  # nobody is below it
    sure = np.ones(3)
    everyone = find_threshold(sure, np.zeros(3, bool), np.ones(3, bool), least=1.0)
    assert 0.0 <= everyone <= 1.0  # certainty never goes on


def test_a_threshold_is_a_share_and_a_level_must_be_told() -> None:
    with pytest.raises(ValueError, match="threshold is 2"):
        Escalation(EARLY, LEAF, "group", 2.0)
    with pytest.raises(ValueError, match="level is 'leaf'"):
        answer(ENGINE, IMAGES, Escalation(EARLY, LEAF, "leaf", 0.5))
    assert Escalation(EARLY, LEAF, "group", 0.5).code == "all-8-early > all-8"
