import numpy as np
import pytest
from networks import nested_artifact, small_images

from adaptive.cost import bytes_of, macs_of
from adaptive.engine.library import is_built
from adaptive.engine.native import NativeEngine
from adaptive.engine.protocol import Engine, make_engine
from adaptive.escalation import answer, find_threshold, rest_of
from adaptive.precision import Bits, Effort, Onward, PrecisionPlan
from adaptive.reach import reached_layers, shared_layers

ARTIFACT = nested_artifact()
IMAGES = small_images(12)
ALL_8 = PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT8)
ALL_16 = PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT16)
EARLY, LEAF = Effort(ALL_8, head="early"), Effort(ALL_8)
# Early layers alike, and others not.
LATE_16 = PrecisionPlan(ARTIFACT.layers, (Bits.INT8, *ALL_16.bits[1:]))


def onward(first: Effort, then: Effort, threshold: float = 0.5, share: float = 0.25) -> Effort:
    return Effort(first.plan, first.width, first.head, Onward(then, threshold, share))


@pytest.fixture(params=["numpy", "native"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "native" and not is_built():
        pytest.skip("the native engine is not built: ./run build")
    return make_engine(request.param, ARTIFACT)


def test_layers_that_both_efforts_run_alike_are_shared() -> None:
    reached = reached_layers(ARTIFACT)
    assert shared_layers(onward(EARLY, LEAF), reached) == {"stem"}
    assert shared_layers(onward(EARLY, Effort(LATE_16)), reached) == {"stem"}
    assert shared_layers(onward(EARLY, Effort(ALL_16)), reached) == frozenset()
    assert shared_layers(onward(Effort(ALL_8, 0.5, "early"), LEAF), reached) == frozenset()
    assert shared_layers(LEAF, reached) == frozenset()


def test_an_image_costs_the_first_effort_and_its_share_of_the_rest() -> None:
    stem = ARTIFACT.work[0].macs
    early, leaf = macs_of(ARTIFACT, EARLY), macs_of(ARTIFACT, LEAF)
    assert macs_of(ARTIFACT, onward(EARLY, LEAF, share=0.0)) == early
    assert macs_of(ARTIFACT, onward(EARLY, LEAF)) == round(early + 0.25 * (leaf - stem))
    assert sum(w.macs for w in rest_of(ARTIFACT, onward(EARLY, LEAF))) == leaf - stem
    narrow = Effort(ALL_8, 0.5, "early")
    both = macs_of(ARTIFACT, narrow) + leaf
    assert macs_of(ARTIFACT, onward(narrow, LEAF, share=1.0)) == both
    moved = bytes_of(ARTIFACT, narrow) + bytes_of(ARTIFACT, LEAF)
    assert bytes_of(ARTIFACT, onward(narrow, LEAF, share=1.0)) == moved
    assert rest_of(ARTIFACT, LEAF) == ()


@pytest.mark.parametrize("threshold", [0.0, 0.6, 1.0])
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (EARLY, LEAF),
        (EARLY, Effort(LATE_16)),
        (EARLY, Effort(ALL_16)),
        (Effort(ALL_8, 0.5, "early"), LEAF),
        (Effort(ALL_8, 0.5, "early"), Effort(ALL_8, 0.5)),
        (Effort(ALL_8, 0.25), LEAF),
    ],
)
def test_unsure_images_get_the_second_answer_and_the_others_the_first(
    engine: Engine, first: Effort, then: Effort, threshold: float
) -> None:
    nodes, went_on = answer(engine, IMAGES, onward(first, then, threshold), "group")
    each = []
    for effort in (first, then):
        shares = engine.probabilities(IMAGES, effort)
        each.append(ARTIFACT.labels_of(effort.head).marginalise(shares, "group"))
    np.testing.assert_array_equal(went_on, each[0].max(axis=1) < threshold)
    np.testing.assert_array_equal(
        nodes, np.where(went_on, each[1].argmax(axis=1), each[0].argmax(axis=1))
    )


def test_codes_of_both_heads_are_those_of_two_runs(engine: Engine) -> None:
    some = np.arange(len(IMAGES)) % 3 == 1
    asked = iter(some)
    first, then, went_on = engine.escalate(
        IMAGES, onward(EARLY, LEAF), lambda codes: np.array([next(asked) for _ in codes])
    )
    np.testing.assert_array_equal(went_on, some)
    np.testing.assert_array_equal(first, engine.run(IMAGES, EARLY))
    np.testing.assert_array_equal(then, engine.run(IMAGES[some], LEAF))


def test_an_effort_that_does_not_go_on_answers_at_once(engine: Engine) -> None:
    nodes, went_on = answer(engine, IMAGES, EARLY, "group")
    assert not went_on.any()
    shares = engine.probabilities(IMAGES, EARLY)
    own = ARTIFACT.labels_of("early").marginalise(shares, "group")
    np.testing.assert_array_equal(nodes, own.argmax(axis=1))


def test_codes_of_two_heads_are_not_asked_of_a_plain_run(engine: Engine) -> None:
    with pytest.raises(ValueError, match="goes on"):
        engine.run(IMAGES, onward(EARLY, LEAF))
    with pytest.raises(ValueError, match="does not go on"):
        engine.escalate(IMAGES, LEAF, lambda codes: codes[:, 0] > 0)
    if isinstance(engine, NativeEngine):
        for ask in (engine.arena, engine.profile):
            with pytest.raises(ValueError, match="goes on"):
                ask(onward(Effort(ALL_8, 0.5), LEAF))


def test_what_the_caller_raises_is_raised(engine: Engine) -> None:
    def stumble(_codes: object) -> np.ndarray:
        raise KeyError("unsure of being unsure")

    with pytest.raises(KeyError, match="unsure of being unsure"):
        engine.escalate(IMAGES, onward(EARLY, LEAF), stumble)


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


def test_a_threshold_is_a_share_and_a_level_must_be_told(engine: Engine) -> None:
    with pytest.raises(ValueError, match="threshold is 2"):
        Onward(LEAF, 2.0, 0.5)
    with pytest.raises(ValueError, match="share is -1"):
        Onward(LEAF, 0.5, -1.0)
    with pytest.raises(ValueError, match="expected an effort that does not"):
        Onward(onward(EARLY, LEAF), 0.5, 0.5)
    with pytest.raises(ValueError, match="level is 'leaf'"):
        answer(engine, IMAGES, onward(EARLY, LEAF), "leaf")
    assert onward(EARLY, LEAF, 0.625).code == "all-8-early>all-8@0.625"
