from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.precision import Bits
from adaptive.quantise import (
    CODE_MAX,
    CODE_MIN,
    INT32_MAX,
    INT32_MIN,
    WEIGHT_MAX,
    Requantiser,
    Rescaler,
    largest_sum,
    rounding_shift,
    weight_codes,
    weight_scales,
)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


@given(st.integers(-(2**61), 2**61), st.integers(0, 61))
def test_a_rounding_shift_divides_and_rounds_half_up(value: int, shift: int) -> None:
    assert int(rounding_shift(value, shift)) == half_up(Fraction(value, 2**shift))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 7))
def test_weights_come_back_within_half_a_step(seed: int, channels: int, size: int) -> None:
    weights = np.random.default_rng(seed).normal(0, 1, (channels, size, 2))
    scales = weight_scales(weights)
    codes = weight_codes(weights, scales)
    assert np.all(np.abs(codes).reshape(channels, -1).max(axis=1) == WEIGHT_MAX)
    real = codes * scales[:, None, None]
    assert np.all(np.abs(real - weights) <= scales[:, None, None] * 0.500001)


def test_a_channel_of_zeros_gets_a_scale_all_the_same() -> None:
    weights = np.array([[0.0, 0.0], [1.0, -2.0]])
    scales = weight_scales(weights)
    assert scales[0] > 0
    assert weight_codes(weights, scales).tolist() == [[0, 0], [16320, -32639]]
    assert weight_scales(np.zeros((1, 3))).tolist() == [1 / WEIGHT_MAX]


def test_weights_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        weight_scales(np.array([[np.nan]]))


def exact(r: Requantiser, accumulator: int) -> int:
    """Requantise one accumulator of a one-channel requantiser with Python's integers."""

    def shift(value: int, by: int) -> int:
        return half_up(Fraction(value, 2**by))

    value = shift(accumulator + int(r.bias[0]), int(r.pre_shift[0]))
    value = min(max(value, INT32_MIN), INT32_MAX)
    value = shift(value * int(r.multiplier[0]), int(r.shift[0])) + r.zero // 2 ** (16 - r.bits)
    least, greatest = r.limits
    return int(min(max(value, least), greatest)) * 2 ** (16 - r.bits)


ratios = st.floats(-44.0, 28.0).map(lambda e: 2.0**e)
accumulators = st.integers(-(2**52), 2**52) | st.integers(-(2**20), 2**20)


@given(ratios, st.integers(-(2**40), 2**40), accumulators, st.sampled_from(list(Bits)),
       st.sampled_from([CODE_MIN, 0, 4096]), st.booleans())  # fmt: skip
def test_a_requantiser_computes_what_its_integers_say(
    ratio: float, bias: int, accumulator: int, bits: Bits, zero: int, relu: bool
) -> None:
    r = Requantiser.from_real(ratio, float(bias), bits=bits, zero=zero, relu=relu)
    assert int(r.apply([accumulator])[0]) == exact(r, accumulator)


@given(ratios, st.integers(-(2**40), 2**40), accumulators, st.sampled_from(list(Bits)),
       st.sampled_from([CODE_MIN, 0]), st.booleans())  # fmt: skip
