"""Layers that switch precision: one weight set, cut to the bits that are asked for.

Each layer computes as what flows in says: in plain float; in float with fake quantisation,
differentiable; or in the exact integer arithmetic of `adaptive.quantise`, on codes held in float64
tensors, with the very constants that the exporter writes.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptive.arithmetic import Arithmetic
from adaptive.graph import Conv2d, LayerTensors, Linear
from adaptive.nesting import channels_at
from adaptive.precision import Bits
from adaptive.quantise import Floats, Requantiser, weight_codes, weight_scales
from models.fake_quant import (
    channel_scales,
    fake_quantise_activation,
    fake_quantise_weight,
    narrow_codes,
    narrow_weights,
    requantise,
)
from models.flow import Flow, Mode
from models.ranged import Ranged
from models.window import Window

BIT_LIST = (Bits.INT16, Bits.INT8)
"""What a layer offers unless told otherwise, widest first."""


class _Switchable(Ranged, ABC):
    """What convolutions and linear layers share; only how they multiply differs.

    `bias` has one row for each precision, float64 so that its integer survives a round trip.
    Plain float uses their mean, so that all learn, or that of the widest once they are settled:
    exported, or corrected for each precision.
    """

    bias: Tensor
    fill: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        relu: bool,
        is_head: bool = False,
        ceiling: float | None = None,
        bit_list: tuple[Bits, ...] = BIT_LIST,
        narrow: Mapping[float, int],
    ) -> None:
        super().__init__(relu=relu, signed=not relu, ceiling=ceiling)
        deviation = math.sqrt(2.0 / math.prod(shape[1:]))  # He et al. 2015, for ReLU networks
        self.weight = nn.Parameter(torch.randn(shape) * deviation)
        self.bias = nn.Parameter(torch.zeros(len(bit_list), shape[0], dtype=torch.float64))
        self.register_buffer("fill", torch.zeros(0, dtype=torch.float64))
        self.by_channel = self.arithmetic.by_channel
        self.settled = False
        self.is_head = is_head
        self.bit_list = bit_list
        self.bits = bit_list[0]
        self.widths, self.width = tuple(narrow), 1.0
        self.narrow = nn.ModuleList(Narrow(len(bit_list), count) for count in narrow.values())

    def run_at(self, bits: Bits) -> None:
        """Set the bits of the next passes."""
        self.bits = bits

    def at(self, width: float) -> "Narrow":
        """Return what a narrower width has of its own; raises ValueError where there is none."""
        own = self.narrow[self.widths.index(width)]
        assert isinstance(own, Narrow)
        return own

    def compute_in(self, arithmetic: Arithmetic) -> None:
        """Set the arithmetic and its own choice of weight scales; ranges are to be set anew."""
        super().compute_in(arithmetic)
        self.by_channel = arithmetic.by_channel

    def output_bits(self, bits: Bits) -> Bits:
        """Return the width of the output codes: a head always answers at 16 bits."""
        return Bits.INT16 if self.is_head else bits

    def forward(self, flow: Flow) -> Flow:
        """Compute in the way that flows in."""
        bits = self.bits
        if flow.mode is Mode.EXACT:
            return self.flow_of(self._exact(flow, bits), flow.mode, bits)
        return self.flow_of(self.sums(flow, bits), flow.mode, self.output_bits(bits))

    def sums(self, flow: Flow, bits: Bits) -> Tensor:
        """Compute what is clamped and rounded to the output, in plain float or with fake bits."""
        read, fill = flow.values, (self.fill - flow.zero) * flow.scale
        weight = torch.as_tensor(self.weight)
        biases = self._biases
        bias = biases[0] if self.settled else biases.mean(dim=0)
        if flow.mode is Mode.FAKE:
            scales = self._allowed(channel_scales(weight), flow.scale)
            weight = fake_quantise_weight(weight, scales, bits, arithmetic=self.cut)
            bias = self.bias_of(bits)
            if bits != Bits.INT16:  # whatever flows is on the 16-bit grid already
                read, fill = (self._read_fake(v, flow, bits) for v in (read, fill))
        if self.width != 1.0:
            gain = self.at(self.width).gain.to(weight.dtype)
            weight = weight[self._first(read)] * gain.reshape(-1, *[1] * (weight.ndim - 1))
        values = self._multiply(read, weight, fill.to(read.dtype))
        return values + bias.to(values.dtype).reshape(-1, *[1] * (values.ndim - 2))

    def bias_of(self, bits: Bits) -> Tensor:
        """Return the biases of one precision at the width, shape (Cout,); a view to be changed."""
        return self._biases[self.bit_list.index(bits)]

    @property
    def _biases(self) -> Tensor:
        """Biases at the width, shape (precisions, Cout at the width)."""
        return self.bias if self.width == 1.0 else self.at(self.width).bias

    def _first(self, read: Tensor) -> tuple[slice, ...]:
        """Say which weights meet the channels that are read at the width."""
        kernel = self.weight.shape[1:-1]
        depth = min(self.weight.shape[-1], read.shape[1])
        return tuple(slice(size) for size in (self._biases.shape[1], *kernel, depth))

    def cut_away(self, bits: Bits) -> float:
        """Return what cutting an output takes from its rounded value in the mean."""
        output = self.output_bits(bits)
        return (0.5 - self.cut.carry(output)) * float(self.output_scale) * 2.0 ** (16 - output)

    def _exact(self, flow: Flow, bits: Bits) -> Tensor:
        """Compute codes from codes, in integers."""
        tensors = self.tensors(flow.scale)
        if self.width != 1.0:
            shape = tuple(part.stop for part in self._first(flow.values))
            tensors = tensors.at(self.width, shape)
        codes = torch.from_numpy(tensors.weight.astype(np.float64)).to(flow.values.device)
        zero = flow.zero >> (16 - bits)
        cut = self.arithmetic
        read, fill = (narrow_codes(v, bits, cut) - zero for v in (flow.values, self.fill))
        total = self._multiply(read, narrow_weights(codes, bits, cut), fill)
        return requantise(total, tensors.requantisers[bits])

    def tensors(self, source_scale: float) -> LayerTensors:
        """Return the integers of this layer, as exported: the one place where they are made."""
        weight = self.weight.detach().cpu().numpy()
        least = np.maximum(weight_scales(weight), self._least_scales(source_scale))
        between = source_scale / float(self.output_scale)
        scales = self.arithmetic.weight_scales(least, between, by_channel=self.by_channel)
        narrow = {}
        for width in self.widths:
            own = self.at(width)
            gains = own.gain.detach().cpu().numpy()
            cut = scales[: len(gains)] * gains
            narrow[width] = self._requantisers(cut, own.bias, source_scale)
        requantisers = self._requantisers(scales, self.bias, source_scale)
        return LayerTensors(weight_codes(weight, scales), scales, requantisers, narrow)

    def _requantisers(
        self, scales: Floats, biases: Tensor, source_scale: float
    ) -> dict[Bits, Requantiser]:
        """Choose the integers of each precision, from the weight scales and biases of a width."""
        requantisers: dict[Bits, Requantiser] = {}
        for row, bits in enumerate(self.bit_list):
            accumulator, ratio = self._accumulators(scales, source_scale, bits)
            requantisers[bits] = self.arithmetic.requantiser(
                ratio,
                biases[row].detach().cpu().numpy() / accumulator,
                bits=self.output_bits(bits),
                zero=self.zero,
                relu=self.relu,
            )
        return requantisers

    def _accumulators(
        self, scales: Floats, source_scale: float, bits: Bits
    ) -> tuple[Floats, Floats]:
        """Return the scale of each channel's accumulator, and that over the output's scale."""
        step = 2.0 ** (16 - bits)
        accumulator = source_scale * step * scales * step
        output_scale = float(self.output_scale) * 2.0 ** (16 - self.output_bits(bits))
        return accumulator, accumulator / output_scale

    def _least_scales(self, source_scale: float) -> Floats:
        """Bound the scales of channels whose weights are next to nothing beside their bias.

        Batch norm leaves such channels. On a scale of their own the bias would pass the integers;
        a power of two, so that weights on it come back from an artifact as they were.
        """
        bias = np.abs(self.bias.detach().cpu().numpy()).max(axis=0)
        for own in map(self.at, self.widths):
            cut = np.abs((own.bias / own.gain).detach().cpu().numpy()).max(axis=0)
            bias[: len(cut)] = np.maximum(bias[: len(cut)], cut)
        needed = np.maximum(bias * 2.0**-50, float(self.output_scale) * 2.0**-44) / source_scale
        _, exponent = np.frexp(needed)
        return np.asarray(np.ldexp(1.0, exponent), dtype=np.float64)

    def load(self, tensors: LayerTensors, *, source_scale: float, output_scale: float) -> None:
        """Take over exported integers; `tensors` then returns the same ones."""
        self.by_channel = self.arithmetic.by_channel or bool(np.ptp(tensors.weight_scale))
        self.settled = True
        steps = tensors.weight_scale.reshape(-1, *[1] * (tensors.weight.ndim - 1))
        real = torch.from_numpy(tensors.weight * steps)
        with torch.no_grad():
            self.weight.copy_(real)
            self.output_scale.fill_(output_scale)
            self._load_biases(self.bias, tensors.requantisers, tensors.weight_scale, source_scale)
            for width, requantisers in tensors.narrow.items():
                own = self.at(width)
                widest = requantisers[self.bit_list[0]]
                _, ratio = self._accumulators(
                    tensors.weight_scale[: len(widest.bias)], source_scale, self.bit_list[0]
                )
                gains = widest.ratio / ratio
                own.gain.copy_(torch.from_numpy(gains))
                scales = tensors.weight_scale[: len(gains)] * gains
                self._load_biases(own.bias, requantisers, scales, source_scale)

    def _load_biases(
        self,
        biases: Tensor,
        requantisers: Mapping[Bits, Requantiser],
        scales: Floats,
        source_scale: float,
    ) -> None:
        """Fill in the biases of a width from its integers."""
        for row, bits in enumerate(self.bit_list):
            accumulator, ratio = self._accumulators(scales, source_scale, bits)
            cut = self.arithmetic.cut_by_bias(ratio, self.output_bits(bits))
            bias = (requantisers[bits].bias - cut) * accumulator
            biases[row].copy_(torch.from_numpy(bias))

    def _allowed(self, least: Tensor, source_scale: float) -> Tensor:
        """Return weight scales that the arithmetic has, on the weights' device."""
        ratio, needed = source_scale / float(self.output_scale), least.cpu().numpy()
        scales = self.arithmetic.weight_scales(needed, ratio, by_channel=self.by_channel)
        return torch.from_numpy(scales).to(least.device)

    def _read_fake(self, values: Tensor, flow: Flow, bits: Bits) -> Tensor:
        """Round or cut what flows in to b bits."""
        return fake_quantise_activation(
            values, scale=flow.scale, zero=flow.zero, bits=bits, arithmetic=self.cut
        )

    @abstractmethod
    def _multiply(self, values: Tensor, weight: Tensor, fill: Tensor) -> Tensor:
        """Sum the products of inputs and weights; `fill` is what padding counts as, or empty."""


