"""Networks of one layer whose every output is seen, with extreme codes, for comparing engines."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from adaptive.arithmetic import SHIFT_ONLY, Arithmetic
from adaptive.artifact import Artifact
from adaptive.engine.native import NativeEngine
from adaptive.engine.reference import ReferenceEngine
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
    Node,
    Signal,
    weight_shape,
)
from adaptive.labels import LabelTree
from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.quantise import CODE_MAX, CODE_MIN, WEIGHT_MAX, Requantiser
from adaptive.shapes import infer_signals

BITS = (Bits.INT16, Bits.INT8)
EXTREMES = np.array([-WEIGHT_MAX, WEIGHT_MAX, -32513, -32512, -128, -1, 0, 127, 128, 32511])
ZEROS = st.sampled_from([CODE_MIN, CODE_MIN + 4096, 0, 28672])


@dataclass(frozen=True, slots=True)
class Case:
    """An artifact and images for it."""

    artifact: Artifact
    images: np.ndarray

    def check(self, *efforts: Effort, isa: str | None = None, threads: int = 1) -> None:
        """Assert that the native engine answers as the reference does."""
        reference = ReferenceEngine(self.artifact)
        native = NativeEngine(self.artifact, isa=isa, threads=threads)
        for effort in efforts or self.efforts:
            np.testing.assert_array_equal(
                native.run(self.images, effort), reference.run(self.images, effort)
            )

    @property
    def efforts(self) -> tuple[Effort, ...]:
        """The uniform plans, and two that alternate."""
        layers, bits = self.artifact.layers, self.artifact.bits
        plans = [PrecisionPlan.uniform(layers, b) for b in bits]
        for first in range(2):
            mix = tuple(bits[(first + i) % len(bits)] for i in range(len(layers)))
            plans.append(PrecisionPlan(layers, mix))
        return tuple(Effort(plan) for plan in dict.fromkeys(plans))


def as_radix(case: Case) -> Case:
    """Return the case in radix: the same codes, cut rather than rounded, and shifts alone."""

    def shifts(constants: Mapping[Bits, Requantiser]) -> dict[Bits, Requantiser]:
        return {
            bits: replace(r, multiplier=np.full_like(r.multiplier, SHIFT_ONLY))
            for bits, r in constants.items()
        }

    tensors = {
        name: replace(
            tensor,
            requantisers=shifts(tensor.requantisers),
            narrow={width: shifts(constants) for width, constants in tensor.narrow.items()},
        )
        for name, tensor in case.artifact.tensors.items()
    }
    artifact = replace(case.artifact, arithmetic=Arithmetic.RADIX, tensors=tensors)
    return Case(artifact, case.images)


def make_artifact(
    graph: tuple[Node, ...],
    source: Signal,
    rng: np.random.Generator,
    bits: tuple[Bits, ...] = BITS,
) -> Artifact:
    """Give a graph weights and constants; its last node answers, flattened."""
    last = infer_signals(source, graph)[graph[-1].name]
    if len(last.shape) == 3:
        graph = (*graph, Flatten(name="flat", inputs=(graph[-1].name,)))
    signals = infer_signals(source, graph)
    count = signals[graph[-1].name].shape[0]
    leaves = tuple(f"c{i}" for i in range(count))
    tensors = {
        node.name: layer_tensors(
            node, signals[node.inputs[0]], rng, bits, head=node.name == graph[-1].name
        )
        for node in graph
        if isinstance(node, Conv2d | Linear)
    }
    return Artifact(
        name="layers",
        bits=bits,
        heads={"leaf": graph[-1].name},
        source=source,
        graph=graph,
        labels=LabelTree(leaves, ("leaf",), ((),) * count),
        tensors=tensors,
    )


def layer_tensors(
    node: Conv2d | Linear,
    source: Signal,
    rng: np.random.Generator,
    bits: tuple[Bits, ...],
    *,
    head: bool,
) -> LayerTensors:
    """Draw weights, many of them extreme, and constants that fill the output's range."""
    shape = weight_shape(node, source)
    weight = rng.integers(-WEIGHT_MAX, WEIGHT_MAX + 1, shape).astype(np.int16)
    extreme = rng.random(shape) < rng.choice([0.0, 0.3, 1.0])
    weight[extreme] = rng.choice(EXTREMES, shape)[extreme]
    if rng.random() < 0.2:
        weight[:] = np.abs(weight)
    if rng.random() < 0.2:
        weight[:] = rng.choice(EXTREMES, (shape[0], *[1] * (len(shape) - 1)))
    terms = int(np.prod(shape[1:]))
    requantisers = {}
    for b in bits:
        output = Bits.INT16 if head else b
        reach = 2.0 ** (2 * b - 2) * max(1.0, terms) ** rng.choice([0.5, 1.0])
        ratio = 2.0**output / reach * rng.uniform(0.2, 4.0, shape[0])
        bias = rng.uniform(-0.5, 0.5, shape[0]) * reach
        requantisers[b] = Requantiser.from_real(
            ratio, bias, bits=output, zero=node.zero, relu=node.relu
        )
    return LayerTensors(weight, rng.uniform(0.5, 2.0, shape[0]), requantisers)


def draw_images(rng: np.random.Generator, shape: tuple[int, ...], count: int = 2) -> np.ndarray:
    """Draw images, some of them extreme throughout."""
    images = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    images[0] = rng.choice(np.array([0, 255], np.uint8), shape)
    return images


