import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import random_tensors, small_artifact, small_images

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact
from adaptive.engine.answer import softmax
from adaptive.engine.convolve import convolve
from adaptive.engine.reference import ReferenceEngine, average_requantiser
from adaptive.errors import ArtifactError
from adaptive.graph import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    LayerTensors,
    Linear,
    MaxPool2d,
    Signal,
)
from adaptive.precision import Bits, Effort, PrecisionPlan, all_plans
from adaptive.quantise import (
    CODE_MAX,
    CODE_MIN,
    EXACT_BELOW,
    WEIGHT_MAX,
    Requantiser,
)
from adaptive.shapes import infer_signals

AFFINE = Arithmetic.AFFINE
ARTIFACT = small_artifact()
ENGINE = ReferenceEngine(ARTIFACT)


def uniform(bits: Bits) -> Effort:
    return Effort(PrecisionPlan.uniform(ARTIFACT.layers, bits))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv2d, np.ndarray, np.ndarray]:
    """Draw a convolution with integer inputs and weights of the full 16-bit range."""
    groups = draw(st.integers(1, 3))
    per_group, out_per_group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    node = Conv2d(
        name="conv", inputs=("input",), channels=groups * out_per_group, kernel=kernel,
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        padding=(draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        groups=groups, scale=1.0, zero=0, relu=False,
    )  # fmt: skip
    size = (draw(st.integers(3, 5)), draw(st.integers(3, 5)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(0, CODE_MAX - CODE_MIN + 1, (2, *size, groups * per_group))
    weights = rng.integers(-WEIGHT_MAX, WEIGHT_MAX + 1, (node.channels, *kernel, per_group))
    return node, values, weights


def output_positions(node: Conv2d, values: np.ndarray) -> Iterator[tuple[int, ...]]:
    height = (values.shape[1] + 2 * node.padding[0] - node.kernel[0]) // node.stride[0] + 1
    width = (values.shape[2] + 2 * node.padding[1] - node.kernel[1]) // node.stride[1] + 1
    return np.ndindex(len(values), height, width, node.channels)


def one_sum(node: Conv2d, values: np.ndarray, weights: np.ndarray, at: tuple[int, ...]) -> int:
    """Sum one output by the definition, in Python's integers."""
    n, y, x, channel = at
    first = channel // (node.channels // node.groups) * weights.shape[3]
    total = 0
    for i, j, c in np.ndindex(*weights.shape[1:]):
        row = y * node.stride[0] + i - node.padding[0]
        column = x * node.stride[1] + j - node.padding[1]
        if 0 <= row < values.shape[1] and 0 <= column < values.shape[2]:
            total += int(values[n, row, column, first + c]) * int(weights[channel, i, j, c])
    return total


@given(convolutions())
def test_a_convolution_equals_its_definition(case: tuple[Conv2d, np.ndarray, np.ndarray]) -> None:
    node, values, weights = case
    out = convolve(values.astype(float), weights.astype(float), node)
    for at in output_positions(node, values):
        assert int(out[at]) == one_sum(node, values, weights, at)


def test_a_layer_is_its_definition_at_each_precision() -> None:
    images = small_images(20)
    for bits in ARTIFACT.bits:
        plan = PrecisionPlan(ARTIFACT.layers, (Bits.INT16, Bits.INT8, bits))
        mean = ENGINE.trace(images, Effort(plan))["mean"]
        tensors = ARTIFACT.tensors["head"]
        read = AFFINE.narrow_codes(mean, bits) + (32768 >> (16 - bits))
        total = read @ AFFINE.narrow_weights(tensors.weight, bits).T
        expected = tensors.requantisers[bits].apply(total)
        np.testing.assert_array_equal(ENGINE.run(images, Effort(plan)), expected)


def test_an_eight_bit_layer_writes_only_the_high_plane_and_the_head_both() -> None:
    codes = ENGINE.trace(small_images(20), uniform(Bits.INT8))
    assert not np.any(codes["stem"] % 256)
    assert not np.any(codes["depthwise"] % 256)
    assert np.any(codes["head"] % 256)


def test_every_code_is_in_range_and_relu_outputs_fill_it() -> None:
    for bits in ARTIFACT.bits:
        for codes in ENGINE.trace(small_images(50), uniform(bits)).values():
            assert codes.min() >= CODE_MIN
            assert codes.max() <= CODE_MAX
            assert codes.dtype == np.int32


def test_pooling_takes_the_greatest_code_and_the_mean_is_the_rounded_mean() -> None:
    codes = ENGINE.trace(small_images(5), uniform(Bits.INT16))
    by_hand = codes["stem"].reshape(5, 3, 2, 3, 2, 4).max(axis=(2, 4))
    np.testing.assert_array_equal(codes["pool"], by_hand)
    # Input and output have the same scale and zero point, so this is a plain mean.
    total = codes["depthwise"].astype(np.int64).sum(axis=(1, 2))
    np.testing.assert_array_equal(codes["mean"], np.floor(total / 9 + 0.5))


def test_plans_run_together_answer_as_they_do_alone() -> None:
    images = small_images(7)
    efforts = [Effort(plan) for plan in all_plans(ARTIFACT.layers)]
    efforts += [efforts[3], efforts[0], efforts[0]]
    together = list(ENGINE.run_all(images, efforts))
    assert [effort for effort, _ in together] == efforts
    for effort, codes in together:
        np.testing.assert_array_equal(codes, ReferenceEngine(ARTIFACT).run(images, effort))


def test_plans_differ_in_what_they_answer() -> None:
    images = small_images(20)
    answers = {p.code: ENGINE.run(images, Effort(p)).tobytes() for p in all_plans(ARTIFACT.layers)}
    assert len(set(answers.values())) == 8


def test_images_one_by_one_answer_as_in_a_batch() -> None:
    images = small_images(4)
    batch = ENGINE.run(images, uniform(Bits.INT16))
    single = [ENGINE.run(images[i : i + 1], uniform(Bits.INT16))[0] for i in range(4)]
    np.testing.assert_array_equal(batch, single)


def test_no_images_give_no_answers() -> None:
    assert ENGINE.run(small_images(0), uniform(Bits.INT8)).shape == (0, 4)


def test_probabilities_use_the_temperature_where_one_was_fitted() -> None:
    images = small_images(6)
    for bits, temperature in ((Bits.INT8, 1.5), (Bits.INT16, 1.0)):
        logits = ENGINE.run(images, uniform(bits)) * ARTIFACT.signals["head"].scale
        np.testing.assert_allclose(
            ENGINE.probabilities(images, uniform(bits)), softmax(logits / temperature)
        )


def test_softmax_of_equal_logits_is_even_and_great_ones_do_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e9, 1e9], [0.0, 1e9]])), [[0.5, 0.5], [0, 1]])


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 6, 6, 2), np.int16),
        np.zeros((2, 6, 6, 1), np.uint8),
        np.zeros((6, 6, 2), np.uint8),
        np.zeros((2, 2, 6, 6), np.uint8),
    ],
)
def test_other_images_are_refused(images: Any) -> None:
    with pytest.raises(ValueError, match=re.escape("expected uint8 of shape (N, 6, 6, 2)")):
        ENGINE.run(images, uniform(Bits.INT8))


