r"""Integer arithmetic: the specification every engine equals bit for bit.

Weights
    One int16 tensor a layer, symmetric, with codes within +-32639: `real = s * code`. The weight
    of b bits is `(code + carry) >> (16-b)`, clamped to `Arithmetic.weight_range`; at 8 bits that
    needs no clamp.

Activations
    16-bit codes within -32768..32639 and `real = s * (code - zero)`. The b-bit activation is
    `(code + carry) >> (16-b)`, clamped to 2^(b-1) - 1, at scale `2^(16-b) s` and zero point
    `zero / 2^(16-b)`; so `zero` is a multiple of 256 (of 4096 where 4 bits are used).

Arithmetics
    The carry is 2^(15-b) in "affine", which rounds: an 8-bit weight is the high byte plane of the
    code plus a half. It is 0 in "radix", which truncates: an 8-bit weight is the high byte itself,
    -128..127. Nothing else differs for an engine; see `adaptive.arithmetic` for the scales.

Layer at b bits
    `acc = sum (x_b - zero_b) * w_b`, exact; padding counts as zero, or as codes that are cut to b
    bits like any other. Then `Requantiser`.

Sums, joins and averages of signals
    16-bit codes in and out, whatever the precision of the layers around them. Sums and joins are
    in int32 throughout: `Rescaler`. Averages: `Requantiser`.

Rounding
    One rule everywhere else: add half, then shift right arithmetically (round half up).
    Only the making of weight codes from real numbers rounds half to even.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaptive.precision import Bits

CODE_MIN = -32768
CODE_MAX = 32639
WEIGHT_MAX = 32639
EXACT_BELOW = 2**53
"""Sums below this are exact in float64, in any order of summation."""

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
# Together they keep a sum of two rescaled codes within int32.
MULTIPLIER_MAX, SHIFT_MAX = 2**14, 22
# A channel weaker than this share of its tensor's largest weight is rounded on the floor's scale.
SCALE_FLOOR = 2.0**-24

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def rounding_shift(values: ArrayLike, shift: ArrayLike) -> Integers:
    """Divide by 2^shift and round half up, in integers; a shift of 0 changes nothing."""
    shifts = np.asarray(shift, dtype=np.int64)
    half = (np.int64(1) << shifts) >> np.int64(1)
    return (np.asarray(values, dtype=np.int64) + half) >> shifts


def code_range(bits: Bits) -> tuple[int, int]:
    """Return the least and greatest activation code of b bits."""
    return -(2 ** (bits - 1)), CODE_MAX if bits == Bits.INT16 else 2 ** (bits - 1) - 1


def widen_codes(codes: ArrayLike, bits: Bits) -> Integers:
    """Write b-bit activations as 16-bit codes: the low bits are zero."""
    return np.asarray(codes, dtype=np.int64) << np.int64(16 - bits)


def weight_scales(weights: ArrayLike) -> Floats:
    """Return what scale each output channel, the first axis, needs: largest magnitude / 32639."""
    values = np.abs(np.asarray(weights, dtype=np.float64))
    if not np.all(np.isfinite(values)):
        raise ValueError("weights holds a value that is not finite")
    largest = values.reshape(len(values), -1).max(axis=1)
    floor = SCALE_FLOOR * largest.max() or 1.0
    return np.asarray(np.maximum(largest, floor) / WEIGHT_MAX, dtype=np.float64)


def weight_codes(weights: ArrayLike, scales: ArrayLike) -> NDArray[np.int16]:
    """Round real weights (Cout, ...) to int16 codes on the scale of their output channel."""
    values = np.asarray(weights, dtype=np.float64)
    steps = np.asarray(scales, dtype=np.float64).reshape(-1, *[1] * (values.ndim - 1))
    return np.clip(np.rint(values / steps), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int16)


def largest_sum(terms: int) -> int:
    """Bound the magnitude of an accumulator of so many products, at 16 bits."""
    return terms * (CODE_MAX - CODE_MIN) * WEIGHT_MAX


@dataclass(frozen=True, slots=True, eq=False)
class Requantiser:
    r"""Turn exact accumulators into the codes of the next layer, with integers only.

    For each channel: `acc + bias` -> rounding shift by `pre_shift` -> saturate to int32 -> times
    `multiplier` -> rounding shift by `shift` -> plus the zero point -> clamp; then b-bit codes are
    written as 16-bit codes with `out << (16 - b)`.

    Parameters
    ----------
    bias
        In units of the accumulator, int64, shape (C,).
    multiplier
        Mantissa, int32, 2^30 <= multiplier < 2^31, shape (C,).
    pre_shift, shift
        Right shifts, uint8, shape (C,); 0..62 and 1..62.
    bits
        Width of the output codes.
    zero
        Zero point of the output, as a 16-bit code.
    relu
        Clamp from below at the zero point rather than at the least code.

    Notes
    -----
    Limits: within half a code plus 1e-4 of the real result, before the clamp.
    """

    bias: NDArray[np.int64]
    multiplier: NDArray[np.int32]
    pre_shift: NDArray[np.uint8]
    shift: NDArray[np.uint8]
    bits: Bits
    zero: int
    relu: bool

    def __post_init__(self) -> None:
        wanted = {"bias": "int64", "multiplier": "int32", "pre_shift": "uint8", "shift": "uint8"}
        for field, dtype in wanted.items():
            array = getattr(self, field)
            if array.dtype != np.dtype(dtype) or array.shape != (self.bias.size,):
                raise ValueError(
                    f"{field} is {array.dtype} of shape {array.shape}, "
                    f"expected {dtype} of shape ({self.bias.size},)"
                )
        if np.any(self.bias <= -EXACT_BELOW // 2) or np.any(self.bias >= EXACT_BELOW // 2):
            raise ValueError("bias is beyond 2^52, expected a smaller magnitude")
        if np.any(self.multiplier < 2**30):
            raise ValueError(f"multiplier is {self.multiplier.min()}, expected 2^30 or more")
        if np.any(self.pre_shift > 62) or np.any(self.shift > 62) or np.any(self.shift < 1):
            raise ValueError("a shift is out of range, expected pre_shift 0..62 and shift 1..62")
        if not CODE_MIN <= self.zero <= CODE_MAX or self.zero % 2 ** (16 - self.bits):
            raise ValueError(
                f"zero is {self.zero}, expected a code divisible by {2 ** (16 - self.bits)}"
            )

    @property
    def ratio(self) -> Floats:
        """What accumulators are multiplied by, shape (C,)."""
        exponent = -self.pre_shift.astype(np.int64) - self.shift
        return np.asarray(np.ldexp(self.multiplier.astype(np.float64), exponent))

    @classmethod
    def from_real(
        cls, ratio: ArrayLike, bias: ArrayLike, *, bits: Bits, zero: int, relu: bool
    ) -> "Requantiser":
        """Choose the integers for `out = zero_b + ratio * (acc + bias)` in b-bit codes.

        Parameters
        ----------
        ratio
            Accumulator scale / output scale at b bits, above 0, shape (C,).
        bias
            In units of the accumulator, shape (C,); rounded here.
        bits, zero, relu
            As for the class.

        Raises
        ------
        ValueError
            If a ratio or a bias is out of range.
        """
        ratios = np.atleast_1d(np.asarray(ratio, dtype=np.float64))
        biases = np.broadcast_to(np.asarray(bias, dtype=np.float64), ratios.shape)
        if not np.all((ratios > 2.0**-45) & (ratios < 2.0**29)):
            raise ValueError(f"ratio is {ratios}, expected 2^-45 to 2^29")
        if not np.all(np.abs(biases) < EXACT_BELOW // 2):
            raise ValueError("bias is beyond 2^52 accumulator units, expected a smaller magnitude")
        # The accumulators that reach the last code must fit int32; larger ones clamp anyway.
        _, exponent = np.frexp(2.0**bits / ratios)
        pre_shift = np.maximum(exponent - 31, 0)
        mantissa, exponent = np.frexp(np.ldexp(ratios, pre_shift))
        multiplier = np.rint(np.ldexp(mantissa, 31))
        carried = multiplier == 2.0**31
        multiplier = np.where(carried, 2.0**30, multiplier)
        return cls(
            bias=np.rint(biases).astype(np.int64),
            multiplier=multiplier.astype(np.int32),
            pre_shift=pre_shift.astype(np.uint8),
            shift=(31 - exponent - carried).astype(np.uint8),
            bits=bits,
            zero=zero,
            relu=relu,
        )

    def apply(self, accumulators: ArrayLike) -> NDArray[np.int32]:
        """Requantise accumulators (..., C) to 16-bit codes of the same shape, held as int32."""
        total = np.asarray(accumulators, dtype=np.int64) + self.bias
        value = np.clip(rounding_shift(total, self.pre_shift), INT32_MIN, INT32_MAX)
        value = rounding_shift(value * self.multiplier.astype(np.int64), self.shift)
        least, greatest = self.limits
        value = np.clip(value + (self.zero >> (16 - self.bits)), least, greatest)
        return widen_codes(value, self.bits).astype(np.int32)

    @property
    def limits(self) -> tuple[int, int]:
        """Least and greatest output code of b bits, with the clamp of a ReLU."""
        least, greatest = code_range(self.bits)
        return max(least, self.zero >> (16 - self.bits)) if self.relu else least, greatest


@dataclass(frozen=True, slots=True)
class Rescaler:
    r"""Bring the codes of one or two signals to one scale, and sum them, in int32 alone.

    `sum multiplier_i * (code_i - zero_i)` -> rounding shift by `shift` -> plus the zero point of
    the output -> clamp to 16-bit codes.

    Parameters
    ----------
    multipliers
        One for each signal, 0 to 2^14.
    shift
        Right shift, 0 to 22.
    zeros
        Zero point of each signal.
    zero
        Zero point of the output.
    relu
        Clamp from below at the zero point.

    Notes
    -----
    With two signals the sum and its half stay below 2^31, and codes and multipliers fit int16: one
    multiply-add of pairs does it. Limits: a multiplier is rounded, so each signal's share is wrong
    by up to `2^-(shift + 1)` of its code: at most two codes where it is the larger one and fills
    the output's range. Equal scales are exact.
    """

    multipliers: tuple[int, ...]
    shift: int
    zeros: tuple[int, ...]
    zero: int
    relu: bool

    @classmethod
    def from_scales(
        cls, sources: Sequence[tuple[float, int]], scale: float, *, zero: int, relu: bool
    ) -> "Rescaler":
        """Choose the integers for signals of these scales and zero points.

        Raises
        ------
        ValueError
            If there are none or more than two, or one is above 2^14 times the output's scale.
        """
        if not 1 <= len(sources) <= 2:
            raise ValueError(f"sources has {len(sources)} signals, expected one or two")
        ratios = [source_scale / scale for source_scale, _ in sources]
        if max(ratios) > MULTIPLIER_MAX:
            raise ValueError(f"scale ratio is {max(ratios)}, expected at most {MULTIPLIER_MAX}")
        shift = SHIFT_MAX
        while max(ratios) * 2.0**shift > MULTIPLIER_MAX:
            shift -= 1
        multipliers = tuple(round(ratio * 2.0**shift) for ratio in ratios)
        return cls(multipliers, shift, tuple(zero for _, zero in sources), zero, relu)

    def apply(self, *signals: ArrayLike) -> NDArray[np.int32]:
        """Rescale and sum 16-bit codes of one shape; the result is 16-bit codes too."""
        constants = zip(signals, self.multipliers, self.zeros, strict=True)
        total = sum(m * (np.asarray(codes, dtype=np.int64) - z) for codes, m, z in constants)
        least = self.zero if self.relu else CODE_MIN
        value = rounding_shift(total, self.shift) + self.zero
        return np.clip(value, least, CODE_MAX).astype(np.int32)
