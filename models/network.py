"""A network of switchable layers: named steps, and one precision plan for all of them."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adaptive.arithmetic import Arithmetic
from adaptive.graph import Node
from adaptive.precision import Bits, PrecisionPlan
from adaptive.quantise import CODE_MIN
from models.flow import Flow, Mode
from models.joining import Adding, Joining
from models.layers import SwitchableConv2d, SwitchableLinear
from models.pooling import Averaging, Flattening, GlobalAveraging, MaxPooling
from models.ranged import Ranged

Layer = (
    SwitchableConv2d
    | SwitchableLinear
    | MaxPooling
    | Averaging
    | GlobalAveraging
    | Adding
    | Joining
    | Flattening
)
PIXEL_SCALE = 1.0 / (255 * 256)
"""Real value of one 16-bit input code: pixels 0..255 stand for 0..1."""


@dataclass(frozen=True, slots=True)
class Step:
    """One layer, its name and the names of the steps it reads; `input` is the image."""

    name: str
    layer: Layer
    sources: tuple[str, ...]


class SwitchableNetwork(nn.Module):
    """Runs its steps in order at the active precision plan; None means plain float.

    Parameters
    ----------
    input_shape
        (H, W, C) of an image.
    steps
        Layers in order.
    arithmetic
        In which all layers compute; it is set here.
    heads
        Step of each head; the last step is the leaf head, and the only one, unless told otherwise.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        steps: tuple[Step, ...],
        *,
        arithmetic: Arithmetic = Arithmetic.AFFINE,
        heads: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.input_shape, self.arithmetic = input_shape, arithmetic
        self.steps = steps
        self.heads = dict(heads or {"leaf": steps[-1].name})
        self.modules_by_name = nn.ModuleDict({step.name: step.layer for step in steps})
        self.plan: PrecisionPlan | None = None
        self._last_read = {source: step.name for step in steps for source in step.sources}
        if len({layer.bit_list for layer in self.switchable.values()}) != 1:
            raise ValueError("layers offer different bits, expected the same in each")
        if len({layer.widths for layer in self.switchable.values()}) != 1:
            raise ValueError("layers offer different widths, expected the same in each")
        if self.widths != (1.0,) and arithmetic is not Arithmetic.AFFINE:
            raise ValueError(
                f"widths is {self.widths} in {arithmetic.value} arithmetic, expected affine: "
                "what batch norm makes of a width is no power of two"
            )
        for step in steps:
            if isinstance(step.layer, Ranged):
                step.layer.compute_in(arithmetic)

    @property
    def switchable(self) -> dict[str, SwitchableConv2d | SwitchableLinear]:
        """Layers that switch, by name, in network order."""
        kinds = (SwitchableConv2d, SwitchableLinear)
        return {step.name: step.layer for step in self.steps if isinstance(step.layer, kinds)}

    @property
    def bits(self) -> tuple[Bits, ...]:
        """Precisions that every layer offers, widest first."""
        return next(iter(self.switchable.values())).bit_list

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that switch, in network order."""
        return tuple(self.switchable)

    @property
    def widths(self) -> tuple[float, ...]:
        """Shares of the channels that can run, widest first."""
        return (1.0, *next(iter(self.switchable.values())).widths)

    def set_width(self, width: float) -> None:
        """Choose the width of the passes that follow; raises ValueError if there is none such."""
        if width not in self.widths:
            raise ValueError(f"width is {width}, expected one of {self.widths}")
        for layer in self.switchable.values():
            layer.width = width

    def set_plan(self, plan: PrecisionPlan | None) -> None:
        """Choose the bits of every layer for the passes that follow; None is plain float.

        Raises ValueError if the plan is for other layers.
        """
        if plan is not None and plan.layers != self.layers:
            raise ValueError(f"plan is for layers {plan.layers}, expected {self.layers}")
        self.plan = plan
        if plan is not None:
            for name, layer in self.switchable.items():
                layer.run_at(plan.bits_of(name))

    def forward(self, images: Tensor) -> Flow:
        """Run uint8 images (N, H, W, C) and return what the head writes, shape (N, classes)."""
        flows = {"input": self.read(images)}
        for step in self.steps:
            flows[step.name] = step.layer(*(flows[source] for source in step.sources))
            for source in self.read_last_by(step):
                flows.pop(source, None)
        return flows[self.heads["leaf"]]

    def answers(self, images: Tensor) -> dict[str, Tensor]:
        """Return the logits of each head as real values in any mode, shape (N, nodes)."""
        flows = self.trace(images)
        return {head: flows[step].real() for head, step in self.heads.items()}

    def read_last_by(self, step: Step) -> tuple[str, ...]:
        """Return what a step reads and no later one does."""
        return tuple(name for name in step.sources if self._last_read[name] == step.name)

    def scales(self) -> dict[str, float]:
        """Return the scale of what every step writes, `input` included."""
        return {name: flow.scale for name, flow in self._blank().items()}

    def sizes(self) -> dict[str, int]:
        """Return how many numbers every step writes for one image, `input` included."""
        return {name: flow.values.numel() for name, flow in self._blank().items()}

    def _blank(self) -> dict[str, Flow]:
        """Trace one black image."""
        device = next(self.parameters()).device
        with torch.no_grad():
            return self.trace(torch.zeros((1, *self.input_shape), dtype=torch.uint8).to(device))

    def trace(self, images: Tensor) -> dict[str, Flow]:
        """Return what every step writes, `input` included."""
        flows = {"input": self.read(images)}
        for step in self.steps:
            flows[step.name] = step.layer(*(flows[source] for source in step.sources))
        return flows

    def read(self, images: Tensor) -> Flow:
        """Turn pixels into codes for the exact passes, into real values for the others."""
        pixels = images.permute(0, 3, 1, 2)  # (N, C, H, W)
        quantised = Mode.FAKE if self.training else Mode.EXACT
        mode = Mode.FLOAT if self.plan is None else quantised
        exact = mode is Mode.EXACT
        values = (pixels.double() - 128) * 256 if exact else pixels.float() / 255
        return Flow(values, PIXEL_SCALE, CODE_MIN, mode)

    def set_ranges(self, greatest: Mapping[str, float]) -> None:
        """Fix the range of every output that has one, by step name."""
        for step in self.steps:
            if isinstance(step.layer, Ranged):
                step.layer.set_range(greatest[step.name])

    def graph(self) -> tuple[Node, ...]:
        """Describe the steps for the artifact."""
        return tuple(step.layer.node(step.name, step.sources) for step in self.steps)

    def in_arithmetic(self, arithmetic: Arithmetic) -> "SwitchableNetwork":
        """Return a copy that computes in another arithmetic; its ranges are to be set anew."""
        twin = SwitchableNetwork(
            self.input_shape, copy.deepcopy(self.steps), arithmetic=arithmetic, heads=self.heads
        )
        return twin.train(self.training)

    def head_real(self, images: Tensor) -> Tensor:
        """Return the logits as real values in any mode, shape (N, classes)."""
        flow: Flow = self(images)
        return flow.real()


def chain(*layers: tuple[str, Layer]) -> tuple[Step, ...]:
    """Connect layers one after another."""
    names = ["input", *(name for name, _ in layers)]
    return tuple(
        Step(name, layer, (source,))
        for (name, layer), source in zip(layers, names[:-1], strict=True)
    )
