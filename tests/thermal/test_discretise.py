import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from strategies import rc_networks, vectors

from thermal.discretise import discretise
from thermal.network import RcNetwork, Vector, network_from_resistances

PERIODS = st.floats(0.01, 10.0)


def test_a_single_node_follows_the_exponential() -> None:
    network = RcNetwork(("die",), np.array([2.0]), np.zeros((1, 1)), np.array([0.5]))
    model = discretise(network, 1.0)
    temps = model.step(np.array([25.0]), np.array([1.0]), 25.0)
    assert temps[0] == pytest.approx(25.0 + 2.0 * (1.0 - np.exp(-1.0 / 4.0)), rel=1e-14)


def test_two_equal_nodes_follow_their_common_and_their_differential_mode() -> None:
    # Common mode: G/C = 1/8; difference: (G + 2 K)/C = 1/8 + 3/2
    network = RcNetwork(
        ("a", "b"), np.full(2, 4.0), np.array([[0.0, 3.0], [3.0, 0.0]]), np.full(2, 0.5)
    )
    temps = discretise(network, 2.0).step(np.array([30.0, 20.0]), np.zeros(2), 15.0)
    common, difference = 10.0 * np.exp(-0.25), 5.0 * np.exp(-2.0 * 1.625)
    np.testing.assert_allclose(temps, [15.0 + common + difference, 15.0 + common - difference])


@given(rc_networks(), PERIODS)
def test_it_agrees_with_the_matrix_exponential(network: RcNetwork, period_s: float) -> None:
    model = discretise(network, period_s)
    decay = network.laplacian / network.capacitance[:, np.newaxis]
    exact = expm(-decay * period_s)
    np.testing.assert_allclose(model.A, exact, rtol=1e-7, atol=1e-10)
    driven = (np.eye(len(exact)) - exact) @ np.linalg.inv(network.laplacian)
    np.testing.assert_allclose(model.B, driven, rtol=1e-6, atol=1e-8)


def test_it_agrees_with_a_fine_integration() -> None:
    network = network_from_resistances(
        {"core": 0.1, "package": 2.0, "board": 20.0},
        {("core", "package"): 5.0, ("package", "board"): 4.0},
        to_ambient_k_per_w={"board": 10.0, "package": 60.0},
    )
    power = np.array([2.0, 0.3, 0.1])
    start = np.array([60.0, 40.0, 35.0])
    solved = solve_ivp(
        lambda _, x: (power - network.laplacian @ (x - 25.0)) / network.capacitance,
        (0.0, 7.0),
        start,
        method="Radau",
        rtol=1e-10,
        atol=1e-10,
    )
    temps = discretise(network, 7.0).step(start, power, 25.0)
    np.testing.assert_allclose(temps, solved.y[:, -1], rtol=0, atol=1e-6)


@given(rc_networks(), PERIODS)
def test_two_half_steps_are_one_step(network: RcNetwork, period_s: float) -> None:
    half, whole = discretise(network, period_s / 2), discretise(network, period_s)
    n = len(network.nodes)
    np.testing.assert_allclose(half.A @ half.A, whole.A, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        half.A @ half.B + half.B, whole.B, rtol=1e-8, atol=1e-10 * np.abs(whole.B).max() * n
    )


@given(rc_networks(), PERIODS)
def test_heat_spreads_the_same_both_ways(network: RcNetwork, period_s: float) -> None:
    B = discretise(network, period_s).B
    np.testing.assert_array_equal(B, B.T)


@given(rc_networks(), PERIODS, st.data())
def test_energy_in_is_energy_stored_plus_energy_lost(
    network: RcNetwork, period_s: float, data: st.DataObject
) -> None:
    n = len(network.nodes)
    power = data.draw(vectors(n, 0.0, 5.0))
    start = data.draw(vectors(n, 0.0, 60.0))
    end = discretise(network, period_s).step(start, power, 0.0)
    stored = network.capacitance @ (end - start)
    lost = network.to_ambient @ _integral(network, start, power=power, period_s=period_s)
    scale = 1.0 + power.sum() * period_s + network.capacitance @ start
    assert power.sum() * period_s == pytest.approx(stored + lost, rel=1e-9, abs=1e-9 * scale)


def _integral(network: RcNetwork, start: Vector, *, power: Vector, period_s: float) -> Vector:
    """Integral of the temperatures, from the exponential of the equations augmented by it."""
    n = len(start)
    augmented = np.zeros((2 * n + 1, 2 * n + 1))
    augmented[:n, :n] = -network.laplacian / network.capacitance[:, np.newaxis]
    augmented[:n, -1] = power / network.capacitance
    augmented[n:-1, :n] = np.eye(n)
    state = np.concatenate((start, np.zeros(n), [1.0]))
    return (expm(augmented * period_s) @ state)[n:-1]


@given(rc_networks(), PERIODS, st.data())
def test_more_power_is_never_cooler(
    network: RcNetwork, period_s: float, data: st.DataObject
) -> None:
    n = len(network.nodes)
    model = discretise(network, period_s)
    start, power = data.draw(vectors(n, 0.0, 90.0)), data.draw(vectors(n, 0.0, 5.0))
    more = power + data.draw(vectors(n, 0.0, 5.0))
    assert (model.step(start, more, 20.0) >= model.step(start, power, 20.0) - 1e-9).all()


@pytest.mark.parametrize("period_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_period_must_be_positive(period_s: float) -> None:
    network = RcNetwork(("die",), np.array([2.0]), np.zeros((1, 1)), np.array([0.5]))
    with pytest.raises(ValueError, match="period_s is"):
        discretise(network, period_s)
