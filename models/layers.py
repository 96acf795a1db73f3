"""Layers that switch precision: one weight set, cut to the bits that are asked for.

Each layer computes in one of three ways. Without bits: plain float. In training mode with bits:
float with fake quantisation, differentiable. In evaluation mode with bits: the exact integer
arithmetic of `adaptive.quantise`, on codes held in float64 tensors, with the very constants that
the exporter writes.
"""

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptive.graph import Conv2d, LayerTensors, Linear
from adaptive.precision import Bits
from adaptive.quantise import CODE_MAX, CODE_MIN, Requantiser, weight_codes, weight_scales
from models.fake_quant import (
    fake_quantise_activation,
    fake_quantise_weight,
    narrow_codes,
    narrow_weights,
    requantise,
)
from models.flow import Flow

BIT_LIST = (Bits.INT16, Bits.INT8)


class _Switchable(nn.Module, ABC):
    """What convolutions and linear layers share; only how they multiply differs.

    `bias` has one row for each precision, float64 so that its integer survives a round trip.
    """

    bias: Tensor
    output_scale: Tensor

    def __init__(self, shape: tuple[int, ...], *, relu: bool, is_head: bool) -> None:
        super().__init__()
        deviation = math.sqrt(2.0 / math.prod(shape[1:]))  # He et al. 2015, for ReLU networks
        self.weight = nn.Parameter(torch.randn(shape) * deviation)
        self.bias = nn.Parameter(torch.zeros(len(BIT_LIST), shape[0], dtype=torch.float64))
        self.register_buffer("output_scale", torch.tensor(1.0 / CODE_MAX, dtype=torch.float64))
        self.relu = relu
        self.is_head = is_head
        self.bits: Bits | None = None

    @property
    def zero(self) -> int:
        """Zero point of the output: the least code after a ReLU."""
        return CODE_MIN if self.relu else 0

    def run_at(self, bits: Bits | None) -> None:
        """Set the bits of the next passes; None computes in plain float."""
        self.bits = bits

    def set_range(self, greatest: float) -> None:
        """Let the output codes reach a magnitude of `greatest`."""
        self.output_scale.fill_(greatest / (CODE_MAX - self.zero))

    def output_bits(self, bits: Bits) -> Bits:
        """Return the width of the output codes: a head always answers at 16 bits."""
        return Bits.INT16 if self.is_head else bits

    def forward(self, flow: Flow) -> Flow:
        """Compute in the way that mode and bits ask for."""
        scale = float(self.output_scale)
        if self.bits is None:
            values = self._multiply(flow.values, self.weight)
            values = values + self._per_channel(self.bias.mean(dim=0).to(values.dtype), values)
            values = functional.relu(values) if self.relu else values
        elif self.training:
            values = self._fake(flow, self.bits, scale)
        else:
            values = self._exact(flow, self.bits)
        return Flow(values, scale, self.zero)

    def _fake(self, flow: Flow, bits: Bits, scale: float) -> Tensor:
        """Compute in float on rounded values."""
        read = fake_quantise_activation(flow.values, scale=flow.scale, zero=flow.zero, bits=bits)
        scales = torch.from_numpy(weight_scales(self.weight.detach().numpy()))
        values = self._multiply(read, fake_quantise_weight(self.weight, scales, bits))
        bias = self.bias[BIT_LIST.index(bits)].to(values.dtype)
        return fake_quantise_activation(
            values + self._per_channel(bias, values),
            scale=scale,
            zero=self.zero,
            bits=self.output_bits(bits),
            relu=self.relu,
        )

    def _exact(self, flow: Flow, bits: Bits) -> Tensor:
        """Compute codes from codes, in integers."""
        tensors = self.tensors(flow.scale)
        codes = torch.from_numpy(tensors.weight.astype(np.float64))
        read = narrow_codes(flow.values, bits) - (flow.zero >> (16 - bits))
        total = self._multiply(read, narrow_weights(codes, bits))
        return requantise(total, tensors.requantisers[bits])

    def tensors(self, source_scale: float) -> LayerTensors:
        """Return the integers of this layer, as exported: the one place where they are made."""
        weight = self.weight.detach().numpy()
        scales = weight_scales(weight)
        requantisers: dict[Bits, Requantiser] = {}
        for row, bits in enumerate(BIT_LIST):
            step, output = 2.0 ** (16 - bits), self.output_bits(bits)
            accumulator = source_scale * step * scales * step
            requantisers[bits] = Requantiser.from_real(
                accumulator / (float(self.output_scale) * 2.0 ** (16 - output)),
                self.bias[row].detach().numpy() / accumulator,
                bits=output,
                zero=self.zero,
                relu=self.relu,
            )
        return LayerTensors(weight_codes(weight, scales), scales, requantisers)

    def load(self, tensors: LayerTensors, *, source_scale: float, output_scale: float) -> None:
        """Take over exported integers; `tensors` then returns the same ones."""
        steps = tensors.weight_scale.reshape(-1, *[1] * (tensors.weight.ndim - 1))
        real = torch.from_numpy(tensors.weight * steps)
        with torch.no_grad():
            self.weight.copy_(real)
            self.output_scale.fill_(output_scale)
            for row, bits in enumerate(BIT_LIST):
                step = 2.0 ** (16 - bits)
                accumulator = source_scale * step * tensors.weight_scale * step
                bias = tensors.requantisers[bits].bias * accumulator
                self.bias[row].copy_(torch.from_numpy(bias))

    @abstractmethod
    def _multiply(self, values: Tensor, weight: Tensor) -> Tensor:
        """Sum the products of inputs and weights."""

    @staticmethod
    def _per_channel(vector: Tensor, values: Tensor) -> Tensor:
        """Shape a vector so that it adds along the channels."""
        return vector.reshape(-1, *[1] * (values.ndim - 2))


