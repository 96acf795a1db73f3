r"""The two arithmetics: which scales there are, and how codes are cut to fewer bits.

Both have one int16 weight tensor a layer and 16-bit activations, both cut b bits out of 16 by
adding a share of the b-bit step, the `carry`, and shifting right. Products, sums, requantisation
and rescaling are the same (`adaptive.quantise`): to an engine they differ in the carry alone.

`affine`
    The carry is half a step: b bits are rounded. Every output channel has a scale of its own, as
    fine as its weights allow; so has every signal.

`radix`
    What is made at 16 bits is rounded, and fewer bits are its high bits: `w8 = w16 >> 8`, and so
    for activations. The carry of b bits is half a 16-bit code, which no integer notices. Scales
    are powers of two, one for all weights of a layer; so requantisation is a shift, its
    multipliers are all 2^30. Two scales cannot be chosen: that of the image, whose pixels are
    codes, and that of an output that a ReLU6 caps, which ends at the cap; next to those the
    layer's weights take the scale that leaves a shift.

    An output of b bits is truncated by its bias, which holds `(carry - 1/2) / ratio` besides the
    real one: round half up of that is the floor, so `Requantiser` stays as it is.

    A layer may give each output channel a power of two of its own (`by_channel`). That too is
    shifts only, and mends most of what the one scale costs.
"""

from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

from adaptive.precision import Bits
from adaptive.quantise import WEIGHT_MAX, Floats, Integers, Requantiser, code_range

# A share by which the largest weight may pass the last code: it still rounds to it.
ROUNDED_AWAY = 2.0**-17
SHIFT_ONLY = 2**30
"""The multiplier that is a power of two."""


class Arithmetic(Enum):
    """How scales are chosen and bits are cut; the artifact says which."""

    AFFINE = "affine"
    RADIX = "radix"

    @property
    def by_channel(self) -> bool:
        """Whether output channels have scales of their own unless told otherwise."""
        return self is Arithmetic.AFFINE

    def carry(self, bits: Bits) -> float:
        """Return what is added before all but the b high bits are dropped, in b-bit steps."""
        return 0.5 if self is Arithmetic.AFFINE else 2.0 ** (bits - 17)

    def narrow_codes(self, codes: ArrayLike, bits: Bits) -> Integers:
        """Take the b-bit activation out of 16-bit codes."""
        return np.minimum(self._cut(codes, bits), code_range(bits)[1])

    def narrow_weights(self, codes: ArrayLike, bits: Bits) -> Integers:
        """Take the b-bit weights out of the int16 codes."""
        return np.clip(self._cut(codes, bits), *self.weight_range(bits))

    def weight_range(self, bits: Bits) -> tuple[int, int]:
        """Return the least and greatest weight of b bits: alike only where bits are rounded."""
        greatest = WEIGHT_MAX if bits == Bits.INT16 else 2 ** (bits - 1) - 1
        truncated = self is Arithmetic.RADIX and bits != Bits.INT16
        return -greatest - truncated, greatest

    def _cut(self, codes: ArrayLike, bits: Bits) -> Integers:
        """Drop all but the b high bits."""
        carry = np.int64(self.carry(bits) * 2 ** (16 - bits))  # half a code is none
        return (np.asarray(codes, dtype=np.int64) + carry) >> np.int64(16 - bits)

    def signal_scale(self, least: float) -> float:
        """Return the scale of a signal whose codes need one of at least `least`."""
        return least if self is Arithmetic.AFFINE else float(power_of_two_above(least))

    def weight_scales(self, least: ArrayLike, ratio: float, *, by_channel: bool) -> Floats:
        """Return the weight scales of a layer, shape (C,).

        Parameters
        ----------
        least
            What each channel's weights need (`adaptive.quantise.weight_scales`), shape (C,).
        ratio
            Scale of what the layer reads over the scale of what it writes.
        by_channel
            Whether each channel may have its own; affine ones always have.
        """
        needed = np.asarray(least, dtype=np.float64)
        if self is Arithmetic.AFFINE:
            return needed
        needed = needed if by_channel else np.full_like(needed, needed.max())
        return np.asarray(power_of_two_above(needed * ratio * (1 - ROUNDED_AWAY)) / ratio)

    def requantiser(
        self, ratio: ArrayLike, bias: ArrayLike, *, bits: Bits, zero: int, relu: bool
    ) -> Requantiser:
        """Choose the integers of an output; parameters and errors as `Requantiser.from_real`."""
        shifted = np.asarray(bias) + self.cut_by_bias(ratio, bits)
        return Requantiser.from_real(ratio, shifted, bits=bits, zero=zero, relu=relu)

    def cut_by_bias(self, ratio: ArrayLike, bits: Bits) -> Floats:
        """Return the bias that makes rounding to b bits a cut, in accumulator units."""
        return np.asarray((self.carry(bits) - 0.5) / np.asarray(ratio, dtype=np.float64))


def power_of_two_above(values: ArrayLike) -> Floats:
    """Return the least powers of two that are not below the values, all above 0."""
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    return np.asarray(np.ldexp(1.0, exponent - (mantissa == 0.5)))
