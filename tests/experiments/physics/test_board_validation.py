import dataclasses

import pytest

from adaptive.config import load_board
from experiments.physics.board_validation import (
    ValidationConfig,
    draw,
    metrics,
    rail_table,
    temperature_table,
)
from experiments.study_config import read_config

CONFIG = read_config("physics/board_validation", ValidationConfig)


def test_rail_power_is_the_board_file_at_the_measured_voltage() -> None:
    table = rail_table(CONFIG.rails)
    plant = load_board("odroid-xu4")
    parts = [plant.power.parts[plant.power.blocks.index(b)] for b in plant.cluster("a15").blocks]
    busy = table[(table["load"] == "busy") & (table["frequency_hz"] == 1.0e9)].iloc[0]
    switched_w = sum(part.C_active for part in parts) * 0.9437**2 * 1.0e9
    assert switched_w < busy["predicted_w"] < 1.2 * switched_w
    assert busy["measured_w"] == 1.655


def test_a_transient_starts_where_its_first_load_settles() -> None:
    settled = CONFIG.temperatures[1]
    (start,) = temperature_table((settled,))["predicted_degc"]
    (later,) = temperature_table((CONFIG.temperatures[0],))["predicted_degc"]
    (for_ever,) = temperature_table((dataclasses.replace(settled, before=1.0),))["predicted_degc"]
    assert start < later < for_ever


def test_the_metrics_are_the_tables_errors() -> None:
    values = {metric.metric: metric.value for metric in metrics(CONFIG)}
    heat = temperature_table(CONFIG.temperatures)
    assert values["board_temperature_worst_k"] == pytest.approx(heat["error_k"].abs().max())
    assert 0.0 < values["board_rail_busy_mape"] < 20.0


def test_the_picture_has_both_loads() -> None:
    (axis,) = draw(rail_table(CONFIG.rails)).axes
    assert len(axis.lines) == 4
