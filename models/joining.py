"""Layers that bring signals together: they read and write 16-bit codes whatever the plan."""

import torch
from torch import Tensor

from adaptive.graph import Add, Concat
from adaptive.precision import Bits
from adaptive.quantise import Rescaler
from models.fake_quant import rescale
from models.flow import Flow, Mode
from models.ranged import Ranged


class Adding(Ranged):
    """The sum of two signals of one shape, with a ReLU unless told otherwise."""

    def __init__(self, *, relu: bool = True, ceiling: float | None = None) -> None:
        super().__init__(relu=relu, signed=not relu, ceiling=ceiling)

    def forward(self, left: Flow, right: Flow) -> Flow:
        """Add."""
        if left.mode is Mode.EXACT:
            values = rescale((left.values, right.values), self._rescaler(left, right))
        else:
            values = left.values + right.values
        return self.flow_of(values, left.mode, Bits.INT16)

    def _rescaler(self, *flows: Flow) -> Rescaler:
        return Rescaler.from_scales(
            [(flow.scale, flow.zero) for flow in flows],
            float(self.output_scale),
            zero=self.zero,
            relu=self.relu,
        )

    def node(self, name: str, sources: tuple[str, ...]) -> Add:
        """Describe the layer for the artifact."""
        scale = float(self.output_scale)
        return Add(name=name, inputs=sources, scale=scale, zero=self.zero, relu=self.relu)


class Joining(Ranged):
    """Signals of one height and width side by side: (N, C1, H, W), ... -> (N, C1 + ..., H, W).

    `signed` says whether any of them may be negative after the ReLU, if there is one.
    """

    def __init__(
        self, *, signed: bool = False, relu: bool = False, ceiling: float | None = None
    ) -> None:
        super().__init__(relu=relu, signed=signed and not relu, ceiling=ceiling)

    def forward(self, *flows: Flow) -> Flow:
        """Bring all to one scale and join them."""
        mode = flows[0].mode
        exact = mode is Mode.EXACT
        parts = [self._rescaled(flow) if exact else flow.values for flow in flows]
        return self.flow_of(torch.cat(parts, dim=1), mode, Bits.INT16)

    def _rescaled(self, flow: Flow) -> Tensor:
        rescaler = Rescaler.from_scales(
            [(flow.scale, flow.zero)], float(self.output_scale), zero=self.zero, relu=self.relu
        )
        return rescale((flow.values,), rescaler)

    def node(self, name: str, sources: tuple[str, ...]) -> Concat:
        """Describe the layer for the artifact."""
        scale = float(self.output_scale)
        return Concat(name=name, inputs=sources, scale=scale, zero=self.zero, relu=self.relu)
