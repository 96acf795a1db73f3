"""A network of switchable layers: named steps, and one precision plan for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from adaptive.graph import Node
from adaptive.precision import Bits, PrecisionPlan
from adaptive.quantise import CODE_MIN
from models.flow import Flow
from models.layers import SwitchableConv2d, SwitchableLinear
from models.pooling import Flattening, GlobalAveraging, MaxPooling

Layer = SwitchableConv2d | SwitchableLinear | MaxPooling | GlobalAveraging | Flattening
Ranged = (SwitchableConv2d, SwitchableLinear, GlobalAveraging)
PIXEL_SCALE = 1.0 / (255 * 256)
"""Real value of one 16-bit input code: pixels 0..255 stand for 0..1."""


@dataclass(frozen=True, slots=True)
class Step:
    """One layer, its name and the name of the step it reads; `input` is the image."""

    name: str
    layer: Layer
    source: str


class SwitchableNetwork(nn.Module):
    """Runs its steps in order at the active precision plan; None means plain float.

    Parameters
    ----------
    input_shape
        (H, W, C) of an image.
    steps
        Layers in order; the last one is the leaf head.
    """

    def __init__(self, input_shape: tuple[int, int, int], steps: tuple[Step, ...]) -> None:
        super().__init__()
        self.input_shape = input_shape
        self.steps = steps
        self.modules_by_name = nn.ModuleDict({step.name: step.layer for step in steps})
        self.plan: PrecisionPlan | None = None

    @property
    def switchable(self) -> dict[str, SwitchableConv2d | SwitchableLinear]:
        """Layers that switch, by name, in network order."""
        kinds = (SwitchableConv2d, SwitchableLinear)
        return {step.name: step.layer for step in self.steps if isinstance(step.layer, kinds)}

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that switch, in network order."""
        return tuple(self.switchable)

    def set_plan(self, plan: PrecisionPlan | None) -> None:
        """Choose the bits of every layer for the passes that follow; None is plain float.

        Raises ValueError if the plan is for other layers.
        """
        if plan is not None and plan.layers != self.layers:
            raise ValueError(f"plan is for layers {plan.layers}, expected {self.layers}")
        self.plan = plan
        for name, layer in self.switchable.items():
            layer.run_at(None if plan is None else plan.bits_of(name))
        for step in self.steps:
            if isinstance(step.layer, GlobalAveraging):
                step.layer.run_at(None if plan is None else Bits.INT16)

    def forward(self, images: Tensor) -> Flow:
        """Run uint8 images (N, H, W, C) and return what the head writes, shape (N, classes)."""
        return self.trace(images)[self.steps[-1].name]

    def trace(self, images: Tensor) -> dict[str, Flow]:
        """Return what every step writes, `input` included."""
        flows = {"input": self._input(images)}
        for step in self.steps:
            flows[step.name] = step.layer(flows[step.source])
        return flows

    def _input(self, images: Tensor) -> Flow:
        """Turn pixels into codes for the exact passes, into real values for the others."""
        pixels = images.permute(0, 3, 1, 2)  # (N, C, H, W)
        exact = self.plan is not None and not self.training
        values = (pixels.double() - 128) * 256 if exact else pixels.float() / 255
        return Flow(values, PIXEL_SCALE, CODE_MIN)

    def set_ranges(self, greatest: Mapping[str, float]) -> None:
        """Fix the range of every output that has one, by step name."""
        for step in self.steps:
            if isinstance(step.layer, Ranged):
                step.layer.set_range(greatest[step.name])

    def graph(self) -> tuple[Node, ...]:
        """Describe the steps for the artifact."""
        return tuple(step.layer.node(step.name, step.source) for step in self.steps)

    def head_real(self, images: Tensor) -> Tensor:
        """Return the logits as real values in any mode, shape (N, classes)."""
        flow = self(images)
        exact = self.plan is not None and not self.training
        result: Tensor = flow.real() if exact else flow.values
        return result


def chain(*layers: tuple[str, Layer]) -> tuple[Step, ...]:
    """Connect layers one after another."""
    names = ["input", *(name for name, _ in layers)]
    return tuple(
        Step(name, layer, source) for (name, layer), source in zip(layers, names[:-1], strict=True)
    )