def test_an_effort_not_carried_is_refused() -> None:
    with pytest.raises(ArtifactError, match="carries widths"):
        ENGINE.run(small_images(1), Effort(uniform(Bits.INT8).plan, width=0.5))
    with pytest.raises(ArtifactError, match="carries 16, 8 bits"):
        ENGINE.run(small_images(1), uniform(Bits.INT4))


def branched() -> Artifact:
    """Build a network with a node of each kind that has no weights, and padding of both kinds."""
    first = ARTIFACT.graph[0]
    assert isinstance(first, Conv2d)
    stem = msgspec.structs.replace(
        first, channels=2, padding=(1, 0), padding_after=(0, 2), fill=(-3000, 17), scale=1e-5
    )
    both = {"scale": 2e-5, "zero": -4096}
    graph = (
        stem,
        MaxPool2d(
            name="pool", inputs=("stem",), kernel=(3, 3), stride=(1, 1), padding=(1, 1),
            padding_after=(1, 0),
        ),
        Add(name="add", inputs=("stem", "input_part"), relu=True, **both),
        Concat(name="both", inputs=("add", "stem"), relu=False, scale=9e-6, zero=-32768),
        AvgPool2d(name="mean2", inputs=("both",), kernel=(2, 3), stride=(1, 2)),
        GlobalAvgPool(name="mean", inputs=("mean2",), scale=8e-5, zero=-32768),
        msgspec.structs.replace(ARTIFACT.graph[-1], inputs=("mean",)),
    )  # fmt: skip
    part = Conv2d(
        name="input_part", inputs=("input",), channels=2, kernel=(2, 1), stride=(1, 1),
        padding=(0, 0), padding_after=(1, 0), groups=1, scale=3e-5, zero=0, relu=False,
    )  # fmt: skip
    graph = (part, *graph)
    signals = infer_signals(ARTIFACT.source, graph)
    rng = np.random.default_rng(3)
    tensors = {
        node.name: random_tensors(node, signals[node.inputs[0]], rng, head=node.name == "head")
        for node in graph
        if isinstance(node, Conv2d | Linear)
    }
    return replace(ARTIFACT, graph=graph, tensors=tensors, measured=())


BRANCHED = branched()
TRACE = ReferenceEngine(BRANCHED).trace(
    small_images(3), Effort(PrecisionPlan.uniform(BRANCHED.layers, Bits.INT8))
)


