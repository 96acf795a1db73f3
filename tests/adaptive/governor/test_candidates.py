import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import make_points, two_node_plant

from adaptive.governor.candidates import Candidates, sustainable_power_w

POINTS = make_points()


def candidates() -> Candidates:
    return Candidates.of(POINTS, two_node_plant(), temp_degc=80.0)


def test_power_runs_from_idle_to_busy_with_the_utilisation() -> None:
    plant = two_node_plant()
    table, at = candidates(), np.full(2, 80.0)
    power = table.power_w(np.full(len(POINTS), 0.3))
    for point, value in zip(POINTS, power, strict=True):
        exact = plant.node_power_w(point.islands, {"cpu": 0.3}, at).sum()
        assert value == pytest.approx(exact, abs=1e-12)


def test_no_point_is_busier_than_its_duty_or_than_the_demand_makes_it() -> None:
    busy = candidates().utilisation(30.0, slowdown=2.0)
    expected = [min(p.duty, 30.0 * p.latency_s * 2.0) for p in POINTS]
    assert busy.tolist() == pytest.approx(expected)


def test_the_best_point_is_the_coolest_of_equals_and_the_coolest_where_none_is_allowed() -> None:
    table = candidates()
    power = np.arange(len(POINTS), 0.0, -1.0)
    yes, no = np.ones(len(POINTS), dtype=bool), np.zeros(len(POINTS), dtype=bool)
    assert table.best(np.ones(len(POINTS)), power, yes) is POINTS[-1]
    assert table.best(np.arange(len(POINTS), 0.0, -1.0), power, yes) is POINTS[0]
    assert table.best(np.arange(len(POINTS), 0.0, -1.0), power, no) is POINTS[-1]
    assert table.best(np.arange(len(POINTS), 0.0, -1.0), power, power < 8.5) is POINTS[1]


def test_the_sustainable_power_of_two_nodes_by_hand() -> None:
    # 0.2 W into the sink lift it by 2 K; of 55 K, 53 K are left for 14 K/W.
    power = sustainable_power_w(two_node_plant(), "cpu", ambient_degc=25.0, limit_degc=80.0)
    assert power == pytest.approx(0.2 + 53.0 / 14.0)


@given(st.floats(-20.0, 60.0), st.floats(65.0, 100.0))
def test_the_sustainable_power_settles_at_the_limit(ambient: float, limit: float) -> None:
    plant = two_node_plant()
    power = sustainable_power_w(plant, "cpu", ambient_degc=ambient, limit_degc=limit)
    nodes = np.linalg.solve(plant.network.laplacian, np.array([power - 0.2, 0.2]))
    assert ambient + nodes[0] == pytest.approx(limit)


def test_a_board_too_hot_to_work_sustains_what_it_cannot_help() -> None:
    power = sustainable_power_w(two_node_plant(), "cpu", ambient_degc=79.0, limit_degc=80.0)
    assert power == pytest.approx(0.2)


def test_candidates_need_a_point() -> None:
    with pytest.raises(ValueError, match="points is empty"):
        Candidates.of((), two_node_plant(), temp_degc=80.0)
