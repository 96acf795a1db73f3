"""Quantisation in torch: in float with straight-through gradients, and exactly, in integers.

The exact functions are the counterparts of those in `adaptive.quantise`. They hold integers in
float64 tensors, which is exact below 2^53, except where a product needs all of int64.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from adaptive.arithmetic import Arithmetic
from adaptive.precision import Bits
from adaptive.quantise import (
    CODE_MAX,
    CODE_MIN,
    INT32_MAX,
    INT32_MIN,
    SCALE_FLOOR,
    WEIGHT_MAX,
    Requantiser,
    Rescaler,
    code_range,
)


def straight_through(value: Tensor, rounded: Tensor) -> Tensor:
    """Return `rounded` with the gradient of `value`."""
    return value + (rounded - value).detach()


class _RoundToGrid(torch.autograd.Function):
    """Round to multiples of a step and clamp; one function, because separate ones are slow."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        values: Tensor,
        step: float,
        carry: float,
        least: float,
        greatest: float,
    ) -> Tensor:
        """Add the carry and cut to multiples of `step`, within `least` to `greatest` of them."""
        steps = (values / step).add_(carry).floor_()
        if ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
            ctx.save_for_backward((steps >= least) & (steps <= greatest))
        return steps.clamp_(least, greatest).mul_(step)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        """Pass the gradient where the value was in range."""
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None, None, None


def fake_quantise_activation(
    values: Tensor,
    *,
    scale: float,
    zero: int,
    bits: Bits,
    relu: bool = False,
    arithmetic: Arithmetic = Arithmetic.AFFINE,
) -> Tensor:
    """Round or cut real values to the b-bit codes of a signal, and clamp them to its range.

    Parameters
    ----------
    values
        Real values, any shape.
    scale, zero
        Of the signal's 16-bit codes.
    bits
        Width of the codes.
    relu
        Clamp from below at zero.
    arithmetic
        How bits are cut.

    Notes
    -----
    The gradient is one within the range and zero outside. Limits: in float32 a value within 1e-7
    of a tie may go either way; the exact functions decide.
    """
    least, greatest = code_range(bits)
    offset = zero >> (16 - bits)
    least = max(least, offset) if relu else least
    step = scale * 2.0 ** (16 - bits)
    rounded: Tensor = _RoundToGrid.apply(  # type: ignore[no-untyped-call]
        values, step, arithmetic.carry(bits), least - offset, greatest - offset
    )
    return rounded


def channel_scales(weight: Tensor) -> Tensor:
    """Choose the scale of each output channel as `adaptive.quantise.weight_scales` does."""
    largest = weight.detach().abs().flatten(1).amax(dim=1).double()
    floor = SCALE_FLOOR * largest.max()
    return largest.clamp(min=float(floor) or 1.0) / WEIGHT_MAX


def fake_quantise_weight(
    weight: Tensor, scales: Tensor, bits: Bits, *, arithmetic: Arithmetic = Arithmetic.AFFINE
) -> Tensor:
    """Round weights (Cout, ...) to int16 codes, and cut b bits; scales has shape (Cout,)."""
    steps = scales.to(weight.dtype).reshape(-1, *[1] * (weight.ndim - 1))
    codes = torch.round(weight / steps).clamp(-WEIGHT_MAX, WEIGHT_MAX)
    narrow = narrow_weights(codes, bits, arithmetic) * 2.0 ** (16 - bits)
    return straight_through(weight, narrow * steps)


def narrow_codes(codes: Tensor, bits: Bits, arithmetic: Arithmetic) -> Tensor:
    """Take the b-bit activation out of 16-bit codes, exactly."""
    return _cut(codes, bits, arithmetic).clamp(max=code_range(bits)[1])


def narrow_weights(codes: Tensor, bits: Bits, arithmetic: Arithmetic) -> Tensor:
    """Take the b-bit weights out of the int16 codes, exactly."""
    return _cut(codes, bits, arithmetic).clamp(*arithmetic.weight_range(bits))


def _cut(codes: Tensor, bits: Bits, arithmetic: Arithmetic) -> Tensor:
    """Drop all but the b high bits."""
    return torch.floor(codes / 2 ** (16 - bits) + arithmetic.carry(bits))


def rounding_shift(values: Tensor, shift: Tensor) -> Tensor:
    """Divide int64 values by 2^shift and round half up."""
    half = torch.bitwise_right_shift(torch.bitwise_left_shift(torch.ones_like(shift), shift), 1)
    return torch.bitwise_right_shift(values + half, shift)


def requantise(accumulators: Tensor, requantiser: Requantiser) -> Tensor:
    """Apply a requantiser to exact accumulators, shape (N, C) or (N, C, H, W).

    Returns 16-bit codes, in float64.
    """
    shape = (-1, *[1] * (accumulators.ndim - 2))
    device = accumulators.device

    def channels(vector: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Tensor:
        return torch.from_numpy(vector.astype(np.int64)).reshape(shape).to(device)

    bits, least_greatest = requantiser.bits, requantiser.limits
    total = accumulators.to(torch.int64) + channels(requantiser.bias)
    value = rounding_shift(total, channels(requantiser.pre_shift)).clamp(INT32_MIN, INT32_MAX)
    value = value * channels(requantiser.multiplier)
    value = rounding_shift(value, channels(requantiser.shift)) + (requantiser.zero >> (16 - bits))
    return value.clamp(*least_greatest).to(torch.float64) * 2.0 ** (16 - bits)


def rescale(signals: Sequence[Tensor], rescaler: Rescaler) -> Tensor:
    """Apply a rescaler to 16-bit codes of one shape; returns 16-bit codes, in float64.

    Every step is an integer below 2^32, or one of those by a power of two: exact in float64.
    """
    total = torch.zeros_like(signals[0])
    for codes, multiplier, zero in zip(signals, rescaler.multipliers, rescaler.zeros, strict=True):
        total = total + multiplier * (codes - zero)
    least = rescaler.zero if rescaler.relu else CODE_MIN
    value = torch.floor(total / 2.0**rescaler.shift + 0.5) + rescaler.zero
    return value.clamp(least, CODE_MAX)
