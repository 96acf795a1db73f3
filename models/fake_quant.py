"""Quantisation in torch: in float with straight-through gradients, and exactly, in integers.

The exact functions are the counterparts of those in `adaptive.quantise`. They hold integers in
float64 tensors, which is exact below 2^53, except where a product needs all of int64.
"""

import numpy as np
import torch
from torch import Tensor

from adaptive.precision import Bits
from adaptive.quantise import (
    INT32_MAX,
    INT32_MIN,
    WEIGHT_MAX,
    Requantiser,
    code_range,
)


def straight_through(value: Tensor, rounded: Tensor) -> Tensor:
    """Return `rounded` with the gradient of `value`."""
    return value + (rounded - value).detach()


def fake_quantise_activation(
    values: Tensor, *, scale: float, zero: int, bits: Bits, relu: bool = False
) -> Tensor:
    """Round real values to the b-bit codes of a signal, and clamp them to its range.

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

    Notes
    -----
    Rounds half up. The gradient is one within the range and zero outside. Limits: in float32 a
    value within 1e-7 of a tie may go either way; the exact functions decide.
    """
    step = scale * 2.0 ** (16 - bits)
    least, greatest = code_range(bits)
    offset = zero >> (16 - bits)
    least = max(least, offset) if relu else least
    clamped = values.clamp((least - offset) * step, (greatest - offset) * step)
    return straight_through(clamped, torch.floor(clamped / step + 0.5) * step)


def fake_quantise_weight(weight: Tensor, scales: Tensor, bits: Bits) -> Tensor:
    """Round weights (Cout, ...) to int16 codes, and those to b bits; scales has shape (Cout,)."""
    steps = scales.to(weight.dtype).reshape(-1, *[1] * (weight.ndim - 1))
    codes = torch.round(weight / steps).clamp(-WEIGHT_MAX, WEIGHT_MAX)
    narrow = narrow_weights(codes, bits) * 2.0 ** (16 - bits)
    return straight_through(weight, narrow * steps)


def narrow_codes(codes: Tensor, bits: Bits) -> Tensor:
    """Take the b-bit activation out of 16-bit codes, exactly."""
    step = 2 ** (16 - bits)
    return torch.floor((codes + step // 2) / step).clamp(max=code_range(bits)[1])


def narrow_weights(codes: Tensor, bits: Bits) -> Tensor:
    """Take the b-bit weights out of the int16 codes, exactly."""
    step = 2 ** (16 - bits)
    limit = WEIGHT_MAX if bits == Bits.INT16 else 2 ** (bits - 1) - 1
    return torch.floor((codes + step // 2) / step).clamp(-limit, limit)


def rounding_shift(values: Tensor, shift: Tensor) -> Tensor:
    """Divide int64 values by 2^shift and round half up."""
    half = torch.bitwise_right_shift(torch.bitwise_left_shift(torch.ones_like(shift), shift), 1)
    return torch.bitwise_right_shift(values + half, shift)


def requantise(accumulators: Tensor, requantiser: Requantiser) -> Tensor:
    """Apply a requantiser to exact accumulators, shape (N, C) or (N, C, H, W).

    Returns 16-bit codes, in float64.
    """
    shape = (-1, *[1] * (accumulators.ndim - 2))

    def channels(vector: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Tensor:
        return torch.from_numpy(vector.astype(np.int64)).reshape(shape)

    bits, least_greatest = requantiser.bits, requantiser.limits
    total = accumulators.to(torch.int64) + channels(requantiser.bias)
    value = rounding_shift(total, channels(requantiser.pre_shift)).clamp(INT32_MIN, INT32_MAX)
    value = value * channels(requantiser.multiplier)
    value = rounding_shift(value, channels(requantiser.shift)) + (requantiser.zero >> (16 - bits))
    return value.clamp(*least_greatest).to(torch.float64) * 2.0 ** (16 - bits)
