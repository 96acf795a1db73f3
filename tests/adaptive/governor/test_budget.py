import math

import pytest
from control import LADDER, closed_loop, odd_observations, seen, step_of_demand
from hypothesis import given
from hypothesis import strategies as st
from plants import make_points, two_node_plant

from adaptive.governor.budget import INTEGRAL_TIME_S, Budget, PowerBudget
from adaptive.governor.candidates import Candidates
from adaptive.platform import Observation

POINTS = make_points()


def budget(*, trip_degc: float = 80.0, ambient_degc: float = 25.0) -> Budget:
    return Budget(
        POINTS, two_node_plant(), cores="cpu", ambient_degc=ambient_degc, trip_degc=trip_degc
    )


def test_the_budget_by_hand() -> None:
    power = PowerBudget(4.0, span_k=10.0)
    assert power.power_w(0.0) == 4.0
    assert power.power_w(5.0) == pytest.approx(8.0)  # double gain below the trip
    assert power.power_w(-5.0) == pytest.approx(2.0)
    assert power.power_w(-50.0) == 0.0


def test_a_lasting_error_counts_as_much_again_after_the_integral_time() -> None:
    power = PowerBudget(4.0, span_k=10.0)
    power.integrate(-1.0, INTEGRAL_TIME_S)
    assert power.power_w(0.0) == pytest.approx(4.0 - 0.4)


@given(st.lists(st.tuples(st.floats(-100.0, 100.0), st.floats(0.0, 1.0)), max_size=50))
def test_the_integral_keeps_within_half_the_sustainable_power(
    errors: list[tuple[float, float]],
) -> None:
    power = PowerBudget(4.0, span_k=10.0)
    for error_k, elapsed_s in errors:
        power.integrate(error_k, elapsed_s)
        assert 2.0 - 1e-9 <= power.power_w(0.0) <= 6.0 + 1e-9


def test_without_heat_the_most_right_answers_run_on_least_power() -> None:
    # 40 Hz: several points answer all of them at 0.92; 1 GHz at 16 bits is the coolest.
    assert budget().decide(seen(30.0, demand_hz=40.0)).name == "1000MHz/16/1"
    assert budget().decide(seen(30.0, demand_hz=180.0)).name == "2000MHz/8/1"


def test_without_demand_the_point_of_least_power_runs() -> None:
    chosen = budget().decide(seen(30.0))
    table = Candidates.of(POINTS, two_node_plant(), temp_degc=80.0)
    assert table.idle_w[POINTS.index(chosen)] == table.idle_w.min()


def test_without_a_zone_the_point_of_least_power_runs() -> None:
    # Every point has work at 180 Hz; the idle one draws least.
    assert budget().decide(seen(math.nan, demand_hz=180.0)).duty == 0.0


@given(st.floats(20.0, 100.0), st.floats(20.0, 100.0), st.floats(0.0, 250.0))
def test_more_headroom_never_gets_fewer_right_answers(
    one: float, other: float, demand: float
) -> None:
    def right_hz(temp: float) -> float:
        chosen = budget().decide(seen(temp, demand_hz=demand))
        return min(chosen.frames_hz, demand) * chosen.accuracy

    cool, hot = sorted((one, other))
    assert right_hz(hot) <= right_hz(cool) * (1.0 + 1e-4)


def test_a_step_of_demand_is_sprinted_through_and_settles_at_the_trip() -> None:
    loop = closed_loop(
        budget(trip_degc=79.0),
        demand_hz=step_of_demand(20.0, 190.0, at_s=20.0),
        length_s=300.0,
    )
    assert loop.points[205] is not loop.points[100]
    assert loop.points[205].frequency_hz == LADDER[-1].frequency_hz
    assert 77.0 < loop.peak_degc(from_s=250.0) <= loop.peak_degc() < 80.0
    assert loop.served(from_s=250.0) > 50 * 150


def test_an_ambient_hotter_than_told_is_made_up_for() -> None:
    loop = closed_loop(
        budget(trip_degc=79.0), demand_hz=lambda _t: 190.0, length_s=300.0, ambient_degc=40.0
    )
    assert loop.peak_degc(from_s=100.0) < 80.0


@given(odd_observations())
def test_odd_observations_get_a_point_of_the_table(run: list[Observation]) -> None:
    governor = budget()
    assert all(governor.decide(observation) in POINTS for observation in run)


@pytest.mark.parametrize(
    ("sustainable_w", "span_k", "message"),
    [(0.0, 10.0, "sustainable_w is 0"), (4.0, 0.0, "span_k is 0")],
)
def test_impossible_settings_are_refused(sustainable_w: float, span_k: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PowerBudget(sustainable_w, span_k=span_k)
