"""Small networks made by hand or at random."""

import numpy as np

from adaptive.artifact import Artifact
from adaptive.graph import (
    Add,
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
from adaptive.nesting import channels_at
from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.quantise import WEIGHT_MAX, Requantiser
from adaptive.shapes import infer_signals

BITS = (Bits.INT16, Bits.INT8)
TREE = LabelTree(
    ("a", "b", "c", "d"), ("leaf", "group"), (("low",), ("low",), ("high",), ("high",))
)


def random_tensors(
    node: Conv2d | Linear,
    source: Signal,
    rng: np.random.Generator,
    *,
    head: bool = False,
    widths: tuple[float, ...] = (),
) -> LayerTensors:
    """Draw weights over the whole range of codes, and constants that use the output's range."""
    shape = weight_shape(node, source)
    weight = rng.integers(-WEIGHT_MAX, WEIGHT_MAX + 1, shape).astype(np.int16)
    weight_scale = rng.uniform(0.5, 2.0, shape[0]) / WEIGHT_MAX
    requantisers = random_requantisers(node, source, weight_scale, rng, head=head)
    narrow = {}
    for width in widths:
        count = channels_at(shape[0], width) if isinstance(node, Conv2d) else shape[0]
        gain = rng.uniform(0.7, 1.5, count)
        scales = weight_scale[:count] * gain
        narrow[width] = random_requantisers(node, source, scales, rng, head=head)
    return LayerTensors(weight, weight_scale, requantisers, narrow)


def random_requantisers(
    node: Conv2d | Linear,
    source: Signal,
    weight_scale: np.ndarray,
    rng: np.random.Generator,
    *,
    head: bool,
) -> dict[Bits, Requantiser]:
    """Draw biases, and choose constants that use the output's range."""
    requantisers = {}
    for bits in BITS:
        step = 2.0 ** (16 - bits)
        output = Bits.INT16 if head else bits
        accumulator = source.scale * step * weight_scale * step
        requantisers[bits] = Requantiser.from_real(
            accumulator / (node.scale * 2.0 ** (16 - output)),
            rng.uniform(-0.1, 0.1, len(weight_scale)) / accumulator,
            bits=output,
            zero=node.zero,
            relu=node.relu,
        )
    return requantisers


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


WIDTHS = (1.0, 0.7, 0.5, 0.25)


def nested_graph() -> tuple[Node, ...]:
    """Return a graph with a residual and a depthwise layer, and a coarse head after the stem."""
    same = {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1), "zero": -32768, "relu": True}
    return (
        Conv2d(name="stem", inputs=("input",), channels=16, groups=1, scale=4 / 65407, **same),
        GlobalAvgPool(name="early_mean", inputs=("stem",), scale=4 / 65407, zero=-32768),
        Linear(
            name="early", inputs=("early_mean",), features=2, scale=9 / 65407, zero=0, relu=False
        ),
        Conv2d(name="depthwise", inputs=("stem",), channels=16, groups=16, scale=8 / 65407, **same),
        Conv2d(name="mix", inputs=("depthwise",), channels=16, groups=1, scale=9 / 65407, **same),
        Add(name="sum", inputs=("stem", "mix"), scale=9 / 65407, zero=-32768, relu=True),
        MaxPool2d(name="pool", inputs=("sum",), kernel=(2, 2), stride=(2, 2)),
        GlobalAvgPool(name="mean", inputs=("pool",), scale=9 / 65407, zero=-32768),
        Linear(name="head", inputs=("mean",), features=4, scale=16 / 65407, zero=0, relu=False),
    )


def nested_artifact(seed: int = 0) -> Artifact:
    """Build a network of random weights with four widths and two heads, for `small_images`."""
    rng = np.random.default_rng(seed)
    graph = nested_graph()
    source = Signal((6, 6, 2), 1 / 65280, -32768)
    signals = infer_signals(source, graph)
    heads = {"leaf": "head", "early": "early"}
    tensors = {
        node.name: random_tensors(
            node,
            signals[node.inputs[0]],
            rng,
            head=node.name in heads.values(),
            widths=WIDTHS[1:],
        )
        for node in graph
        if isinstance(node, Conv2d | Linear)
    }
    plan = PrecisionPlan.uniform(tuple(tensors), Bits.INT8)
    measured = (
        MeasuredEffort(Effort(plan), 50, {"leaf": 30, "group": 45}, 1.5),
        MeasuredEffort(Effort(plan, 0.5), 50, {"leaf": 25, "group": 42}, 1.5),
        MeasuredEffort(Effort(plan, 0.25, "early"), 50, {"group": 38}, 1.2),
    )
    return Artifact(
        name="nested",
        bits=BITS,
        heads=heads,
        source=source,
        graph=graph,
        labels=TREE,
        tensors=tensors,
        measured=measured,
        provenance={"seed": seed},
        widths=WIDTHS,
        head_levels={"early": "group"},
    )
