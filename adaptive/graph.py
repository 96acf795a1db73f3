"""The network as a graph of named nodes, and what it says about work.

Nodes are msgspec structs, frozen and checked on construction: the artifact's manifest decodes
straight into them. A new operation is one more struct in `Node` and one more case where nodes are
matched; the existing ones stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
Code = Annotated[int, Meta(ge=CODE_MIN, le=CODE_MAX)]
Scale = Annotated[float, Meta(gt=0.0, lt=2.0**64)]
# Divisible by 4096 so that the zero point is exact at every width down to 4 bits.
Zero = Annotated[int, Meta(ge=CODE_MIN, le=CODE_MAX, multiple_of=4096)]
EVEN = (0, 0)
"""No padding beyond the symmetric one; left out of the file."""


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


def _canonical(node: msgspec.Struct, *names: str) -> None:
    """Make an even padding the default itself: the encoder leaves out that, not its equal."""
    for name in names:
        if getattr(node, name) == EVEN:
            msgspec.structs.force_setattr(node, name, EVEN)


class Conv2d(
    _Operation,
    frozen=True,
    forbid_unknown_fields=True,
    tag="conv2d",
    kw_only=True,
    omit_defaults=True,
):
    """Convolve (H, W, C) with weights (channels, kernel height, kernel width, C / groups).

    `padding` rows and columns are added on both sides, `padding_after` more below and to the
    right. They count as zero, or as the codes that `fill` gives, one for each input channel.
    """

    channels: Count
    kernel: tuple[Count, Count]
    stride: tuple[Count, Count]
    padding: tuple[Padding, Padding]
    groups: Count
    scale: Scale
    zero: Zero
    relu: bool
    padding_after: tuple[Padding, Padding] = EVEN
    fill: tuple[Code, ...] = ()

    def __post_init__(self) -> None:
        _canonical(self, "padding_after")


class Linear(_Operation, frozen=True, forbid_unknown_fields=True, tag="linear", kw_only=True):
    """Multiply (F,) by weights (features, F)."""

    features: Count
    scale: Scale
    zero: Zero
    relu: bool


class MaxPool2d(
    _Operation,
    frozen=True,
    forbid_unknown_fields=True,
    tag="max_pool2d",
    kw_only=True,
    omit_defaults=True,
):
    """Take the greatest code of each window; windows that do not fit are left out.

    Padding is as for a convolution, but never the greatest.
    """

    kernel: tuple[Count, Count]
    stride: tuple[Count, Count]
    padding: tuple[Padding, Padding] = EVEN
    padding_after: tuple[Padding, Padding] = EVEN

    def __post_init__(self) -> None:
        _canonical(self, "padding", "padding_after")


class AvgPool2d(
    _Operation, frozen=True, forbid_unknown_fields=True, tag="avg_pool2d", kw_only=True
):
    """Average each window, at the scale of the input; windows that do not fit are left out."""

    kernel: tuple[Count, Count]
    stride: tuple[Count, Count]


class Add(_Operation, frozen=True, forbid_unknown_fields=True, tag="add", kw_only=True):
    """Add two signals of one shape: 16-bit codes in and out, whatever the plan."""

    scale: Scale
    zero: Zero
    relu: bool


class Concat(_Operation, frozen=True, forbid_unknown_fields=True, tag="concat", kw_only=True):
    """Lay (H, W, C1), (H, W, C2), ... side by side, each brought to one scale: (H, W, C1 + C2)."""

    scale: Scale
    zero: Zero
    relu: bool


class GlobalAvgPool(
    _Operation, frozen=True, forbid_unknown_fields=True, tag="global_avg_pool", kw_only=True
):
    """Average each channel over all positions and requantise: (H, W, C) -> (C,)."""

    scale: Scale
    zero: Zero


class Flatten(_Operation, frozen=True, forbid_unknown_fields=True, tag="flatten", kw_only=True):
    """Read (H, W, C) as (H * W * C,), channels fastest."""


Window = Conv2d | MaxPool2d | AvgPool2d
Pool = MaxPool2d | AvgPool2d | GlobalAvgPool
Node = Conv2d | Linear | Pool | Add | Concat | Flatten
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
        for count in ("macs", "weights", "inputs", "outputs"):
            if getattr(self, count) < 1:
                raise ValueError(f"{count} of layer {self.name} is below 1")


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
    `narrow` holds the constants of each narrower width, for as many channels as run at it.
    """

    weight: NDArray[np.int16]
    weight_scale: NDArray[np.float64]
    requantisers: Mapping[Bits, Requantiser]
    narrow: Mapping[float, Mapping[Bits, Requantiser]] = field(default_factory=dict)

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

    def at(self, width: float, shape: tuple[int, ...]) -> "LayerTensors":
        """Return the numbers of a narrower width: views of the first weights, of a shape.

        Raises ValueError where there are no constants for it, or of another shape.
        """
        if width not in self.narrow:
            raise ValueError(f"has constants for {tuple(self.narrow)}, expected some for {width:g}")
        first = tuple(slice(size) for size in shape)
        return LayerTensors(self.weight[first], self.weight_scale[: shape[0]], self.narrow[width])
