import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import two_node_plant

from adaptive.plant import Plant
from adaptive.sensing import EXACT, SensorErrors, Sensors


def fine_plant() -> Plant:
    plant = two_node_plant()
    return replace(plant, zones=(replace(plant.zones[0], resolution_k=1e-6),))


@given(st.lists(st.floats(-20.0, 120.0), min_size=1, max_size=10))
def test_an_exact_zone_reads_its_node_to_its_step(temps: list[float]) -> None:
    plant = two_node_plant()
    sensors = Sensors(plant, EXACT, np.array([25.0, 25.0]), step_s=0.1)
    for temp in temps:
        sensors.feel(np.array([[temp, 0.0]]))
        assert sensors.read() == {"cpu-thermal": plant.zones[0].reading_degc(temp)}


def test_a_lagging_zone_covers_two_thirds_of_a_step_in_a_time_constant() -> None:
    sensors = Sensors(fine_plant(), SensorErrors(lag_s=2.0), np.array([20.0, 20.0]), step_s=0.01)
    for steps in (1, 9, 190):
        sensors.feel(np.tile([30.0, 20.0], (steps, 1)))
    assert sensors.read()["cpu-thermal"] == pytest.approx(30.0 - 10.0 * math.exp(-1.0), abs=1e-4)


def test_noise_has_the_spread_it_says_and_no_bias() -> None:
    errors = SensorErrors(noise_k=0.5, seed=7)
    sensors = Sensors(fine_plant(), errors, np.array([60.0, 40.0]), step_s=0.1)
    readings = np.array([sensors.read()["cpu-thermal"] for _ in range(4000)])
    assert readings.mean() == pytest.approx(60.0, abs=0.03)
    assert readings.std() == pytest.approx(0.5, rel=0.05)


def test_one_seed_is_one_noise() -> None:
    def readings(seed: int) -> list[float]:
        errors = SensorErrors(noise_k=1.0, seed=seed)
        sensors = Sensors(fine_plant(), errors, np.array([60.0, 40.0]), step_s=0.1)
        return [sensors.read()["cpu-thermal"] for _ in range(5)]

    assert readings(1) == readings(1)
    assert readings(1) != readings(2)


@pytest.mark.parametrize("field", ["noise_k", "lag_s"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_errors_outside_reason_cannot_exist(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        SensorErrors(**{field: value})
