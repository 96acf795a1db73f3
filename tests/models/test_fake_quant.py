import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adaptive.arithmetic import Arithmetic
from adaptive.precision import Bits
from adaptive.quantise import (
    CODE_MAX,
    CODE_MIN,
    WEIGHT_MAX,
    Requantiser,
)
from models.fake_quant import (
    fake_quantise_activation,
    fake_quantise_weight,
    narrow_codes,
    narrow_weights,
    requantise,
    straight_through,
)

ALL_CODES = np.arange(CODE_MIN, CODE_MAX + 1)
ALL_WEIGHTS = np.arange(-WEIGHT_MAX, WEIGHT_MAX + 1)


EVERY = pytest.mark.parametrize("bits", list(Bits))
EITHER = pytest.mark.parametrize("arithmetic", list(Arithmetic))


@EVERY
@EITHER
def test_exact_narrowing_agrees_on_every_code_and_weight(
    bits: Bits, arithmetic: Arithmetic
) -> None:
    codes = narrow_codes(torch.from_numpy(ALL_CODES.astype(float)), bits, arithmetic)
    weights = narrow_weights(torch.from_numpy(ALL_WEIGHTS.astype(float)), bits, arithmetic)
    np.testing.assert_array_equal(codes.numpy(), arithmetic.narrow_codes(ALL_CODES, bits))
    np.testing.assert_array_equal(weights.numpy(), arithmetic.narrow_weights(ALL_WEIGHTS, bits))


@EVERY
@EITHER
@pytest.mark.parametrize("zero", [CODE_MIN, 0])
def test_fake_activations_agree_with_the_integers_on_every_code(
    bits: Bits, arithmetic: Arithmetic, zero: int
) -> None:
    scale = 2.0**-13  # a power of two, so that float32 holds every code exactly
    real = torch.from_numpy(((ALL_CODES - zero) * scale).astype(np.float32))
    fake = fake_quantise_activation(real, scale=scale, zero=zero, bits=bits, arithmetic=arithmetic)
    step = 2 ** (16 - bits)
    expected = (arithmetic.narrow_codes(ALL_CODES, bits) * step - zero) * scale
    np.testing.assert_array_equal(fake.numpy(), expected)


@EVERY
def test_cutting_codes_in_float_survives_scales_that_float_rounds(bits: Bits) -> None:
    scale = 1 / 65280
    real = torch.from_numpy((ALL_CODES * scale).astype(np.float32))
    fake = fake_quantise_activation(
        real, scale=scale, zero=0, bits=bits, arithmetic=Arithmetic.RADIX
    )
    expected = (ALL_CODES >> 16 - bits) * 2 ** (16 - bits) * scale
    np.testing.assert_allclose(fake.numpy(), expected, rtol=1e-6)


@EVERY
@EITHER
def test_fake_weights_agree_with_the_integers_on_every_weight(
    bits: Bits, arithmetic: Arithmetic
) -> None:
    scale = 2.0**-15
    weight = torch.from_numpy((ALL_WEIGHTS * scale).astype(np.float32)).reshape(1, -1)
    fake = fake_quantise_weight(weight, torch.tensor([scale]), bits, arithmetic=arithmetic)
    expected = arithmetic.narrow_weights(ALL_WEIGHTS, bits) * 2 ** (16 - bits) * scale
    np.testing.assert_array_equal(fake.numpy()[0], expected)


def test_a_relu_clamps_at_zero_even_where_codes_go_lower() -> None:
    values = torch.tensor([-1.0, 1.0])
    fake = fake_quantise_activation(values, scale=2.0**-14, zero=0, bits=Bits.INT16, relu=True)
    assert fake.tolist() == [0.0, 1.0]


def test_the_gradient_passes_within_the_range_and_stops_outside() -> None:
    values = torch.tensor([-3.0, 0.3, 0.7, 3.0], requires_grad=True)
    fake_quantise_activation(values, scale=2.0**-14, zero=0, bits=Bits.INT8).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_straight_through_takes_value_and_gradient_from_different_places() -> None:
    x = torch.tensor([0.4], requires_grad=True)
    out = straight_through(2 * x, torch.tensor([7.0]))
    out.backward()
    assert out.item() == 7.0
    assert x.grad is not None
    assert x.grad.item() == 2.0


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(list(Bits)),
    st.sampled_from([CODE_MIN, 0]),
    st.booleans(),
    st.integers(1, 52),
)
def test_requantising_agrees_with_the_integers(
    seed: int, bits: Bits, zero: int, relu: bool, size: int
) -> None:
    rng = np.random.default_rng(seed)
    ratio, bias = 2.0 ** rng.uniform(-44, 28, 3), rng.integers(-(2**40), 2**40, 3)
    r = Requantiser.from_real(ratio, bias, bits=bits, zero=zero, relu=relu)
    sums = rng.integers(-(2**size), 2**size, (4, 3, 2, 2))  # (N, C, H, W)
    out = requantise(torch.from_numpy(sums.astype(float)), r).numpy()
    np.testing.assert_array_equal(out.transpose(0, 2, 3, 1), r.apply(sums.transpose(0, 2, 3, 1)))
    flat = requantise(torch.from_numpy(sums[:, :, 0, 0].astype(float)), r).numpy()
    np.testing.assert_array_equal(flat, r.apply(sums[:, :, 0, 0]))
