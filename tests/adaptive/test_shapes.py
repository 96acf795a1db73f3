import re
from typing import Any

import pytest

from adaptive.graph import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Node,
    Signal,
)
from adaptive.shapes import infer_signals, padding_of

SOURCE = Signal((6, 6, 2), 0.5, -32768)


def conv(**changes: Any) -> Conv2d:
    plain = {
        "name": "conv", "inputs": ("input",), "channels": 4, "kernel": (3, 3), "stride": (2, 1),
        "padding": (1, 0), "groups": 2, "scale": 0.25, "zero": 0, "relu": False,
    }  # fmt: skip
    return Conv2d(**(plain | changes))


def pool(**changes: Any) -> MaxPool2d:
    plain = {"name": "pool", "inputs": ("input",), "kernel": (2, 2), "stride": (2, 2)}
    return MaxPool2d(**(plain | changes))


def add(*inputs: str) -> Add:
    return Add(name="add", inputs=inputs, scale=0.125, zero=0, relu=False)


def concat(*inputs: str) -> Concat:
    return Concat(name="both", inputs=inputs, scale=0.125, zero=0, relu=False)


def mean(*inputs: str) -> GlobalAvgPool:
    return GlobalAvgPool(name="mean", inputs=inputs, scale=0.5, zero=0)


def test_shapes_follow_from_stride_and_padding() -> None:
    assert infer_signals(SOURCE, (conv(),))["conv"] == Signal((3, 4, 4), 0.25, 0)


def test_pooling_keeps_scale_and_flattening_keeps_elements() -> None:
    nodes: tuple[Node, ...] = (
        MaxPool2d(name="pool", inputs=("input",), kernel=(2, 4), stride=(2, 4)),
        Flatten(name="flat", inputs=("pool",)),
    )
    signals = infer_signals(SOURCE, nodes)
    assert signals["pool"] == Signal((3, 1, 2), 0.5, -32768)
    assert signals["flat"] == Signal((6,), 0.5, -32768)


def test_padding_after_counts_on_the_far_sides_only() -> None:
    node = conv(padding_after=(2, 1))
    assert padding_of(node) == ((1, 3), (0, 1))
    assert infer_signals(SOURCE, (node,))["conv"].shape == (4, 5, 4)


def test_an_average_of_windows_keeps_the_scale() -> None:
    node = AvgPool2d(name="mean", inputs=("input",), kernel=(2, 3), stride=(2, 1))
    assert infer_signals(SOURCE, (node,))["mean"] == Signal((3, 4, 2), 0.5, -32768)


def test_sums_and_joins_have_a_scale_of_their_own() -> None:
    nodes = (conv(stride=(1, 1), padding=(1, 1)), add("conv", "conv"), concat("conv", "input"))
    signals = infer_signals(SOURCE, nodes)
    assert signals["add"] == Signal((6, 6, 4), 0.125, 0)
    assert signals["both"] == Signal((6, 6, 6), 0.125, 0)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((conv(), conv()), "two nodes named 'conv'"),
        ((conv(name="input"),), "two nodes named 'input'"),
        ((conv(inputs=("later",)),), "reads 'later', expected one of ('input',)"),
        ((conv(inputs=("input", "input")),), "expected exactly one"),
        ((add("input"),), "node add has inputs ('input',), expected two"),
        ((concat("input"),), "node both has inputs ('input',), expected two or more"),
        ((add("input", "later"),), "reads 'later'"),
        ((conv(), add("input", "conv")), "node add adds shapes [(6, 6, 2), (3, 4, 4)]"),
        ((conv(), concat("input", "conv")), "node both joins shapes"),
        ((mean("input"), concat("mean", "mean")), "node both joins shapes [(2,), (2,)]"),
        ((conv(fill=(1, 2, 3)),), "fill of node conv has 3 codes, expected none or 2"),
        ((pool(padding=(2, 0)),), "padding of node pool is ((2, 2), (0, 0))"),
        ((pool(padding_after=(0, 3)),), "expected no window of padding alone"),
        ((conv(groups=3),), "groups of node conv is 3"),
        ((conv(kernel=(9, 3)),), "kernel of node conv is (9, 3)"),
        (
            (Linear(name="l", inputs=("input",), features=3, scale=1.0, zero=0, relu=False),),
            "expected 1 dimensions",
        ),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(nodes: tuple[Node, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        infer_signals(SOURCE, nodes)
