import re
from typing import Any

import msgspec
import numpy as np
import pytest
from networks import BITS, random_tensors, small_graph

from adaptive.graph import (
    Conv2d,
    LayerTensors,
    LayerWork,
    Linear,
    MaxPool2d,
    Node,
    Signal,
    layer_work,
    weight_shape,
)
from adaptive.shapes import infer_signals

SOURCE = Signal((6, 6, 2), 0.5, -32768)


def conv(**changes: Any) -> Conv2d:
    plain = {
        "name": "conv", "inputs": ("input",), "channels": 4, "kernel": (3, 3), "stride": (2, 1),
        "padding": (1, 0), "groups": 2, "scale": 0.25, "zero": 0, "relu": False,
    }  # fmt: skip
    return Conv2d(**(plain | changes))


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


def test_a_padding_of_nothing_is_left_out_of_the_file() -> None:
    plain = MaxPool2d(name="pool", inputs=("input",), kernel=(2, 2), stride=(2, 2))
    none = (int("0"), 0)  # equal to the default, but not the same object
    said = msgspec.structs.replace(plain, padding=none, padding_after=none)
    assert msgspec.json.encode(said) == msgspec.json.encode(plain)
    assert b"padding" not in msgspec.json.encode(plain)
    assert b'"fill"' not in msgspec.json.encode(conv(padding_after=none))


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
