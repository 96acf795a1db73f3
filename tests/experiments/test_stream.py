from dataclasses import replace

import numpy as np
import pytest

from adaptive.artifact import Artifact, load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ConfigError
from adaptive.measured import MeasuredEffort
from adaptive.precision import Bits, Effort, Onward, PrecisionPlan
from experiments.stream import DIGITS_PER_FORM, FormStream
from models.data import load_digits


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return load_artifact("digits")


def effort(artifact: Artifact, bits: Bits) -> Effort:
    return Effort(PrecisionPlan.uniform(artifact.layers, bits))


def test_right_answers_match_a_frame_by_frame_count(artifact: Artifact) -> None:
    images = load_digits("test")
    stream = FormStream(artifact, images, seed=7)
    order = np.random.default_rng(7).permutation(len(images))
    all_8 = effort(artifact, Bits.INT8)
    chances = ReferenceEngine(artifact).probabilities(images.images, all_8)
    right = artifact.labels.correct(chances, images.labels, level="leaf")[order]
    for first, count in [(0, 1), (3, 2), (5, 45), (44, 3), (1000, 17)]:
        digits = np.arange(first * DIGITS_PER_FORM, (first + count) * DIGITS_PER_FORM)
        expected = int(right[digits % len(right)].sum())
        assert stream.right(all_8, "leaf", first=first, count=count) == expected


def test_each_image_and_effort_is_inferred_once(artifact: Artifact) -> None:
    stream = FormStream(artifact, load_digits("test"), seed=0)
    assert stream.inferences == 0
    for _ in range(3):
        for level in stream.levels:
            stream.right(effort(artifact, Bits.INT8), level, first=0, count=9)
    assert stream.inferences == 360
    stream.right(effort(artifact, Bits.INT16), "leaf", first=0, count=1)
    assert stream.inferences == 720


def test_a_coarse_level_is_never_answered_worse_than_the_leaves_of_its_own_answers(
    artifact: Artifact,
) -> None:
    stream = FormStream(artifact, load_digits("test"), seed=0)
    leaf, coarse = stream.levels[0], stream.levels[-1]
    all_16 = effort(artifact, Bits.INT16)
    assert stream.right(all_16, coarse, first=0, count=45) >= 0.98 * stream.right(
        all_16, leaf, first=0, count=45
    )


def test_an_effort_that_goes_on_is_counted_at_its_level_and_above() -> None:
    network = load_artifact("digits_early")
    leaf, coarse = network.labels.levels
    plan = PrecisionPlan.uniform(network.layers, Bits.INT8)
    onward = Onward(Effort(plan), 1.0, 1.0)  # goes on with all that is not certain
    efforts = {
        level: Effort(plan, head=head, width=width, onward=onward)
        for level, head, width in ((leaf, "leaf", 0.5), (coarse, "early", 1.0))
    }
    measured = tuple(MeasuredEffort(e, 10, {level: 9}) for level, e in efforts.items())
    stream = FormStream(replace(network, measured=measured), load_digits("test"), seed=0)
    for level, escalating in efforts.items():
        for asked in (leaf, coarse):
            got = stream.right(escalating, asked, first=0, count=45)
            whole = stream.right(Effort(plan), asked, first=0, count=45)
            told = asked == coarse or level == leaf
            assert abs(got - whole) <= 0.02 * whole if told else got == 0
    with pytest.raises(ConfigError, match="was never measured"):
        FormStream(network, load_digits("test"), seed=0).right(
            efforts[leaf], leaf, first=0, count=1
        )
