"""The integer engine in numpy: slow, plain, and what every other engine must equal bit for bit.

Images and activations lie as (N, H, W, C), weights as (Cout, kernel height, kernel width,
Cin / groups). Products and sums are computed in float64, which is exact because every sum stays
below 2^53: the constructor refuses a network where one could not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact
from adaptive.engine.answer import (
    Booleans,
    Unsure,
    check_images,
    check_onward,
    check_single,
    logits,
    soften,
)
from adaptive.engine.convolve import convolve, pad, windows
from adaptive.errors import ArtifactError
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
    Switchable,
)
from adaptive.precision import Bits, Effort
from adaptive.quantise import (
    CODE_MAX,
    CODE_MIN,
    EXACT_BELOW,
    Requantiser,
    Rescaler,
    largest_sum,
)

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


class ReferenceEngine:
    """Runs one artifact at any effort it carries; switching costs nothing.

    Parameters
    ----------
    artifact
        The network.

    Raises
    ------
    ArtifactError
        If a sum of the network could reach 2^53.
    """

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        # Narrower weights are views of one set; float64 copies of them are only this engine's way.
        self._weights: dict[tuple[str, Bits], Floats] = {}
        self._averages: dict[str, Requantiser] = {}
        self._rescalers: dict[str, tuple[Rescaler, ...]] = {}
        for node in artifact.graph:
            try:
                self._choose_integers(node)
            except ValueError as error:
                raise ArtifactError(f"artifact {artifact.name}: {node.name}: {error}") from error

    def _choose_integers(self, node: Node) -> None:
        """Choose the constants of one node; raises ValueError where no integers express it."""
        read = [self.artifact.signals[name] for name in node.inputs]
        match node:
            case Conv2d() | Linear():
                self._prepare(node)
            case GlobalAvgPool() | AvgPool2d():
                self._averages[node.name] = average_requantiser(node, read[0])
            case Add() | Concat():
                self._rescalers[node.name] = rescalers(node, read)

    def _prepare(self, node: Switchable) -> None:
        """Cut the weights of each precision and bound their sums."""
        tensors = self.artifact.tensors[node.name]
        at_widths = (tensors.requantisers, *tensors.narrow.values())
        bias = max(int(np.abs(r.bias).max()) for at in at_widths for r in at.values())
        bound = largest_sum(int(np.prod(tensors.weight.shape[1:]))) + bias
        if bound >= EXACT_BELOW:
            raise ValueError(f"a sum of the layer could reach {bound}, expected below 2^53")
        for bits in self.artifact.bits:
            weights = self.artifact.arithmetic.narrow_weights(tensors.weight, bits)
            self._weights[node.name, bits] = weights.astype(np.float64)

    def run(self, images: Pixels, effort: Effort) -> Codes:
        """Return the output codes of each image, shape (N, classes).

        Parameters
        ----------
        images
            uint8, shape (N, H, W, C) of the network's input.
        effort
            What to run.

        Raises
        ------
        ArtifactError
            If the artifact does not carry the effort.
        ValueError
            If the images are of another type or shape.
        """
        return next(iter(self.run_all(images, (effort,))))[1]

    def run_all(self, images: Pixels, efforts: Iterable[Effort]) -> Iterator[tuple[Effort, Codes]]:
        """Run several efforts on the same images, yielding `(effort, codes)` in their order.

        Layers before the first one whose bits differ from the previous effort are not run again,
        so efforts in lexicographic order cost the least; a head runs the layers it needs. All
        activations are held meanwhile.
        """
        signals = {"input": self.input_codes(images)}
        previous: Effort | None = None
        for effort in efforts:
            self._update(signals, previous, effort)
            previous = effort
            yield effort, signals[self.artifact.heads[effort.head]]

    def escalate(
        self, images: Pixels, effort: Effort, unsure: Unsure
    ) -> tuple[Codes, Codes, Booleans]:
        """Run an effort that escalates; see `protocol.Engine`.

        Raises as `run` does.
        """
        then = check_onward(effort)
        heads = self.artifact.heads
        self.artifact.require(effort)
        signals = {"input": self.input_codes(images)}
        self._update(signals, None, effort.first)
        first = signals[heads[effort.head]]
        went_on = unsure(first)
        signals = {name: codes[went_on] for name, codes in signals.items()}
        self._update(signals, effort.first, then)
        return first, signals[heads[then.head]], went_on

    def trace(self, images: Pixels, effort: Effort) -> dict[str, Codes]:
        """Return the codes behind every name of the graph, whatever the head needs.

        Raises as `run` does.
        """
        self.artifact.require(effort)
        signals = {"input": self.input_codes(images)}
        self._run(self.artifact.subnetworks[effort.width].graph, signals, effort)
        return signals

    def _update(self, signals: dict[str, Codes], previous: Effort | None, effort: Effort) -> None:
        """Forget codes that differ from those of the previous effort; run what the head needs."""
        check_single(effort)
        self.artifact.require(effort)
        network = self.artifact.subnetworks[effort.width]
        if previous is not None and previous.width == effort.width:
            layers = zip(effort.plan.layers, effort.plan.bits, previous.plan.bits, strict=True)
            stale = {name for name, now, before in layers if now != before}
        else:
            stale = {node.name for node in network.graph}
        for node in network.graph:
            if node.name in stale or stale & set(node.inputs):
                stale.add(node.name)
                signals.pop(node.name, None)
        self._run(network.needed(self.artifact.heads[effort.head]), signals, effort)

    def _run(self, nodes: Sequence[Node], signals: dict[str, Codes], effort: Effort) -> None:
        """Run the nodes whose codes are not there."""
        bits = dict(zip(effort.plan.layers, effort.plan.bits, strict=True))
        for node in nodes:
            if node.name not in signals:
                signals[node.name] = self.run_node(node, signals, bits, width=effort.width)

    def probabilities(self, images: Pixels, effort: Effort) -> Floats:
        """Return the probability of each leaf, shape (N, classes); raises as `run` does."""
        return self.soften(self.run(images, effort), effort)

    def soften(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into probabilities; see `answer.soften`."""
        return soften(self.artifact, codes, effort)

    def logits(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into real values, shape (N, classes)."""
        return logits(self.artifact, codes, effort)

    def input_codes(self, images: Pixels) -> Codes:
        """Return images as 16-bit codes; raises ValueError for another type or shape."""
        check_images(self.artifact, images)
        return (images.astype(np.int32) - 128) << 8

    def run_node(
        self,
        node: Node,
        signals: Mapping[str, Codes],
        bits: Mapping[str, Bits],
        *,
        width: float = 1.0,
    ) -> Codes:
        """Compute what one node writes from the codes it reads and, if it has weights, its bits.

        The node is that of the width's subnetwork.
        """
        codes = signals[node.inputs[0]]
        match node:
            case Conv2d() | Linear():
                return self._run_layer(node, codes, bits[node.name], width)
            case MaxPool2d():
                padded = pad(codes, node, np.full(codes.shape[3], CODE_MIN, np.int32))
                view = windows(padded, node.kernel, node.stride)
                return np.asarray(view.max(axis=(4, 5)), dtype=np.int32)
            case GlobalAvgPool() | AvgPool2d():
                return self._run_average(node, codes)
            case Add():
                return self._rescalers[node.name][0].apply(codes, signals[node.inputs[1]])
            case Concat():
                pairs = zip(self._rescalers[node.name], node.inputs, strict=True)
                return np.concatenate([r.apply(signals[name]) for r, name in pairs], axis=3)
            case Flatten():
                return codes.reshape(len(codes), -1)

    def _run_average(self, node: GlobalAvgPool | AvgPool2d, codes: Codes) -> Codes:
        """Sum over all positions or over each window, and divide."""
        values = np.subtract(codes, self.artifact.signals[node.inputs[0]].zero, dtype=np.int64)
        if isinstance(node, GlobalAvgPool):
            return self._averages[node.name].apply(values.sum(axis=(1, 2)))
        view = windows(values, node.kernel, node.stride)
        return self._averages[node.name].apply(view.sum(axis=(4, 5)))

    def _run_layer(self, node: Switchable, codes: Codes, bits: Bits, width: float) -> Codes:
        """Compute a convolution or a linear layer at its bits, on the first weights of a width."""
        zero = self.artifact.signals[node.inputs[0]].zero >> (16 - bits)
        arithmetic = self.artifact.arithmetic
        values = (arithmetic.narrow_codes(codes, bits) - zero).astype(np.float64)
        tensors = self.artifact.subnetworks[width].tensors[node.name]
        first = tuple(slice(size) for size in tensors.weight.shape)
        weights = self._weights[node.name, bits][first]
        if isinstance(node, Linear):
            total = values @ weights.T
        else:
            total = convolve(values, weights, node, fill=_fill(node, bits, arithmetic, zero))
        return tensors.requantisers[bits].apply(total)


def _fill(node: Conv2d, bits: Bits, arithmetic: Arithmetic, zero: int) -> Floats | None:
    """Return what padding counts as in each channel, or None for zero."""
    codes = arithmetic.narrow_codes(node.fill, bits)
    return (codes - zero).astype(np.float64) if node.fill else None


def average_requantiser(node: GlobalAvgPool | AvgPool2d, source: Signal) -> Requantiser:
    """Return the integers that turn a sum over positions into 16-bit codes.

    Raises ValueError if there are none, or the sum could reach 2^53.
    """
    if isinstance(node, GlobalAvgPool):
        area, scale, zero = prod(source.shape[:2]), node.scale, node.zero
    else:
        area, scale, zero = prod(node.kernel), source.scale, source.zero
    if area * (CODE_MAX - CODE_MIN) >= EXACT_BELOW:
        raise ValueError(f"averages {area} positions, expected a sum below 2^53")
    ratio = source.scale / (area * scale)
    return Requantiser.from_real(ratio, 0.0, bits=Bits.INT16, zero=zero, relu=False)


def rescalers(node: Add | Concat, read: Sequence[Signal]) -> tuple[Rescaler, ...]:
    """Return the integers of an addition, or of each part of a concatenation.

    Raises ValueError if there are none.
    """
    sources = [(signal.scale, signal.zero) for signal in read]
    parts = [sources] if isinstance(node, Add) else [[source] for source in sources]
    return tuple(
        Rescaler.from_scales(part, node.scale, zero=node.zero, relu=node.relu) for part in parts
    )
