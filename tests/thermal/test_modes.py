from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import rc_networks

from thermal.modes import crossings, decompose
from thermal.network import RcNetwork


@given(rc_networks())
def test_modes_put_the_network_back_together(network: RcNetwork) -> None:
    modes = decompose(network)
    np.testing.assert_allclose(modes.left @ modes.right, np.eye(len(network.nodes)), atol=1e-9)
    rebuilt = (modes.left * modes.rate) @ modes.right
    expected = network.laplacian / network.capacitance[:, np.newaxis]
    np.testing.assert_allclose(rebuilt, expected, rtol=1e-7, atol=1e-9 * modes.rate[-1])


def test_a_network_beyond_double_precision_is_refused() -> None:
    conductance = np.array([[0.0, 1e9], [1e9, 0.0]])
    with pytest.raises(ValueError, match="orders of magnitude apart"):
        decompose(RcNetwork(("a", "b"), np.array([1.0, 1.0]), conductance, np.array([0.0, 1e-9])))


def test_the_crossing_of_one_exponential_is_a_logarithm() -> None:
    # 1 - 2 exp(-t/4) = 0
    found = crossings(np.array([1.0, -2.0]), np.array([0.0, 0.25]), until_s=100.0)
    assert found == pytest.approx((4.0 * np.log(2.0),), rel=1e-12)


def test_two_close_crossings_around_a_peak_are_both_found() -> None:
    # x - x^2 - (1/4 - 1e-8) with x = exp(-t): zeros at x = 1/2 +- 1e-4
    weights, rate = np.array([-0.25 + 1e-8, 1.0, -1.0]), np.array([0.0, 1.0, 2.0])
    found = crossings(weights, rate, until_s=50.0)
    assert found == pytest.approx((-np.log(0.5 + 1e-4), -np.log(0.5 - 1e-4)), rel=1e-6)


def test_a_sum_of_one_sign_never_crosses() -> None:
    assert crossings(np.array([1.0, 2.0]), np.array([0.5, 3.0]), until_s=1e9) == ()
    assert crossings(np.array([1.0, 0.0]), np.array([0.5, 3.0]), until_s=1e9) == ()
    assert crossings(np.array([0.0]), np.array([0.5]), until_s=1e9) == ()


def test_equal_rates_are_one_term() -> None:
    assert crossings(np.array([1.0, -3.0, 2.0]), np.array([0.0, 1.0, 1.0]), until_s=9.0) == ()


def test_crossings_after_the_end_do_not_count() -> None:
    weights, rate = np.array([1.0, -2.0]), np.array([0.0, 0.25])
    assert crossings(weights, rate, until_s=2.0) == ()


@given(
    st.lists(st.floats(0.05, 0.95), min_size=1, max_size=4),
    st.floats(0.1, 3.0),
)
def test_a_polynomial_in_an_exponential_gives_back_its_zeros(
    zeros: list[float], rate: float
) -> None:
    zeros = sorted(zeros)
    assume(all(b - a > 0.02 for a, b in pairwise(zeros)))
    weights = np.polynomial.polynomial.polyfromroots(zeros)
    found = crossings(weights, rate * np.arange(len(weights)), until_s=10.0 / rate)
    expected = sorted(-np.log(zero) / rate for zero in zeros)
    assert found == pytest.approx(expected, rel=1e-6)
