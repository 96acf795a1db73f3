import numpy as np
import pytest
from bounds import POINTS, WORTH
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, make_point, two_node_plant

from experiments.oracle.plant import Activities, junction_rows, likely, list_activities

PLANT = two_node_plant()


def activities(points: tuple = POINTS, deadline_s: float = 0.5) -> Activities:
    return list_activities(points, PLANT, worth=WORTH.of_frame, deadline_s=deadline_s)


def test_activities_draw_what_their_points_draw_at_any_temperature() -> None:
    everything = activities()
    busy = [point for point in POINTS if point.duty]
    for temps in ([25.0, 20.0], [85.0, 60.0]):
        power = everything.dynamic_w + everything.leakage_w * everything.growth(np.array(temps))
        for row, point in zip(power[-len(busy) :], busy, strict=True):
            true = PLANT.node_power_w(point.islands, {"cpu": 1.0}, temps)
            assert row == pytest.approx(true - [0.0, 0.2])  # the sink's constant power apart
        assert power[0] == pytest.approx(PLANT.node_power_w({}, {}, temps) - [0.0, 0.2])


def test_lower_duties_of_a_point_add_nothing() -> None:
    half = tuple(make_point(opp, duty=0.5, accuracy=0.9) for opp in OPPS)
    full = tuple(make_point(opp, accuracy=0.9) for opp in OPPS)
    both, only = activities((*half, *full)), activities(full)
    assert np.array_equal(both.frames_hz, only.frames_hz)
    assert np.array_equal(both.dynamic_w, only.dynamic_w)


def test_a_point_slower_than_the_deadline_answers_nothing() -> None:
    rates = activities(deadline_s=0.011).frames_hz
    expected = [p.frames_hz if p.latency_s <= 0.011 else 0.0 for p in POINTS if p.duty]
    assert rates[-len(expected) :].tolist() == expected
    assert 0.0 in expected
    assert max(expected) == 200.0


@given(
    low=st.floats(0.0, 60.0),
    width=st.floats(0.0, 60.0),
    slope=st.floats(0.0, 0.02),
    share=st.floats(0.0, 1.0),
)
def test_the_lines_lie_below_leakage_and_touch_it(
    low: float, width: float, slope: float, share: float
) -> None:
    everything = activities()
    high = low + width
    slopes = np.array([[slope, 0.0]])
    constants = everything.under(slopes, np.array([[low, low]]), np.array([high, high]))[0]
    temps = np.linspace(low, high, 101)
    for constant, leakage in zip(constants, everything.leakage_w, strict=True):
        growth = np.exp(0.02 * (temps - 50.0))
        above = leakage[0] * growth - (constant[0] + slope * temps)
        assert above.min() >= -1e-12
        assert above.min() <= 1e-5 * max(width, 1.0)
        assert constant[1] == 0.0


def test_some_of_the_activities_keep_their_numbers() -> None:
    everything = activities()
    chosen = np.array([0, 3, 5])
    some = everything.of(chosen)
    assert np.array_equal(some.frames_hz, everything.frames_hz[chosen])
    assert np.array_equal(some.leakage_w, everything.leakage_w[chosen])


def test_likely_activities_hold_idle_the_fastest_and_the_most_accurate() -> None:
    everything = activities()
    chosen = likely(everything, PLANT, at_degc=70.0)
    assert 0 in chosen
    assert everything.frames_hz.max() in everything.frames_hz[chosen]
    assert everything.worth.max() in everything.worth[chosen]
    assert len(chosen) <= len(everything.frames_hz)


def test_junctions_are_the_nodes_of_blocks() -> None:
    assert junction_rows(PLANT).tolist() == [0]
