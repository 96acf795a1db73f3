import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import rc_networks, vectors

from thermal.discretise import discretise
from thermal.model import ThermalModel
from thermal.network import RcNetwork, network_from_resistances


def test_a_ladder_settles_at_its_resistances() -> None:
    network = network_from_resistances(
        {"die": 0.1, "case": 5.0, "sink": 50.0},
        {("die", "case"): 1.0, ("case", "sink"): 2.0},
        to_ambient_k_per_w={"sink": 7.0},
    )
    settled = discretise(network, 0.5).steady_state(np.array([3.0, 0.0, 1.0]), 20.0)
    np.testing.assert_allclose(settled, [20.0 + 3 * 3.0 + 4 * 7.0, 20.0 + 6 + 28.0, 48.0])


@given(rc_networks(), st.data())
def test_the_steady_state_stays_where_it_is(network: RcNetwork, data: st.DataObject) -> None:
    power = data.draw(vectors(len(network.nodes), 0.0, 5.0))
    model = discretise(network, 1.0)
    settled = model.steady_state(power, 25.0)
    np.testing.assert_allclose(model.step(settled, power, 25.0), settled, rtol=1e-9)
    resistive = 25.0 + np.linalg.solve(network.laplacian, power)
    np.testing.assert_allclose(settled, resistive, rtol=1e-6)


def test_many_states_step_at_once() -> None:
    network = network_from_resistances(
        {"die": 0.1, "sink": 5.0}, {("die", "sink"): 1.0}, to_ambient_k_per_w={"sink": 7.0}
    )
    model = discretise(network, 0.5)
    temps = np.array([[30.0, 31.0], [60.0, 50.0], [25.0, 25.0]])
    power = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 1.0]])
    together = model.step(temps, power, 25.0)
    for row, start, watts in zip(together, temps, power, strict=True):
        np.testing.assert_allclose(row, model.step(start, watts, 25.0), rtol=1e-14)
    np.testing.assert_allclose(
        model.steady_state(power, 25.0)[2], model.steady_state(power[2], 25.0), rtol=1e-14
    )


def test_a_mistyped_exponent_is_caught_on_construction() -> None:
    # 1.34**-5 for 1.34e-5: the chip would heat for ever.
    A = np.array([[0.9928, 1.34**-5], [0.0075, 0.9905]])
    with pytest.raises(ValueError, match=r"spectral radius .* not stable"):
        ThermalModel(("big", "gpu"), A, np.eye(2), 0.1)


def test_a_spectral_radius_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"spectral radius 1\.0"):
        ThermalModel(("die",), np.eye(1), np.eye(1), 0.1)


@pytest.mark.parametrize(
    ("nodes", "A", "B", "period_s", "message"),
    [
        (("a", "b"), np.eye(1) / 2, np.eye(2), 0.1, "A has shape"),
        (("a", "b"), np.eye(2) / 2, np.eye(1), 0.1, "B has shape"),
        (("a", "a"), np.eye(2) / 2, np.eye(2), 0.1, "repeats"),
        (("a",), np.array([[np.nan]]), np.eye(1), 0.1, "A is .* finite"),
        (("a",), np.eye(1) / 2, np.array([[np.inf]]), 0.1, "B is .* finite"),
        (("a",), np.eye(1) / 2, np.eye(1), 0.0, "period_s is"),
        (("a",), np.eye(1) / 2, np.eye(1), np.nan, "period_s is"),
    ],
)
def test_what_is_not_a_model_is_refused(
    nodes: tuple[str, ...], A: np.ndarray, B: np.ndarray, period_s: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ThermalModel(nodes, A, B, period_s)