@st.composite
def convolutions(
    draw: st.DrawFn,
    *,
    most: int = 40,
    grouped: bool = False,
    bits: tuple[Bits, ...] = BITS,
    sides: tuple[int, int] = (1, 9),
) -> Case:
    """Draw a 1 x 1 layer that makes 16-bit codes, and the convolution that is looked at.

    `most` bounds its channels, `sides` an image's height and width.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    padding = (draw(st.integers(0, 3)), draw(st.integers(0, 3)))
    after = (draw(st.integers(0, 1)), draw(st.integers(0, 1)))
    size = tuple(
        draw(st.integers(max(sides[0], k - 2 * p - a), sides[1]))
        for k, p, a in zip(kernel, padding, after, strict=True)
    )
    depth, channels = draw(st.integers(1, most)), draw(st.integers(1, most))
    groups = 1
    if grouped:
        groups, each, out = draw(st.integers(2, most)), 1, 1
        if draw(st.booleans()):
            each, out = draw(st.integers(1, 6)), draw(st.integers(1, 6))
        depth, channels = groups * each, groups * out
    fill = ()
    if draw(st.integers(0, 4)) == 0:
        fill = tuple(int(code) for code in rng.integers(CODE_MIN, CODE_MAX + 1, depth))
    graph = (
        Conv2d(
            name="first", inputs=("input",), channels=depth, kernel=(1, 1), stride=(1, 1),
            padding=(0, 0), groups=1, scale=1.0, zero=draw(ZEROS), relu=draw(st.booleans()),
        ),
        Conv2d(
            name="conv", inputs=("first",), channels=channels, kernel=kernel,
            stride=(draw(st.integers(1, 3)), draw(st.integers(1, 3))), padding=padding,
            padding_after=after, groups=groups, scale=1.0, zero=draw(ZEROS),
            relu=draw(st.booleans()), fill=fill,
        ),
    )  # fmt: skip
    source = Signal((*size, draw(st.integers(1, 4))), 1.0, CODE_MIN)
    artifact = make_artifact(graph, source, rng, bits)
    return Case(artifact, draw_images(rng, source.shape))


@st.composite
def linears(draw: st.DrawFn, *, most: int = 300) -> Case:
    """Draw a linear layer behind a flattened image, and one behind that."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    source = Signal((1, draw(st.integers(1, 6)), draw(st.integers(1, most))), 1.0, CODE_MIN)
    graph = (
        Flatten(name="pixels", inputs=("input",)),
        Linear(
            name="hidden", inputs=("pixels",), features=draw(st.integers(1, most)), scale=1.0,
            zero=draw(ZEROS), relu=draw(st.booleans()),
        ),
        Linear(
            name="head", inputs=("hidden",), features=draw(st.integers(1, 20)), scale=1.0,
            zero=0, relu=False,
        ),
    )  # fmt: skip
    return Case(make_artifact(graph, source, rng), draw_images(rng, source.shape))


@st.composite
def branches(draw: st.DrawFn) -> Case:
    """Draw two convolutions that meet in a sum or a join, with pools behind."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = (draw(st.integers(2, 8)), draw(st.integers(2, 8)))
    joins = draw(st.booleans())
    channels = [draw(st.integers(1, 40)), draw(st.integers(1, 40))]
    scales = [draw(st.sampled_from([1.0, 0.7, 3.0])) for _ in range(3)]
    if not joins:
        channels[1] = channels[0]
    zeros = [draw(ZEROS) for _ in range(3)]
    if draw(st.booleans()):
        scales, zeros = [1.0] * 3, [CODE_MIN] * 3
    relu = draw(st.booleans())
    order = ("a", "b") if draw(st.booleans()) else ("b", "a")
    both = {"scale": scales[2], "zero": zeros[2], "relu": relu}
    kind = Concat if joins else Add
    graph: tuple[Node, ...] = (
        *(
            Conv2d(
                name=name, inputs=("input",), channels=channels[i], kernel=(3, 1),
                stride=(1, 1), padding=(1, 0), groups=1, scale=scales[i], zero=zeros[i],
                relu=draw(st.booleans()),
            )
            for i, name in enumerate("ab")
        ),
        kind(name="meet", inputs=order, **both),
    )  # fmt: skip
    if draw(st.booleans()):
        kernel = (draw(st.integers(1, size[0])), draw(st.integers(1, size[1])))
        stride = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
        if draw(st.booleans()):
            graph += (AvgPool2d(name="pool", inputs=("meet",), kernel=kernel, stride=stride),)
        else:
            padding = (draw(st.integers(0, kernel[0] - 1)), draw(st.integers(0, kernel[1] - 1)))
            graph += (
                MaxPool2d(
                    name="pool", inputs=("meet",), kernel=kernel, stride=(1, 1), padding=padding
                ),
            )
    last = graph[-1].name
    if draw(st.booleans()):
        graph += (GlobalAvgPool(name="mean", inputs=(last,), scale=0.5, zero=CODE_MIN),)
    elif draw(st.booleans()):
        graph += (
            Conv2d(
                name="end", inputs=(last,), channels=5, kernel=(1, 1), stride=(1, 1),
                padding=(0, 0), groups=1, scale=1.0, zero=0, relu=False,
            ),
        )  # fmt: skip
    source = Signal((*size, 3), 1.0, CODE_MIN)
    return Case(make_artifact(graph, source, rng), draw_images(rng, source.shape))
