import math

import numpy as np
import pytest
from plants import OPPS, two_node_plant

from experiments.physics.thermal_headroom import (
    HeadroomConfig,
    metrics,
    own_table,
    published_table,
    time_safe_s,
)
from experiments.study_config import read_config
from thermal.headroom import time_to_trip_s

CONFIG = read_config("physics/thermal_headroom", HeadroomConfig)


def t_safe(*, start: float = 30.0, trip: float = 80.0, leak_a: float = 1e-12) -> float:
    return time_safe_s(
        two_node_plant(leak_a=leak_a),
        np.full(2, start),
        islands={"cpu": OPPS.fastest},
        utilisation={"cpu": 1.0},
        ambient_degc=30.0,
        trip_degc=trip,
        step_s=0.01,
        longest_s=600.0,
    )


def test_without_leakage_it_is_the_exact_time_to_trip() -> None:
    plant = two_node_plant(leak_a=1e-12)
    start = np.full(2, 30.0)
    exact = time_to_trip_s(
        plant.network,
        start,
        power_w=plant.node_power_w({"cpu": OPPS.fastest}, {"cpu": 1.0}, start),
        ambient_degc=30.0,
        trip_degc=80.0,
    )
    assert t_safe() == pytest.approx(exact, abs=0.01)


def test_leakage_and_a_warm_start_shorten_it() -> None:
    assert t_safe(leak_a=0.3) < t_safe()
    assert t_safe(start=50.0) < t_safe()


def test_a_hot_start_has_none_and_a_high_trip_has_all_the_time() -> None:
    assert t_safe(start=81.0) == 0.0
    assert math.isinf(t_safe(trip=200.0))


def test_the_published_table_has_one_fitted_number_and_says_so() -> None:
    table = published_table(CONFIG.published, step_s=CONFIG.step_s)
    assert list(table["role"]) == ["fitted: start temperature", *["predicted"] * 3]
    first = table.iloc[0]
    assert first["predicted_t_safe_s"] == pytest.approx(first["published_t_safe_s"], abs=1e-3)
    assert first["predicted_n_safe"] == first["published_n_safe"]
    assert table["predicted_t_safe_s"].nunique() == 1


def test_eight_bits_fit_more_frames_into_the_same_time() -> None:
    config = CONFIG.own
    small = type(config)(
        artifact=config.artifact,
        images_per_frame=config.images_per_frame,
        ambient_degc=35.0,
        boards=("hikey960",),
        longest_s=60.0,
    )
    table = own_table(small, step_s=0.01)
    for _, pair in table.groupby(["cluster", "frequency_hz"]):
        eight, sixteen = pair.sort_values("bits")["n_safe"]
        assert eight >= sixteen
    a73 = table[(table["cluster"] == "a73") & (table["bits"] == 8)]
    assert a73["t_safe_s"].is_monotonic_decreasing


def test_the_metrics_tell_how_far_one_number_carries() -> None:
    values = {metric.metric: metric.value for metric in metrics(CONFIG)}
    assert 30.0 < values["headroom_start_degc"] < 90.0
    assert values["headroom_worst_miss_percent"] > 10.0
