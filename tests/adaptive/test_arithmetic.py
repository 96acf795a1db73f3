from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.arithmetic import SHIFT_ONLY, Arithmetic, power_of_two_above
from adaptive.precision import Bits
from adaptive.quantise import (
    CODE_MAX,
    CODE_MIN,
    WEIGHT_MAX,
    code_range,
    weight_codes,
    weight_scales,
    widen_codes,
)

AFFINE, RADIX = Arithmetic.AFFINE, Arithmetic.RADIX
ALL_CODES = np.arange(CODE_MIN, CODE_MAX + 1)
ALL_WEIGHTS = np.arange(-WEIGHT_MAX, WEIGHT_MAX + 1)
EVERY = pytest.mark.parametrize("bits", list(Bits))
EITHER = pytest.mark.parametrize("arithmetic", list(Arithmetic))
EXPONENTS = st.floats(-20.0, 20.0).map(lambda e: 2.0**e)


def nearest(code: int, bits: Bits) -> int:
    return floor(Fraction(code, 2 ** (16 - bits)) + Fraction(1, 2))


def test_the_eight_bit_affine_weight_is_the_high_byte_of_the_code_plus_a_half() -> None:
    high = AFFINE.narrow_weights(ALL_WEIGHTS, Bits.INT8)
    low = ALL_WEIGHTS - 256 * high
    assert (high.min(), high.max()) == (-127, 127)
    assert (low.min(), low.max()) == (-128, 127)


def test_the_eight_bit_radix_weight_is_the_high_byte_of_the_code() -> None:
    high = RADIX.narrow_weights(ALL_WEIGHTS, Bits.INT8)
    low = ALL_WEIGHTS - 256 * high
    assert (high.min(), high.max()) == (-128, 127)
    assert (low.min(), low.max()) == (0, 255)
    as_bytes = ALL_WEIGHTS.astype("<i2").view(np.int8).reshape(-1, 2)
    np.testing.assert_array_equal(high, as_bytes[:, 1])


@EVERY
def test_affine_weights_are_the_nearest_ones_within_their_range(bits: Bits) -> None:
    limit = WEIGHT_MAX if bits == Bits.INT16 else 2 ** (bits - 1) - 1
    expected = [min(max(nearest(int(w), bits), -limit), limit) for w in ALL_WEIGHTS[::7]]
    assert AFFINE.narrow_weights(ALL_WEIGHTS[::7], bits).tolist() == expected


@EVERY
def test_affine_codes_are_the_nearest_ones_within_their_range(bits: Bits) -> None:
    narrow = AFFINE.narrow_codes(ALL_CODES, bits)
    assert (narrow.min(), narrow.max()) == code_range(bits)
    expected = [min(nearest(int(c), bits), code_range(bits)[1]) for c in ALL_CODES[::7]]
    assert narrow[::7].tolist() == expected


@EVERY
def test_radix_takes_the_high_bits_of_codes_and_weights(bits: Bits) -> None:
    high = ALL_CODES >> (16 - bits)
    np.testing.assert_array_equal(RADIX.narrow_codes(ALL_CODES, bits), high)
    np.testing.assert_array_equal(RADIX.narrow_weights(ALL_WEIGHTS, bits), high[129:])


@EVERY
@EITHER
def test_widened_codes_narrow_to_themselves_and_stay_in_range(
    bits: Bits, arithmetic: Arithmetic
) -> None:
    least, greatest = code_range(bits)
    codes = np.arange(least, greatest + 1)
    wide = widen_codes(codes, bits)
    np.testing.assert_array_equal(arithmetic.narrow_codes(wide, bits), codes)
    assert wide.min() >= CODE_MIN
    assert wide.max() <= CODE_MAX


@pytest.mark.parametrize(("arithmetic", "furthest"), [(AFFINE, 1), (RADIX, 0)])
def test_four_bits_cut_from_eight_differ_from_four_bits_by_a_tie_at_most(
    arithmetic: Arithmetic, furthest: int
) -> None:
    direct = arithmetic.narrow_codes(ALL_CODES, Bits.INT4)
    eight = widen_codes(arithmetic.narrow_codes(ALL_CODES, Bits.INT8), Bits.INT8)
    nested = arithmetic.narrow_codes(eight, Bits.INT4)
    assert np.abs(direct - nested).max() == furthest
    assert np.mean(direct != nested) < 0.04


@given(EXPONENTS)
def test_the_power_of_two_above_is_the_least_that_is_not_below(value: float) -> None:
    power = float(power_of_two_above(value))
    assert np.frexp(power)[0] == 0.5
    assert power / 2 < value <= power
    assert float(power_of_two_above(power)) == power


@given(st.integers(0, 2**32 - 1), EXPONENTS, st.booleans())
def test_radix_weights_fill_at_least_half_their_codes_and_leave_a_shift(
    seed: int, ratio: float, by_channel: bool
) -> None:
    weights = np.random.default_rng(seed).normal(0, 1, (4, 9)) * [[1], [2], [0.1], [3]]
    needed = weight_scales(weights)
    scales = RADIX.weight_scales(needed, ratio, by_channel=by_channel)
    shifts = np.log2(scales * ratio)
    np.testing.assert_allclose(shifts, np.rint(shifts), atol=1e-9)
    codes = np.abs(weight_codes(weights, scales)).max(axis=1)
    assert WEIGHT_MAX // 2 <= codes.max() <= WEIGHT_MAX
    if by_channel:
        assert codes.min() >= WEIGHT_MAX // 2
    else:
        assert np.ptp(scales) == 0.0
    real = weight_codes(weights, scales) * scales[:, None]
    np.testing.assert_allclose(real, weights, atol=scales.max() * 0.501)


@given(st.integers(0, 2**32 - 1), EXPONENTS)
def test_affine_scales_are_what_the_weights_need(seed: int, ratio: float) -> None:
    needed = weight_scales(np.random.default_rng(seed).normal(0, 1, (4, 9)))
    scales = AFFINE.weight_scales(needed, ratio, by_channel=True)
    np.testing.assert_array_equal(scales, needed)
    assert AFFINE.signal_scale(0.3) == 0.3
    assert RADIX.signal_scale(0.3) == 0.5


@given(
    st.integers(-20, -1),
    st.integers(-(2**20), 2**20),
    st.integers(-(2**27), 2**27),
    st.sampled_from(list(Bits)),
    st.sampled_from([CODE_MIN, 0]),
    st.booleans(),
)
def test_a_radix_output_is_the_high_bits_of_the_rounded_sixteen_bit_one(
    exponent: int, bias: int, accumulator: int, bits: Bits, zero: int, relu: bool
) -> None:
    ratio = 2.0**exponent
    narrow = RADIX.requantiser(ratio, bias, bits=bits, zero=zero, relu=relu)
    assert narrow.multiplier.tolist() == [SHIFT_ONLY]
    sixteen = floor(Fraction(ratio) * 2 ** (16 - bits) * (accumulator + bias) + Fraction(1, 2))
    least, greatest = narrow.limits
    high = min(max(sixteen + zero >> 16 - bits, least), greatest)
    assert int(narrow.apply([accumulator])[0]) == high << 16 - bits
