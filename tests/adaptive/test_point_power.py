from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import make_points, two_node_plant

from adaptive.config import load_board
from adaptive.point_power import PointPower


@given(st.integers(0, 8), st.floats(0.0, 1.0), st.floats(0.0, 110.0), st.floats(0.0, 110.0))
def test_its_parts_add_up_to_what_the_board_draws(
    index: int, busy: float, cpu_degc: float, sink_degc: float
) -> None:
    plant, points = two_node_plant(), make_points()
    power, temps = PointPower.of(points, plant), np.array([cpu_degc, sink_degc])
    total = power.idle_w[index] + busy * power.work_w[index]
    total = total + power.leakage_w[index] * power.growth(temps)
    point = points[index]
    expected = plant.node_power_w(point.islands, {point.cores: busy}, temps)
    assert total == pytest.approx(expected, rel=1e-12)


def test_a_board_without_leakage_has_none() -> None:
    power = PointPower.of(make_points(), two_node_plant(leak_a=0.0))
    assert not power.leakage_w.any()


def test_nodes_that_are_no_junctions_draw_their_constant_power() -> None:
    plant = load_board("odroid-xu4")
    idle = make_points()[0]
    points = [
        replace(idle, cores="a15", islands={"a15": opp}) for opp in plant.islands.named("a15").table
    ]
    power = PointPower.of(points, plant)
    gpu = plant.network.index("gpu")
    assert power.idle_w[:, gpu] == pytest.approx(plant.constant_w["gpu"])
    assert not power.work_w[:, gpu].any()
    assert not power.leakage_w[:, gpu].any()
