import numpy as np
import pytest
from plants import two_node_plant

from adaptive.surroundings import Surroundings, always, cooled
from thermal.discretise import discretise

NETWORK = two_node_plant().network
TEMPS, POWER = np.array([60.0, 40.0]), np.array([2.0, 0.3])


def test_plain_surroundings_are_the_exact_model() -> None:
    model = discretise(NETWORK, 0.1)
    around = Surroundings(NETWORK, 25.0, step_s=0.1)
    assert np.array_equal(around.step(TEMPS, POWER, 3.0), model.step(TEMPS, POWER, 25.0))


def test_ambient_heat_and_cooling_are_taken_at_the_time() -> None:
    around = Surroundings(
        NETWORK,
        lambda time_s: 20.0 + time_s,
        step_s=0.1,
        heat_w=lambda time_s: {"sink": time_s},
        cooling=lambda time_s: 1.0 + time_s,
    )
    expected = discretise(cooled(NETWORK, 3.0), 0.1).step(TEMPS, POWER + np.array([0.0, 2.0]), 22.0)
    assert np.allclose(around.step(TEMPS, POWER, 2.0), expected, rtol=1e-14)


def test_heat_into_a_node_that_is_not_there_is_refused() -> None:
    around = Surroundings(NETWORK, 25.0, step_s=0.1, heat_w=lambda _time_s: {"lid": 1.0})
    with pytest.raises(ValueError, match="lid"):
        around.step(TEMPS, POWER, 0.0)


def test_cooling_multiplies_the_way_to_the_ambient_alone() -> None:
    twice = cooled(NETWORK, 2.0)
    assert np.array_equal(twice.to_ambient, 2.0 * NETWORK.to_ambient)
    assert np.array_equal(twice.conductance, NETWORK.conductance)


def test_always_is_always_the_same() -> None:
    assert {always(4.0)(t) for t in (0.0, 1.0, 1e9)} == {4.0}
