"""The integer engine in numpy: slow, plain, and what every other engine must equal bit for bit.

Images and activations lie as (N, H, W, C), weights as (Cout, kernel height, kernel width,
Cin / groups). Products and sums are computed in float64, which is exact because every sum stays
below 2^53: the constructor refuses a network where one could not.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.errors import ArtifactError
from adaptive.graph import (
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
    EXACT_BELOW,
    Requantiser,
    largest_sum,
    narrow_codes,
    narrow_weights,
)

Number = TypeVar("Number", np.int32, np.float64)
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
        for node in artifact.graph:
            if isinstance(node, Conv2d | Linear):
                self._prepare(node)
            elif isinstance(node, GlobalAvgPool):
                self._averages[node.name] = self._average(node)

    def _prepare(self, node: Switchable) -> None:
        """Cut the weights of each precision and bound their sums."""
        tensors = self.artifact.tensors[node.name]
        bias = max(int(np.abs(r.bias).max()) for r in tensors.requantisers.values())
        bound = largest_sum(int(np.prod(tensors.weight.shape[1:]))) + bias
        if bound >= EXACT_BELOW:
            raise ArtifactError(
                f"artifact {self.artifact.name}: a sum of layer {node.name} could reach {bound}, "
                f"expected below 2^53"
            )
        for bits in self.artifact.bits:
            self._weights[node.name, bits] = narrow_weights(tensors.weight, bits).astype(np.float64)

    def _average(self, node: GlobalAvgPool) -> Requantiser:
        """Choose the integers of one average."""
        try:
            return average_requantiser(node, self.artifact.signals[node.inputs[0]])
        except ValueError as error:
            raise ArtifactError(f"artifact {self.artifact.name}: {node.name}: {error}") from error

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
        so efforts in lexicographic order cost the least. All activations are held meanwhile.
        """
        self._check_images(images)
        signals: dict[str, Codes] = {"input": (images.astype(np.int32) - 128) << 8}
        previous: dict[str, Bits] = {}
        for effort in efforts:
            previous = self._update(signals, previous, effort)
            yield effort, signals[self.artifact.heads[effort.head]]

    def trace(self, images: Pixels, effort: Effort) -> dict[str, Codes]:
        """Return the codes behind every name of the graph; raises as `run` does."""
        self._check_images(images)
        signals: dict[str, Codes] = {"input": (images.astype(np.int32) - 128) << 8}
        self._update(signals, {}, effort)
        return signals

    def _update(
        self, signals: dict[str, Codes], previous: dict[str, Bits], effort: Effort
    ) -> dict[str, Bits]:
        """Run the nodes whose codes differ from those of the previous bits; return the bits."""
        self.artifact.require(effort)
        bits = dict(zip(effort.plan.layers, effort.plan.bits, strict=True))
        stale = {name for name in bits if bits[name] != previous.get(name)}
        for node in self.artifact.graph:
            if node.name in stale or node.name not in signals or stale & set(node.inputs):
                stale.add(node.name)
                signals[node.name] = self._run_node(node, signals[node.inputs[0]], bits)
        return bits

    def probabilities(self, images: Pixels, effort: Effort) -> Floats:
        """Return the probability of each leaf, shape (N, classes); raises as `run` does."""
        return self.soften(self.run(images, effort), effort)

    def soften(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into probabilities, with the effort's temperature if it has one.

        This is outside the integer path: floats may differ in the last digit between machines.
        """
        measured = self.artifact.measurement(effort)
        temperature = 1.0 if measured is None else measured.temperature
        return softmax(self.logits(codes, effort) / temperature)

    def logits(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into real values, shape (N, classes)."""
        signal = self.artifact.signals[self.artifact.heads[effort.head]]
        return signal.scale * (codes.astype(np.float64) - signal.zero)

    def _check_images(self, images: Pixels) -> None:
        """Refuse images of another type or shape."""
        shape = self.artifact.source.shape
        if images.dtype != np.uint8 or images.shape[1:] != shape or images.ndim != 4:
            raise ValueError(
                f"images is {images.dtype} of shape {images.shape}, "
                f"expected uint8 of shape (N, {', '.join(map(str, shape))})"
            )

    def _run_node(self, node: Node, codes: Codes, bits: dict[str, Bits]) -> Codes:
        """Compute what one node writes."""
        match node:
            case Conv2d() | Linear():
                return self._run_layer(node, codes, bits[node.name])
            case MaxPool2d():
                view = windows(codes, node.kernel, node.stride)
                return np.asarray(view.max(axis=(4, 5)), dtype=np.int32)
            case GlobalAvgPool():
                zero = self.artifact.signals[node.inputs[0]].zero
                total = (codes.astype(np.int64) - zero).sum(axis=(1, 2))
                return self._averages[node.name].apply(total)
            case Flatten():
                return codes.reshape(len(codes), -1)

    def _run_layer(self, node: Switchable, codes: Codes, bits: Bits) -> Codes:
        """Compute a convolution or a linear layer at its bits."""
        zero = self.artifact.signals[node.inputs[0]].zero >> (16 - bits)
        values = (narrow_codes(codes, bits) - zero).astype(np.float64)
        weights = self._weights[node.name, bits]
        total = values @ weights.T if isinstance(node, Linear) else convolve(values, weights, node)
        return self.artifact.tensors[node.name].requantisers[bits].apply(total)


def average_requantiser(node: GlobalAvgPool, source: Signal) -> Requantiser:
    """Return the integers that turn the sum over all positions into 16-bit codes."""
    ratio = source.scale / (source.shape[0] * source.shape[1] * node.scale)
    return Requantiser.from_real(ratio, 0.0, bits=Bits.INT16, zero=node.zero, relu=False)


def windows(
    values: NDArray[Number], kernel: tuple[int, int], stride: tuple[int, int]
) -> NDArray[Number]:
    """View (N, H, W, C) as windows (N, H', W', C, kernel height, kernel width)."""
    view = sliding_window_view(values, kernel, axis=(1, 2))
    return view[:, :: stride[0], :: stride[1]]


def convolve(values: Floats, weights: Floats, node: Conv2d) -> Floats:
    """Convolve integers held as float64, exactly: (N, H, W, Cin) -> (N, H', W', Cout)."""
    pad_h, pad_w = node.padding
    padded = np.pad(values, ((0, 0), (pad_h, pad_h), (pad_w, pad_w), (0, 0)))
    view = windows(padded, node.kernel, node.stride)  # (N, H', W', Cin, kh, kw)
    n, h, w, channels = view.shape[:4]
    size = channels // node.groups
    columns = view.reshape(n * h * w, node.groups, size * node.kernel[0] * node.kernel[1])
    kernels = weights.transpose(0, 3, 1, 2).reshape(node.groups, -1, columns.shape[2])
    total = np.matmul(columns.transpose(1, 0, 2), kernels.transpose(0, 2, 1))  # (groups, NHW, Cg)
    return np.asarray(total.transpose(1, 0, 2).reshape(n, h, w, node.channels), dtype=np.float64)


def softmax(logits: Floats) -> Floats:
    """Return probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float64)
