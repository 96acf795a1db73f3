from collections.abc import Callable

import numpy as np
import pytest
from plants import two_node_plant

from adaptive.surroundings import Surroundings, always, cooled
from thermal.discretise import discretise
from thermal.network import RcNetwork

NETWORK = two_node_plant().network
TEMPS, POWER = np.array([60.0, 40.0]), np.array([2.0, 0.3])


def fixed(power_w: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda _temps: power_w


def test_plain_surroundings_are_the_exact_model() -> None:
    model = discretise(NETWORK, 0.1)
    around = Surroundings(NETWORK, 25.0, step_s=0.1)
    temps, power = around.follow(TEMPS, fixed(POWER), from_s=3.0, steps=3)
    expected = TEMPS
    for row in temps:
        expected = model.step(expected, POWER, 25.0)
        assert np.allclose(row, expected, rtol=1e-13)
    assert np.array_equal(power, POWER)


def test_ambient_heat_and_cooling_are_taken_half_way() -> None:
    around = Surroundings(
        NETWORK,
        lambda time_s: 20.0 + time_s,
        step_s=0.1,
        heat_w=lambda time_s: {"sink": time_s},
        cooling=lambda time_s: 1.0 + time_s,
    )
    expected = discretise(cooled(NETWORK, 3.0), 0.1).step(TEMPS, POWER + np.array([0.0, 2.0]), 22.0)
    temps, _ = around.follow(TEMPS, fixed(POWER), from_s=1.95, steps=1)
    assert np.allclose(temps[0], expected, rtol=1e-14)


def test_power_that_follows_temperature_is_followed_closely() -> None:
    # Power that falls by 0.1 W a kelvin is a conductance more: an exact answer to compare with.
    target = np.array([20.0, 25.0])
    around = Surroundings(NETWORK, 25.0, step_s=0.01)
    to_ambient = NETWORK.to_ambient + np.array([0.1, 0.0])
    leaky = RcNetwork(NETWORK.nodes, NETWORK.capacitance, NETWORK.conductance, to_ambient)
    extra = np.array([0.1, 0.0])
    temps, power = around.follow(TEMPS, lambda t: extra * (target - t), from_s=0.0, steps=10)
    model = discretise(leaky, 0.1)
    expected = model.step(TEMPS, extra * (target - 25.0), 25.0)
    assert np.allclose(temps[-1], expected, atol=2e-4)
    met = np.concatenate([TEMPS[:1], temps[:, 0]])
    mean_degc = ((met[1:] + met[:-1]) / 2).mean()
    assert power[0] == pytest.approx(0.1 * (20.0 - mean_degc), abs=1e-3)


def test_heat_into_a_node_that_is_not_there_is_refused() -> None:
    around = Surroundings(NETWORK, 25.0, step_s=0.1, heat_w=lambda _time_s: {"lid": 1.0})
    with pytest.raises(ValueError, match="lid"):
        around.follow(TEMPS, fixed(POWER), from_s=0.0, steps=1)


def test_cooling_multiplies_the_way_to_the_ambient_alone() -> None:
    twice = cooled(NETWORK, 2.0)
    assert np.array_equal(twice.to_ambient, 2.0 * NETWORK.to_ambient)
    assert np.array_equal(twice.conductance, NETWORK.conductance)


def test_always_is_always_the_same() -> None:
    assert {always(4.0)(t) for t in (0.0, 1.0, 1e9)} == {4.0}
