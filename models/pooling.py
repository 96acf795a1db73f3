"""Layers without weights: they compute at 16 bits whatever the plan."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptive.engine.reference import average_requantiser
from adaptive.graph import Flatten, GlobalAvgPool, MaxPool2d, Signal
from adaptive.precision import Bits
from adaptive.quantise import CODE_MAX, CODE_MIN
from models.fake_quant import fake_quantise_activation, requantise
from models.flow import Flow


class MaxPooling(nn.Module):
    """The greatest of each window; codes and real values alike."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, flow: Flow) -> Flow:
        """Halve, third, ... height and width; what does not fill a window is left out."""
        return Flow(functional.max_pool2d(flow.values, self.kernel), flow.scale, flow.zero)

    def node(self, name: str, source: str) -> MaxPool2d:
        """Describe the layer for the artifact."""
        size = (self.kernel, self.kernel)
        return MaxPool2d(name=name, inputs=(source,), kernel=size, stride=size)


class Flattening(nn.Module):
    """(N, C, H, W) -> (N, H * W * C), channels fastest as in the artifact."""

    def forward(self, flow: Flow) -> Flow:
        """Flatten what flows in."""
        values = flow.values.permute(0, 2, 3, 1).flatten(1)  # (N, H * W * C)
        return Flow(values, flow.scale, flow.zero)

    def node(self, name: str, source: str) -> Flatten:
        """Describe the layer for the artifact."""
        return Flatten(name=name, inputs=(source,))


class GlobalAveraging(nn.Module):
    """The average of each channel over all positions: (N, C, H, W) -> (N, C).

    Its output has a range of its own: an average is smaller than what it averages.
    """

    output_scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("output_scale", torch.tensor(1.0 / CODE_MAX, dtype=torch.float64))
        self.bits: Bits | None = None

    def run_at(self, bits: Bits | None) -> None:
        """Choose plain float, None, or codes: those are of 16 bits at any precision."""
        self.bits = bits

    def set_range(self, greatest: float) -> None:
        """Let the output codes reach `greatest`; the input is expected to follow a ReLU."""
        self.output_scale.fill_(greatest / (CODE_MAX - CODE_MIN))

    def forward(self, flow: Flow) -> Flow:
        """Average over height and width."""
        scale = float(self.output_scale)
        if self.bits is None or self.training:
            values = flow.values.mean(dim=(2, 3))
            if self.bits is not None:
                values = fake_quantise_activation(
                    values, scale=scale, zero=CODE_MIN, bits=Bits.INT16
                )
            return Flow(values, scale, CODE_MIN)
        total = (flow.values - flow.zero).sum(dim=(2, 3))
        source = Signal((*flow.values.shape[2:], flow.values.shape[1]), flow.scale, flow.zero)
        requantiser = average_requantiser(self.node("mean", "input"), source)
        # One multiplier for all channels: give each the same.
        return Flow(
            requantise(total.reshape(-1, 1), requantiser).reshape(total.shape), scale, CODE_MIN
        )

    def node(self, name: str, source: str) -> GlobalAvgPool:
        """Describe the layer for the artifact."""
        return GlobalAvgPool(
            name=name, inputs=(source,), scale=float(self.output_scale), zero=CODE_MIN
        )
