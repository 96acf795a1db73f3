"""Layers without weights and with one input: they compute at 16 bits whatever the plan."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptive.engine.reference import average_requantiser
from adaptive.graph import AvgPool2d, Flatten, GlobalAvgPool, MaxPool2d, Signal
from adaptive.precision import Bits
from models.fake_quant import fake_quantise_activation, requantise
from models.flow import Flow, Mode
from models.ranged import Ranged
from models.window import Window


class MaxPooling(nn.Module):
    """The greatest of each window; codes and real values alike."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window

    def forward(self, flow: Flow) -> Flow:
        """Take the greatest of each window; what does not fill a window is left out."""
        values = flow.values
        if any(self.window.margins):
            values = functional.pad(values, self.window.margins, value=-torch.inf)
        return flow.with_values(
            functional.max_pool2d(values, self.window.kernel, self.window.stride)
        )

    def node(self, name: str, sources: tuple[str, ...]) -> MaxPool2d:
        """Describe the layer for the artifact."""
        window = self.window
        return MaxPool2d(
            name=name,
            inputs=sources,
            kernel=window.kernel,
            stride=window.stride,
            padding=window.padding,
            padding_after=window.padding_after,
        )


class Averaging(nn.Module):
    """The average of each window, on the scale of what flows in; padding is not supported."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        if any(window.margins):
            raise ValueError(f"window pads by {window.margins}, expected no padding")
        self.window = window

    def forward(self, flow: Flow) -> Flow:
        """Average each window; what does not fill a window is left out."""
        kernel, stride = self.window.kernel, self.window.stride
        if flow.mode is Mode.EXACT:
            # A sum of integers in float64, so exact; the divisor of one leaves it a sum.
            total = functional.avg_pool2d(
                flow.values - flow.zero, kernel, stride, divisor_override=1
            )
            return flow.with_values(_divided(total, flow, self.node("mean", ("input",))))
        values = functional.avg_pool2d(flow.values, kernel, stride)
        if flow.mode is Mode.FAKE:
            values = fake_quantise_activation(
                values, scale=flow.scale, zero=flow.zero, bits=Bits.INT16
            )
        return flow.with_values(values)

    def node(self, name: str, sources: tuple[str, ...]) -> AvgPool2d:
        """Describe the layer for the artifact."""
        return AvgPool2d(
            name=name, inputs=sources, kernel=self.window.kernel, stride=self.window.stride
        )


class GlobalAveraging(Ranged):
    """The average of each channel over all positions: (N, C, H, W) -> (N, C).

    Its output has a range of its own: an average is smaller than what it averages.
    """

    def __init__(self, *, signed: bool = False) -> None:
        super().__init__(relu=False, signed=signed)

    def forward(self, flow: Flow) -> Flow:
        """Average over height and width."""
        if flow.mode is Mode.EXACT:
            total = (flow.values - flow.zero).sum(dim=(2, 3))
            values = _divided(total, flow, self.node("mean", ("input",)))
        else:
            values = flow.values.mean(dim=(2, 3))
        return self.flow_of(values, flow.mode, Bits.INT16)

    def node(self, name: str, sources: tuple[str, ...]) -> GlobalAvgPool:
        """Describe the layer for the artifact."""
        return GlobalAvgPool(
            name=name, inputs=sources, scale=float(self.output_scale), zero=self.zero
        )


def _divided(total: Tensor, flow: Flow, node: GlobalAvgPool | AvgPool2d) -> Tensor:
    """Turn sums over positions into codes."""
    source = Signal((*flow.values.shape[2:], flow.values.shape[1]), flow.scale, flow.zero)
    # One multiplier for all channels: give each the same.
    codes = requantise(total.reshape(-1, 1), average_requantiser(node, source))
    return codes.reshape(total.shape)


class Flattening(nn.Module):
    """(N, C, H, W) -> (N, H * W * C), channels fastest as in the artifact."""

    def forward(self, flow: Flow) -> Flow:
        """Flatten what flows in."""
        return flow.with_values(flow.values.permute(0, 2, 3, 1).flatten(1))  # (N, H * W * C)

    def node(self, name: str, sources: tuple[str, ...]) -> Flatten:
        """Describe the layer for the artifact."""
        return Flatten(name=name, inputs=sources)