def test_padding_with_codes_is_an_image_with_a_border_of_them() -> None:
    node = BRANCHED.graph[1]
    assert isinstance(node, Conv2d)
    bordered = np.empty((3, 8, 8, 2))
    bordered[:] = node.fill
    bordered[:, 1:7, 0:6] = (small_images(3).astype(float) - 128) * 256
    plain = msgspec.structs.replace(node, padding=(0, 0), padding_after=(0, 0), fill=())
    values = AFFINE.narrow_codes(bordered.astype(np.int64), Bits.INT8) + 128
    tensors = BRANCHED.tensors["stem"]
    weights = AFFINE.narrow_weights(tensors.weight, Bits.INT8)
    total = convolve(values.astype(float), weights.astype(float), plain)
    expected = tensors.requantisers[Bits.INT8].apply(total)
    np.testing.assert_array_equal(TRACE["stem"], expected)


def test_padding_is_never_the_greatest() -> None:
    stem, pool = TRACE["stem"], TRACE["pool"]
    assert pool.shape == (3, 7, 6, 2)
    for n, y, x, c in np.ndindex(pool.shape):
        window = stem[n, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2, c]
        assert pool[n, y, x, c] == window.max()


def test_a_sum_is_the_rounded_real_sum_within_two_codes() -> None:
    real = 1e-5 * (TRACE["stem"] + 32768) + 3e-5 * TRACE["input_part"]
    expected = np.clip(np.floor(real / 2e-5 + 0.5) - 4096, -4096, CODE_MAX)
    assert np.abs(TRACE["add"] - expected).max() <= 2
    assert np.unique(TRACE["add"]).size > 50
    assert TRACE["add"].min() == -4096


def test_parts_of_a_concatenation_are_brought_to_its_scale_in_order() -> None:
    real = np.concatenate([2e-5 * (TRACE["add"] + 4096), 1e-5 * (TRACE["stem"] + 32768)], axis=3)
    expected = np.clip(np.floor(real / 9e-6 + 0.5) - 32768, CODE_MIN, CODE_MAX)
    assert np.abs(TRACE["both"] - expected).max() <= 2


def test_averages_of_windows_are_rounded_means() -> None:
    codes = TRACE["both"].astype(np.int64)
    assert TRACE["mean2"].shape == (3, 5, 2, 4)
    for n, y, x, c in np.ndindex(TRACE["mean2"].shape):
        mean = (codes[n, y : y + 2, 2 * x : 2 * x + 3, c] + 32768).sum() / 6
        assert abs(TRACE["mean2"][n, y, x, c] - (mean - 32768)) < 0.5 + 1e-4


def test_a_sum_of_signals_too_far_apart_is_refused() -> None:
    graph = tuple(
        msgspec.structs.replace(node, scale=1e-12) if node.name == "add" else node
        for node in BRANCHED.graph
    )
    with pytest.raises(ArtifactError, match="artifact small: add: scale ratio"):
        ReferenceEngine(replace(BRANCHED, graph=graph))


def wide(terms: int, bias: int) -> Artifact:
    """Build a network whose one linear layer has this many inputs."""
    graph = (
        Flatten(name="flat", inputs=("input",)),
        Linear(name="head", inputs=("flat",), features=4, scale=1.0, zero=0, relu=False),
    )
    requantiser = Requantiser.from_real(
        np.ones(4), float(bias), bits=Bits.INT16, zero=0, relu=False
    )
    tensors = LayerTensors(
        np.full((4, terms), WEIGHT_MAX, np.int16), np.ones(4), {Bits.INT16: requantiser}
    )
    return replace(
        ARTIFACT,
        bits=(Bits.INT16,),
        graph=graph,
        tensors={"head": tensors},
        measured=(),
        source=Signal((1, terms, 1), ARTIFACT.source.scale, CODE_MIN),
    )


def test_a_network_whose_sums_could_lose_bits_is_refused() -> None:
    assert 65407 * WEIGHT_MAX * 1000 + 2**51 < EXACT_BELOW
    ReferenceEngine(wide(1000, 2**51))
    with pytest.raises(ArtifactError, match="head: a sum of the layer could reach"):
        ReferenceEngine(wide(4 * 2**20, 2**51))


def test_extreme_pixels_and_weights_are_summed_exactly() -> None:
    artifact = wide(1000, 0)
    effort = Effort(PrecisionPlan.uniform(("head",), Bits.INT16))
    images = np.full((1, 1, 1000, 1), 255, np.uint8)
    assert ReferenceEngine(artifact).run(images, effort).tolist() == [[CODE_MAX] * 4]


def test_an_average_no_integers_can_express_is_refused() -> None:
    graph = tuple(
        msgspec.structs.replace(node, scale=1e-30) if node.name == "mean" else node
        for node in ARTIFACT.graph
    )
    with pytest.raises(ArtifactError, match="artifact small: mean: ratio"):
        ReferenceEngine(replace(ARTIFACT, graph=graph))


def test_an_average_whose_sum_could_lose_bits_is_refused() -> None:
    node = AvgPool2d(name="mean", inputs=("input",), kernel=(2**19, 2**19), stride=(1, 1))
    with pytest.raises(ValueError, match="expected a sum below 2\\^53"):
        average_requantiser(node, Signal((2**19, 2**19, 1), 1.0, 0))
