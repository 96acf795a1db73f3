import pytest
from plants import OPPS, make_point, make_points, two_node_plant

from adaptive.errors import ConfigError
from adaptive.governor.static import best_safe, fastest, settled_peak_degc
from adaptive.precision import Bits


def test_the_fastest_point_answers_most_frames() -> None:
    assert fastest(make_points()).name == make_point(OPPS.fastest, Bits.INT8).name


def test_the_settled_peak_matches_the_fixed_point_by_hand() -> None:
    plant = two_node_plant(leak_a=1e-9)  # leakage out of the way
    point = make_point(OPPS.opps[1])
    power_w = 1.6e-9 * 0.9**2 * 1e9
    expected = 25.0 + power_w * (4.0 + 10.0) + 0.2 * 10.0
    assert settled_peak_degc(plant, point, ambient_degc=25.0) == pytest.approx(expected, abs=1e-3)


def test_the_best_safe_point_is_safe_and_nothing_better_is() -> None:
    plant, points = two_node_plant(), make_points()
    chosen = best_safe(points, plant, ambient_degc=35.0, cap_degc=70.0, demand_hz=500.0)
    assert settled_peak_degc(plant, chosen, ambient_degc=35.0) <= 70.0
    for point in points:
        if point.frames_hz * point.accuracy > chosen.frames_hz * chosen.accuracy:
            assert settled_peak_degc(plant, point, ambient_degc=35.0) > 70.0


def test_more_accuracy_wins_when_the_demand_is_met_anyway() -> None:
    chosen = best_safe(
        make_points(), two_node_plant(), ambient_degc=25.0, cap_degc=100.0, demand_hz=10.0
    )
    assert chosen.accuracy == 0.92


def test_runaway_counts_as_infinitely_hot() -> None:
    plant = two_node_plant(leak_a=3.0)
    assert settled_peak_degc(plant, make_point(OPPS.fastest), ambient_degc=60.0) == float("inf")


def test_a_board_that_is_never_safe_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="even the coolest operating point"):
        best_safe(make_points(), two_node_plant(), ambient_degc=79.9, cap_degc=80.0, demand_hz=10.0)