class SwitchableConv2d(_Switchable):
    """A convolution, (N, Cin, H, W) -> (N, Cout, H', W'), with a ReLU unless told otherwise.

    Weights lie as in the artifact: (Cout, kernel, kernel, Cin / groups).
    """

    def __init__(
        self,
        source: int,
        channels: int,
        *,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        relu: bool = True,
    ) -> None:
        super().__init__((channels, kernel, kernel, source // groups), relu=relu, is_head=False)
        self.kernel, self.stride, self.padding, self.groups = kernel, stride, kernel // 2, groups

    def _multiply(self, values: Tensor, weight: Tensor) -> Tensor:
        return functional.conv2d(
            values,
            weight.permute(0, 3, 1, 2),  # (Cout, Cin / groups, kh, kw)
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
        )

    def node(self, name: str, source: str) -> Conv2d:
        """Describe the layer for the artifact."""
        return Conv2d(
            name=name,
            inputs=(source,),
            channels=len(self.weight),
            kernel=(self.kernel, self.kernel),
            stride=(self.stride, self.stride),
            padding=(self.padding, self.padding),
            groups=self.groups,
            scale=float(self.output_scale),
            zero=self.zero,
            relu=self.relu,
        )


class SwitchableLinear(_Switchable):
    """A linear layer, (N, F) -> (N, features), without a ReLU unless told otherwise."""

    def __init__(
        self, source: int, features: int, *, relu: bool = False, is_head: bool = False
    ) -> None:
        super().__init__((features, source), relu=relu, is_head=is_head)

    def _multiply(self, values: Tensor, weight: Tensor) -> Tensor:
        return functional.linear(values, weight)

    def node(self, name: str, source: str) -> Linear:
        """Describe the layer for the artifact."""
        return Linear(
            name=name,
            inputs=(source,),
            features=len(self.weight),
            scale=float(self.output_scale),
            zero=self.zero,
            relu=self.relu,
        )
