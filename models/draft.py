"""A step of a network in the making, while what follows may still be fused into it."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from adaptive.errors import ConfigError
from adaptive.precision import Bits
from models.fold import Weights
from models.joining import Adding, Joining
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import Layer, Step
from models.operations import Join, Sum
from models.pooling import Averaging, Flattening, GlobalAveraging, MaxPooling
from models.window import Window


@dataclass(slots=True, eq=False)
class Draft:
    """A step in the making.

    Parameters
    ----------
    name
        Name of the step to be.
    node
        Traced node that began it.
    operation
        What it does, as a torch module.
    sources
        What it reads.
    shape
        (C, H, W) or (F,) of its output.
    weights
        Of a convolution or a linear layer, as folded so far.
    window
        Of a convolution or a pooling.
    relu, ceiling
        Whether a ReLU is fused, and the greatest output it lets through.
    """

    name: str
    node: fx.Node
    operation: nn.Module
    sources: tuple["Draft", ...]
    shape: tuple[int, ...]
    weights: Weights | None = None
    window: Window = field(default_factory=lambda: Window((1, 1)))
    relu: bool = False
    ceiling: float | None = None

    @property
    def signed(self) -> bool:
        """Whether the output may be negative."""
        if self.weights is None:
            return not self.relu and any(source.signed for source in self.sources)
        return not self.relu

    @property
    def takes_relu(self) -> bool:
        """Whether a ReLU after it can be fused into it."""
        return self.weights is not None or isinstance(self.operation, Sum | Join)

    def step(self, bit_list: tuple[Bits, ...], *, is_head: bool) -> Step:
        """Build the layer; raises ConfigError naming the node where weights are not finite."""
        layer = self._layer(bit_list, is_head=is_head)
        return Step(self.name, layer, tuple(source.name for source in self.sources))

    def _layer(self, bit_list: tuple[Bits, ...], *, is_head: bool) -> Layer:
        match self.operation:
            case nn.Conv2d() | nn.Linear():
                return self._weighted(bit_list, is_head=is_head)
            case nn.MaxPool2d():
                return MaxPooling(self.window)
            case nn.AvgPool2d():
                return Averaging(self.window)
            case nn.Flatten():
                return Flattening()
            case Sum():
                # A sum of what is never negative is not either.
                return Adding(relu=not self.signed, ceiling=self.ceiling)
            case Join():
                return Joining(signed=self.signed, relu=self.relu, ceiling=self.ceiling)
            case _:
                return GlobalAveraging(signed=self.signed)

    def _weighted(
        self, bit_list: tuple[Bits, ...], *, is_head: bool
    ) -> SwitchableConv2d | SwitchableLinear:
        if self.weights is None or not self.weights.is_finite:
            raise ConfigError(
                f"node {self.node.name}: weights hold a value that is not finite, expected numbers"
            )
        weight = self.weights.weight
        layer: SwitchableConv2d | SwitchableLinear
        if isinstance(self.operation, nn.Conv2d):
            groups = self.operation.groups
            layer = SwitchableConv2d(
                weight.shape[1] * groups,
                len(weight),
                window=self.window,
                groups=groups,
                relu=self.relu,
                ceiling=self.ceiling,
                bit_list=bit_list,
                fill=self.weights.fill,
                widths=tuple(self.weights.narrow),
            )
            weight = weight.permute(0, 2, 3, 1)  # (Cout, kh, kw, Cin / groups)
        else:
            layer = SwitchableLinear(
                weight.shape[1],
                len(weight),
                relu=self.relu,
                is_head=is_head,
                ceiling=self.ceiling,
                bit_list=bit_list,
                widths=tuple(self.weights.narrow),
            )
        _fill_in(layer, weight, self.weights)
        return layer


def _fill_in(layer: SwitchableConv2d | SwitchableLinear, weight: Tensor, weights: Weights) -> None:
    """Give a layer its weights, and the same bias at every precision."""
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(weights.bias.expand_as(layer.bias))
        for width, narrow in weights.narrow.items():
            own = layer.at(width)
            own.gain.copy_(narrow.gain)
            own.bias.copy_(narrow.bias.expand_as(own.bias))
