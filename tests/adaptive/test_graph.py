import re
from typing import Any

import msgspec
import numpy as np
import pytest
from networks import BITS, random_tensors, small_graph

from adaptive.graph import (
    Conv2d,
    Flatten,
    LayerTensors,
    LayerWork,
    Linear,
    MaxPool2d,
    Node,
    Signal,
    infer_signals,
    layer_work,
    weight_shape,
)

SOURCE = Signal((6, 6, 2), 0.5, -32768)


def conv(**changes: Any) -> Conv2d:
    plain = {
        "name": "conv", "inputs": ("input",), "channels": 4, "kernel": (3, 3), "stride": (2, 1),
        "padding": (1, 0), "groups": 2, "scale": 0.25, "zero": 0, "relu": False,
    }  # fmt: skip
    return Conv2d(**(plain | changes))


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


def test_work_is_counted_by_hand_for_a_convolution_and_a_linear_layer() -> None:
    graph = small_graph()
    signals = infer_signals(SOURCE, graph)
    stem, head = graph[0], graph[-1]
    assert isinstance(stem, Conv2d)
    assert isinstance(head, Linear)
    assert layer_work(stem, signals) == LayerWork("stem", 36 * 4 * 18, 72, 72, 144)
    assert layer_work(head, signals) == LayerWork("head", 16, 16, 4, 4)
    assert weight_shape(conv(), SOURCE) == (4, 3, 3, 1)


def test_a_node_survives_json() -> None:
    for node in small_graph():
        assert msgspec.json.decode(msgspec.json.encode(node), type=Node) == node


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((conv(), conv()), "two nodes named 'conv'"),
        ((conv(name="input"),), "two nodes named 'input'"),
        ((conv(inputs=("later",)),), "reads 'later', expected one of ('input',)"),
        ((conv(inputs=("input", "input")),), "expected exactly one"),
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


def test_work_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="macs of layer a"):
        LayerWork("a", 0, 1, 1, 1)


def tensors(**changes: Any) -> LayerTensors:
    node = conv()
    made = random_tensors(node, SOURCE, np.random.default_rng(0))
    plain = {
        "weight": made.weight,
        "weight_scale": made.weight_scale,
        "requantisers": made.requantisers,
    }
    return LayerTensors(**(plain | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": np.zeros((4, 3, 3, 1), np.int32)}, "weight is int32"),
        ({"weight": np.full((4, 3, 3, 1), -32768, np.int16)}, "beyond 32639"),
        ({"weight_scale": np.ones(3)}, "3 scales"),
        ({"weight_scale": np.array([1.0, 1.0, 0.0, 1.0])}, "weight_scale holds"),
        ({"weight_scale": np.array([1.0, np.nan, 1.0, 1.0])}, "weight_scale holds"),
        (
            {"weight": np.zeros((5, 3, 3, 1), np.int16), "weight_scale": np.ones(5)},
            "bias has shape (4,)",
        ),
    ],
)
def test_tensors_that_do_not_fit_each_other_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    assert tuple(tensors().requantisers) == BITS
    with pytest.raises(ValueError, match=re.escape(message)):
        tensors(**changes)
