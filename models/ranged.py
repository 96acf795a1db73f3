"""What layers share whose output codes have a range of their own."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptive.arithmetic import Arithmetic
from adaptive.precision import Bits
from adaptive.quantise import CODE_MAX, CODE_MIN
from models.fake_quant import fake_quantise_activation
from models.flow import Flow, Mode


class Ranged(nn.Module):
    """A layer that writes codes on a scale of its own.

    Parameters
    ----------
    relu
        Clamp the output at zero.
    signed
        Whether outputs may be negative; those that may not use every code above zero.
    ceiling
        Greatest output, as of a ReLU6. Codes saturate at the end of the range, which is never
        set above it; so a network loaded from an artifact needs it no more.
    """

    output_scale: Tensor
    arithmetic: Arithmetic
    """Which scales there are."""
    cut: Arithmetic
    """How fewer bits are cut in a fake pass: as in the arithmetic, unless to see what it costs."""

    def __init__(self, *, relu: bool, signed: bool, ceiling: float | None = None) -> None:
        super().__init__()
        self.register_buffer("output_scale", torch.tensor(1.0 / CODE_MAX, dtype=torch.float64))
        self.relu, self.signed, self.ceiling = relu, signed, ceiling
        self.arithmetic = self.cut = Arithmetic.AFFINE

    def compute_in(self, arithmetic: Arithmetic) -> None:
        """Set the arithmetic; ranges are to be set anew."""
        self.arithmetic = self.cut = arithmetic

    @property
    def reach(self) -> float:
        """The magnitude at which codes end."""
        return float(self.output_scale) * (CODE_MAX - self.zero)

    @property
    def zero(self) -> int:
        """Zero point of the output: the least code where nothing is negative."""
        return 0 if self.signed else CODE_MIN

    def set_range(self, greatest: float) -> None:
        """Let the output codes reach a magnitude of `greatest`, or end at the ceiling."""
        codes = CODE_MAX - self.zero
        scale = self.arithmetic.signal_scale(greatest / codes)
        self.output_scale.fill_(scale if self.ceiling is None else min(scale, self.ceiling / codes))

    def flow_of(self, values: Tensor, mode: Mode, bits: Bits) -> Flow:
        """Clamp values, round them to b bits in a fake pass, and say what they mean."""
        scale = float(self.output_scale)
        if mode is Mode.FAKE:
            values = fake_quantise_activation(
                values,
                scale=scale,
                zero=self.zero,
                bits=bits,
                relu=self.relu,
                arithmetic=self.cut,
            )
        elif mode is Mode.FLOAT:
            values = functional.relu(values) if self.relu else values
            values = values if self.ceiling is None else values.clamp(max=self.ceiling)
        return Flow(values, scale, self.zero, mode)