class Narrow(nn.Module):
    """What a narrower width has of its own: a bias for each precision, a factor on the weights.

    Batch norm makes the factors; they go into requantisation.

    Parameters
    ----------
    precisions
        Rows of the bias.
    channels
        Of the output, at the width.
    """

    gain: Tensor

    def __init__(self, precisions: int, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(precisions, channels, dtype=torch.float64))
        self.register_buffer("gain", torch.ones(channels, dtype=torch.float64))


class SwitchableConv2d(_Switchable):
    """A convolution, (N, Cin, H, W) -> (N, Cout, H', W'), with a ReLU unless told otherwise.

    Weights lie as in the artifact: (Cout, kernel height, kernel width, Cin / groups).

    Parameters
    ----------
    source, channels
        Channels of input and output.
    window
        Kernel, stride and padding.
    groups
        Into how many parts the channels fall.
    relu, ceiling
        What follows: nothing, a ReLU, or one with a greatest value.
    bit_list
        Precisions on offer, widest first.
    fill
        16-bit code of each input channel that padding counts as; empty for zero.
    widths
        The narrower widths on offer.
    """

    def __init__(
        self,
        source: int,
        channels: int,
        *,
        window: Window,
        groups: int = 1,
        relu: bool = True,
        ceiling: float | None = None,
        bit_list: tuple[Bits, ...] = BIT_LIST,
        fill: tuple[int, ...] = (),
        widths: tuple[float, ...] = (),
    ) -> None:
        shape = (channels, *window.kernel, source // groups)
        narrow = {width: channels_at(channels, width) for width in widths}
        super().__init__(shape, relu=relu, ceiling=ceiling, bit_list=bit_list, narrow=narrow)
        self.window, self.groups = window, groups
        self.fill = torch.tensor(fill, dtype=torch.float64)

    def _multiply(self, values: Tensor, weight: Tensor, fill: Tensor) -> Tensor:
        window, padding = self.window, self.window.padding
        if len(fill):
            # Padding with zero is padding with `fill` where all values are lower by it.
            values = values - fill.reshape(-1, 1, 1)
        if any(window.padding_after):
            values, padding = functional.pad(values, window.margins), (0, 0)
        total = functional.conv2d(
            values,
            weight.permute(0, 3, 1, 2),  # (Cout, Cin / groups, kh, kw)
            stride=window.stride,
            padding=padding,
            groups=self.groups if self.groups == 1 or self.width == 1.0 else len(weight),
        )
        return total + self._sum_of(fill, weight) if len(fill) else total

    def _sum_of(self, fill: Tensor, weight: Tensor) -> Tensor:
        """Sum the products of the weights with a constant image, shape (Cout, 1, 1)."""
        by_group = fill.reshape(self.groups, -1)  # (groups, Cin / groups)
        each = by_group.repeat_interleave(len(weight) // self.groups, dim=0)  # (Cout, Cin / groups)
        return (weight.sum(dim=(1, 2)) * each).sum(dim=1).reshape(-1, 1, 1)

    def node(self, name: str, sources: tuple[str, ...]) -> Conv2d:
        """Describe the layer for the artifact."""
        window = self.window
        return Conv2d(
            name=name,
            inputs=sources,
            channels=len(self.weight),
            kernel=window.kernel,
            stride=window.stride,
            padding=window.padding,
            groups=self.groups,
            scale=float(self.output_scale),
            zero=self.zero,
            relu=self.relu,
            padding_after=window.padding_after,
            fill=tuple(int(code) for code in self.fill),
        )


class SwitchableLinear(_Switchable):
    """A linear layer, (N, F) -> (N, features), without a ReLU unless told otherwise."""

    def __init__(
        self,
        source: int,
        features: int,
        *,
        relu: bool = False,
        is_head: bool = False,
        ceiling: float | None = None,
        bit_list: tuple[Bits, ...] = BIT_LIST,
        widths: tuple[float, ...] = (),
    ) -> None:
        super().__init__(
            (features, source),
            relu=relu,
            is_head=is_head,
            ceiling=ceiling,
            bit_list=bit_list,
            narrow=dict.fromkeys(widths, features),
        )

    def _multiply(self, values: Tensor, weight: Tensor, fill: Tensor) -> Tensor:  # noqa: ARG002
        return functional.linear(values, weight)

    def node(self, name: str, sources: tuple[str, ...]) -> Linear:
        """Describe the layer for the artifact."""
        return Linear(
            name=name,
            inputs=sources,
            features=len(self.weight),
            scale=float(self.output_scale),
            zero=self.zero,
            relu=self.relu,
        )
