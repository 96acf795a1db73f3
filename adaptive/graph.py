"""The network as a graph of named nodes, and what it says about shapes and work.

Nodes are msgspec structs, frozen and checked on construction: the artifact's manifest decodes
straight into them. A new operation is one more struct in `Node` and one more case where nodes are
matched; the existing ones stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from adaptive.precision import Bits
from adaptive.quantise import CODE_MAX, CODE_MIN, WEIGHT_MAX, Requantiser

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", max_length=60)]
Count = Annotated[int, Meta(ge=1, le=2**20)]
Padding = Annotated[int, Meta(ge=0, le=2**10)]
Scale = Annotated[float, Meta(gt=0.0, lt=2.0**64)]
# Divisible by 4096 so that the zero point is exact at every width down to 4 bits.
Zero = Annotated[int, Meta(ge=CODE_MIN, le=CODE_MAX, multiple_of=4096)]


class Signal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Codes that flow from node to node, for one image: `real = scale * (code - zero)`.

    `shape` is (height, width, channels) or (features,).
    """

    shape: tuple[Count, ...]
    scale: Scale
    zero: Zero


class _Operation(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", kw_only=True
):
    """What every node has: a name and the names of the signals it reads."""

    name: Name
    inputs: tuple[Name, ...]


class Conv2d(_Operation, frozen=True, forbid_unknown_fields=True, tag="conv2d", kw_only=True):
    """Convolve (H, W, C) with weights (channels, kernel height, kernel width, C / groups)."""

    channels: Count
    kernel: tuple[Count, Count]
    stride: tuple[Count, Count]
    padding: tuple[Padding, Padding]
    groups: Count
    scale: Scale
    zero: Zero
    relu: bool


class Linear(_Operation, frozen=True, forbid_unknown_fields=True, tag="linear", kw_only=True):
    """Multiply (F,) by weights (features, F)."""

    features: Count
    scale: Scale
    zero: Zero
    relu: bool


class MaxPool2d(
    _Operation, frozen=True, forbid_unknown_fields=True, tag="max_pool2d", kw_only=True
):
    """Take the greatest code of each window; windows that do not fit are left out."""

    kernel: tuple[Count, Count]
    stride: tuple[Count, Count]


class GlobalAvgPool(
    _Operation, frozen=True, forbid_unknown_fields=True, tag="global_avg_pool", kw_only=True
):
    """Average each channel over all positions and requantise: (H, W, C) -> (C,)."""

    scale: Scale
    zero: Zero


class Flatten(_Operation, frozen=True, forbid_unknown_fields=True, tag="flatten", kw_only=True):
    """Read (H, W, C) as (H * W * C,), channels fastest."""


Node = Conv2d | Linear | MaxPool2d | GlobalAvgPool | Flatten
Switchable = Conv2d | Linear


@dataclass(frozen=True, slots=True)
class LayerWork:
    """What one switchable layer costs for one image, as counts."""

    name: str
    macs: int
    weights: int
    inputs: int
    outputs: int

    def __post_init__(self) -> None:
        for field in ("macs", "weights", "inputs", "outputs"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} of layer {self.name} is below 1")


def infer_signals(source: Signal, nodes: tuple[Node, ...]) -> dict[str, Signal]:
    """Return the signal behind every name, `input` included, in order.

    Raises ValueError naming the node that repeats a name, reads an unknown one or does not fit.
    """
    signals = {"input": source}
    for node in nodes:
        if node.name in signals:
            raise ValueError(f"graph has two nodes named {node.name!r}, expected each name once")
        if len(node.inputs) != 1:
            raise ValueError(f"node {node.name} has inputs {node.inputs}, expected exactly one")
        if node.inputs[0] not in signals:
            raise ValueError(
                f"node {node.name} reads {node.inputs[0]!r}, expected one of {tuple(signals)}"
            )
        signals[node.name] = _output(node, signals[node.inputs[0]])
    return signals


def _output(node: Node, source: Signal) -> Signal:
    """Infer the signal one node writes."""
    needed = 1 if isinstance(node, Linear) else 3
    if len(source.shape) != needed:
        raise ValueError(
            f"node {node.name} reads a signal of shape {source.shape}, expected {needed} dimensions"
        )
    match node:
        case Conv2d():
            if source.shape[2] % node.groups or node.channels % node.groups:
                raise ValueError(
                    f"groups of node {node.name} is {node.groups}, expected a divisor of "
                    f"{source.shape[2]} and {node.channels}"
                )
            shape = _positions(node, source, node.padding)
            return Signal((*shape, node.channels), node.scale, node.zero)
        case Linear():
            return Signal((node.features,), node.scale, node.zero)
        case MaxPool2d():
            shape = _positions(node, source, (0, 0))
            return Signal((*shape, source.shape[2]), source.scale, source.zero)
        case GlobalAvgPool():
            return Signal((source.shape[2],), node.scale, node.zero)
        case Flatten():
            return Signal((prod(source.shape),), source.scale, source.zero)


def _positions(
    node: Conv2d | MaxPool2d, source: Signal, padding: tuple[int, int]
) -> tuple[int, int]:
    """Count the window positions along height and width."""
    spans = [
        (source.shape[axis] + 2 * padding[axis] - node.kernel[axis]) // node.stride[axis] + 1
        for axis in (0, 1)
    ]
    if min(spans) < 1:
        raise ValueError(
            f"kernel of node {node.name} is {node.kernel}, "
            f"expected it to fit into {source.shape[:2]} padded by {padding}"
        )
    return spans[0], spans[1]


def weight_shape(node: Switchable, source: Signal) -> tuple[int, ...]:
    """Return the shape of a layer's weights, output channels first."""
    if isinstance(node, Linear):
        return (node.features, source.shape[0])
    return (node.channels, *node.kernel, source.shape[2] // node.groups)


def layer_work(node: Switchable, signals: Mapping[str, Signal]) -> LayerWork:
    """Count what a layer does for one image."""
    source, target = signals[node.inputs[0]], signals[node.name]
    shape = weight_shape(node, source)
    return LayerWork(
        name=node.name,
        macs=prod(target.shape) * prod(shape[1:]),
        weights=prod(shape),
        inputs=prod(source.shape),
        outputs=prod(target.shape),
    )


@dataclass(frozen=True, slots=True, eq=False)
class LayerTensors:
    """The numbers of one switchable layer: one weight set, and constants for each precision.

    `weight` is int16 with output channels first, `weight_scale` float64 of shape (channels,).
    """

    weight: NDArray[np.int16]
    weight_scale: NDArray[np.float64]
    requantisers: Mapping[Bits, Requantiser]

    def __post_init__(self) -> None:
        if self.weight.dtype != np.int16 or self.weight_scale.shape != self.weight.shape[:1]:
            raise ValueError(
                f"weight is {self.weight.dtype} of shape {self.weight.shape} with "
                f"{self.weight_scale.size} scales, expected int16 and one scale a channel"
            )
        if self.weight.min() < -WEIGHT_MAX or self.weight.max() > WEIGHT_MAX:
            raise ValueError(f"weight holds a code beyond {WEIGHT_MAX}")
        if not np.all(np.isfinite(self.weight_scale) & (self.weight_scale > 0)):
            raise ValueError("weight_scale holds a value that is not finite and above 0")
        for requantiser in self.requantisers.values():
            if requantiser.bias.shape != self.weight.shape[:1]:
                raise ValueError(
                    f"bias has shape {requantiser.bias.shape}, expected {self.weight.shape[:1]}"
                )