def test_a_requantiser_is_within_half_a_code_of_the_real_result(
    ratio: float, bias: int, accumulator: int, bits: Bits, zero: int, relu: bool
) -> None:
    r = Requantiser.from_real(ratio, float(bias), bits=bits, zero=zero, relu=relu)
    step = 2 ** (16 - bits)
    real = Fraction(ratio) * (accumulator + bias) + Fraction(zero, step)
    least, greatest = r.limits
    real = min(max(real, Fraction(least)), Fraction(greatest))
    assert abs(int(r.apply([accumulator])[0]) // step - real) <= Fraction(1, 2) + Fraction(1, 10**4)


@given(ratios, st.sampled_from(list(Bits)), st.sampled_from([CODE_MIN, 0]))
def test_the_greatest_sums_saturate_and_do_not_wrap(ratio: float, bits: Bits, zero: int) -> None:
    r = Requantiser.from_real(ratio, 0.0, bits=bits, zero=zero, relu=False)
    bound = largest_sum(4608)
    low, high = (int(code) for code in r.apply(np.array([[-bound], [bound]]))[:, 0])
    assert CODE_MIN <= low <= zero <= high <= CODE_MAX
    assert (low, high) == (exact(r, -bound), exact(r, bound))


def test_channels_have_constants_of_their_own() -> None:
    r = Requantiser.from_real([1.0, 0.5], [0.0, 3.0], bits=Bits.INT16, zero=0, relu=False)
    assert r.apply([[4, 4], [-4, -4]]).tolist() == [[4, 4], [-4, 0]]


def test_a_relu_stops_at_the_zero_point() -> None:
    r = Requantiser.from_real(1.0, 0.0, bits=Bits.INT8, zero=4096, relu=True)
    assert r.apply([[-5], [5]]).tolist() == [[4096], [4096 + 5 * 256]]


def test_a_mantissa_that_rounds_to_the_next_power_of_two_is_carried() -> None:
    r = Requantiser.from_real(np.nextafter(1.0, 0.0), 0.0, bits=Bits.INT16, zero=0, relu=False)
    assert int(r.multiplier[0]) == 2**30
    assert r.apply([[1234]]).tolist() == [[1234]]


@pytest.mark.parametrize(
    ("ratio", "bias", "message"),
    [
        (0.0, 0.0, "ratio"),
        (-1.0, 0.0, "ratio"),
        (2.0**30, 0.0, "ratio"),
        (float("nan"), 0.0, "ratio"),
        (1.0, 2.0**52, "bias"),
        (1.0, float("nan"), "bias"),
    ],
)
def test_constants_out_of_range_are_refused(ratio: float, bias: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Requantiser.from_real(ratio, bias, bits=Bits.INT8, zero=0, relu=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bias": np.zeros(1, np.int32)}, "bias is int32"),
        ({"bias": np.array([2**52])}, "beyond 2\\^52"),
        ({"bias": np.array([-(2**63)])}, "beyond 2\\^52"),
        ({"multiplier": np.array([5], np.int32)}, "multiplier is 5"),
        ({"shift": np.array([63], np.uint8)}, "shift is out of range"),
        ({"shift": np.array([0], np.uint8)}, "shift is out of range"),
        ({"pre_shift": np.array([63], np.uint8)}, "shift is out of range"),
        ({"shift": np.array([9, 9], np.uint8)}, "expected uint8 of shape"),
        ({"zero": 100}, "divisible by 256"),
        ({"zero": 32768}, "zero is 32768"),
    ],
)
def test_a_requantiser_that_could_go_wrong_cannot_exist(
    changes: dict[str, Any], message: str
) -> None:
    plain: dict[str, Any] = {
        "bias": np.zeros(1, np.int64),
        "multiplier": np.array([2**30], np.int32),
        "pre_shift": np.zeros(1, np.uint8),
        "shift": np.array([31], np.uint8),
        "bits": Bits.INT8,
        "zero": 0,
        "relu": False,
    }
    with pytest.raises(ValueError, match=message):
        Requantiser(**(plain | changes))


ZEROS = st.integers(-8, 7).map(lambda k: 4096 * k)
CODES = st.integers(CODE_MIN, CODE_MAX)


@given(
    st.lists(st.tuples(st.floats(2.0**-30, 2.0**13), ZEROS, CODES), min_size=1, max_size=2),
    ZEROS,
    st.booleans(),
)
def test_a_rescaled_sum_is_close_to_the_real_one_and_stays_in_int32(
    signals: list[tuple[float, int, int]], zero: int, relu: bool
) -> None:
    r = Rescaler.from_scales([(s, z) for s, z, _ in signals], 1.0, zero=zero, relu=relu)
    parts = [m * (c - z) for m, (_, z, c) in zip(r.multipliers, signals, strict=True)]
    total = sum(parts) + ((1 << r.shift) >> 1)
    assert -(2**31) <= total < 2**31
    assert all(-(2**31) <= part < 2**31 for part in parts)
    real = sum(s * (c - z) for s, z, c in signals)
    error = 1 + 2.0**-14 * sum(abs(s * (c - z)) for s, z, c in signals)
    # A share too small for the multipliers is lost beside the greatest one.
    error += 65407 * 2.0 ** (-r.shift - 1) * len(signals)
    out = int(r.apply(*(c for _, _, c in signals)))
    assert min(max(real - error + zero, zero if relu else CODE_MIN), CODE_MAX) <= out + 1e-6
    assert max(min(real + error + zero, CODE_MAX), zero if relu else CODE_MIN) >= out - 1e-6


@given(st.lists(CODES, min_size=1, max_size=20), ZEROS)
def test_rescaling_to_the_same_scale_changes_nothing(codes: list[int], zero: int) -> None:
    r = Rescaler.from_scales([(0.3, zero)], 0.3, zero=zero, relu=False)
    assert r.apply(codes).tolist() == codes


def test_a_sum_of_equal_scales_is_the_sum() -> None:
    r = Rescaler.from_scales([(0.5, 0), (0.5, CODE_MIN)], 0.5, zero=0, relu=False)
    assert r.apply([-5, 7, 20_000], [CODE_MIN + 3, CODE_MIN, 0]).tolist() == [-2, 7, CODE_MAX]


def test_halves_are_rounded_up_and_a_relu_stops_at_the_zero_point() -> None:
    r = Rescaler.from_scales([(1.0, 0)], 2.0, zero=4096, relu=True)
    assert (r.apply([1, 2, 3, -1, -2, -9]) - 4096).tolist() == [1, 1, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([], "0 signals, expected one or two"),
        ([(1.0, 0)] * 3, "3 signals, expected one or two"),
        ([(1e5, 0)], "scale ratio is 100000.0, expected at most 16384"),
    ],
)
def test_scales_no_integers_express_are_refused(
    sources: list[tuple[float, int]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Rescaler.from_scales(sources, 1.0, zero=0, relu=False)
