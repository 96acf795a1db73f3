"""Small networks made by hand or at random."""

import numpy as np

from adaptive.artifact import Artifact
from adaptive.graph import (
    Conv2d,
    GlobalAvgPool,
    LayerTensors,
    Linear,
    MaxPool2d,
    Node,
    Signal,
    weight_shape,
)
from adaptive.labels import LabelTree
from adaptive.measured import MeasuredEffort
from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.quantise import WEIGHT_MAX, Requantiser
from adaptive.shapes import infer_signals

BITS = (Bits.INT16, Bits.INT8)
TREE = LabelTree(
    ("a", "b", "c", "d"), ("leaf", "group"), (("low",), ("low",), ("high",), ("high",))
)


def random_tensors(
    node: Conv2d | Linear, source: Signal, rng: np.random.Generator, *, head: bool = False
) -> LayerTensors:
    """Draw weights over the whole range of codes, and constants that use the output's range."""
    shape = weight_shape(node, source)
    weight = rng.integers(-WEIGHT_MAX, WEIGHT_MAX + 1, shape).astype(np.int16)
    weight_scale = rng.uniform(0.5, 2.0, shape[0]) / WEIGHT_MAX
    requantisers = {}
    for bits in BITS:
        step = 2.0 ** (16 - bits)
        output = Bits.INT16 if head else bits
        accumulator = source.scale * step * weight_scale * step
        requantisers[bits] = Requantiser.from_real(
            accumulator / (node.scale * 2.0 ** (16 - output)),
            rng.uniform(-0.1, 0.1, shape[0]) / accumulator,
            bits=output,
            zero=node.zero,
            relu=node.relu,
        )
    return LayerTensors(weight, weight_scale, requantisers)


def small_graph() -> tuple[Node, ...]:
    """Return a graph with one node of each kind but Flatten."""
    return (
        Conv2d(
            name="stem", inputs=("input",), channels=4, kernel=(3, 3), stride=(1, 1),
            padding=(1, 1), groups=1, scale=4 / 65407, zero=-32768, relu=True,
        ),
        MaxPool2d(name="pool", inputs=("stem",), kernel=(2, 2), stride=(2, 2)),
        Conv2d(
            name="depthwise", inputs=("pool",), channels=4, kernel=(3, 3), stride=(1, 1),
            padding=(1, 1), groups=4, scale=8 / 65407, zero=-32768, relu=True,
        ),
        GlobalAvgPool(name="mean", inputs=("depthwise",), scale=8 / 65407, zero=-32768),
        Linear(name="head", inputs=("mean",), features=4, scale=16 / 65407, zero=0, relu=False),
    )  # fmt: skip


def small_artifact(seed: int = 0) -> Artifact:
    """Build a network of random weights for 6 x 6 images with two channels and four classes."""
    rng = np.random.default_rng(seed)
    graph = small_graph()
    source = Signal((6, 6, 2), 1 / 65280, -32768)
    signals = infer_signals(source, graph)
    tensors = {
        node.name: random_tensors(node, signals[node.inputs[0]], rng, head=node.name == "head")
        for node in graph
        if isinstance(node, Conv2d | Linear)
    }
    plan = PrecisionPlan.uniform(tuple(tensors), Bits.INT8)
    measured = MeasuredEffort(Effort(plan), 50, {"leaf": 30, "group": 45}, 1.5)
    return Artifact(
        name="small",
        bits=BITS,
        heads={"leaf": "head"},
        source=source,
        graph=graph,
        labels=TREE,
        tensors=tensors,
        measured=(measured,),
        provenance={"seed": seed},
    )


def small_images(count: int, seed: int = 0) -> np.ndarray:
    """Draw images for `small_artifact`."""
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 2), dtype=np.uint8)
