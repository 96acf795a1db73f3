"""Random switchable networks with branches, for comparing engines."""

import numpy as np
import torch
from hypothesis import strategies as st

from adaptive.arithmetic import Arithmetic
from adaptive.graph import Signal
from adaptive.precision import Bits
from adaptive.quantise import CODE_MAX, CODE_MIN
from adaptive.shapes import infer_signals
from models.calibrate import calibrate_ranges
from models.joining import Adding, Joining
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import Layer, Step, SwitchableNetwork
from models.pooling import Averaging, Flattening, GlobalAveraging, MaxPooling
from models.window import Window

SHAPE = (6, 5, 2)
CLASSES = 4
KINDS = ("conv", "conv", "max", "average", "add", "add", "concat")


class Builder:
    """Draws layers one by one, each reading signals that are there already."""

    def __init__(self, draw: st.DrawFn, bits: tuple[Bits, ...]) -> None:
        self.draw, self.bits = draw, bits
        self.steps: list[Step] = []
        self.shapes: dict[str, tuple[int, ...]] = {"input": SHAPE}

    def add(self, layer: Layer, *sources: str) -> str:
        """Append a step and infer its shape from its node."""
        name = f"step{len(self.steps)}"
        self.steps.append(Step(name, layer, sources))
        nodes = tuple(step.layer.node(step.name, step.sources) for step in self.steps)
        self.shapes[name] = infer_signals(Signal(SHAPE, 1.0, CODE_MIN), nodes)[name].shape
        return name

    def signed(self, name: str) -> bool:
        """Return whether a signal may be negative."""
        layer = next((step.layer for step in self.steps if step.name == name), None)
        if isinstance(layer, MaxPooling | Averaging):
            step = next(step for step in self.steps if step.layer is layer)
            return self.signed(step.sources[0])
        return bool(getattr(layer, "signed", False))

    def conv(self, source: str, channels: int | None = None) -> str:
        """Append a convolution; with `channels` given it keeps the resolution."""
        draw, (height, width, depth) = self.draw, self.shapes[source]
        groups = draw(st.sampled_from([1, depth])) if channels is None else 1
        window = Window((1, 1))
        if channels is None:
            pair = st.tuples(st.integers(1, 2), st.integers(1, 2))
            some = st.tuples(st.integers(0, 1), st.integers(0, 1))
            kernel = draw(pair.map(lambda k: (min(k[0] + 1, height), min(k[1] + 1, width))))
            window = Window(kernel, draw(pair), draw(some), draw(some))
            channels = groups * draw(st.integers(1, 2))
        codes = st.integers(CODE_MIN, CODE_MAX)
        fill = draw(st.one_of(st.just(()), st.tuples(*[codes] * depth)))
        layer = SwitchableConv2d(
            depth, channels, window=window, groups=groups, relu=draw(st.booleans()),
            bit_list=self.bits, fill=fill,
        )  # fmt: skip
        return self.add(layer, source)

    def random(self) -> str:
        """Append a layer of a random kind."""
        draw = self.draw
        source = draw(st.sampled_from([name for name, s in self.shapes.items() if len(s) == 3]))
        height, width, depth = self.shapes[source]
        kernel = (min(2, height), min(2, width))
        kind = draw(st.sampled_from(KINDS))
        if kind == "max":
            some = st.tuples(st.integers(0, kernel[0] - 1), st.integers(0, kernel[1] - 1))
            return self.add(MaxPooling(Window(kernel, (1, 1), draw(some))), source)
        if kind == "average":
            return self.add(
                Averaging(Window(kernel, draw(st.sampled_from([(1, 1), (2, 1)])))), source
            )
        if kind == "conv":
            return self.conv(source)
        other = self.conv(source, depth)
        if kind == "add":
            return self.add(Adding(relu=draw(st.booleans())), source, other)
        relu = draw(st.booleans())
        signed = not relu and (self.signed(source) or self.signed(other))
        return self.add(Joining(signed=signed, relu=relu), other, source)


@st.composite
def switchable_networks(
    draw: st.DrawFn, bits: tuple[Bits, ...], arithmetic: Arithmetic = Arithmetic.AFFINE
) -> SwitchableNetwork:
    """Draw a calibrated network of a few layers with random weights, for `random_images`."""
    torch.manual_seed(draw(st.integers(0, 2**32 - 1)))
    builder = Builder(draw, bits)
    last = builder.conv("input")
    for _ in range(draw(st.integers(1, 4))):
        last = builder.random()
    if draw(st.booleans()):
        last = builder.add(GlobalAveraging(signed=builder.signed(last)), last)
    else:
        last = builder.add(Flattening(), last)
    features = builder.shapes[last][0]
    builder.add(SwitchableLinear(features, CLASSES, is_head=True, bit_list=bits), last)
    network = SwitchableNetwork(SHAPE, tuple(builder.steps), arithmetic=arithmetic)
    for layer in network.switchable.values():
        torch.nn.init.normal_(layer.bias, std=0.1)
        layer.by_channel = arithmetic.by_channel or draw(st.booleans())
    ranges = calibrate_ranges(network, random_images(8, seed=1))
    # Ranges that are not the greatest values make codes saturate.
    network.set_ranges({name: reach * draw(st.floats(0.3, 3.0)) for name, reach in ranges.items()})
    return network.eval()


def random_images(count: int, *, seed: int = 0) -> np.ndarray:
    """Draw images for `switchable_networks`."""
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
