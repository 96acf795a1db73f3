from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, make_point, make_points, two_node_plant

from adaptive.governor.menu import Menu
from adaptive.governor.objective import Objective
from adaptive.operating_point import OperatingPoint

LEAF = Objective({"leaf": 1.0})


def menu(points: tuple[OperatingPoint, ...] | None = None, **kwargs: float) -> Menu:
    return Menu.of(
        points or make_points(),
        two_node_plant(),
        objective=replace(LEAF, **kwargs),
        temp_degc=80.0,
    )


def test_the_coolest_point_is_first_and_the_highest_price_calls_for_it() -> None:
    made = menu()
    assert made.points[0].duty == 0.0
    assert not made.best[0].any()


def test_lower_prices_never_call_for_less_power() -> None:
    made = menu()
    levels = np.arange(made.best.shape[1])
    busy = made.busy(made.best, levels)
    power = made.idle_w[made.best] + busy * made.work_w[made.best]
    assert np.all(np.diff(power, axis=0) >= -1e-9)


def test_what_another_point_beats_is_left_out() -> None:
    wasteful = replace(make_point(OPPS.opps[1]), name="wasteful", latency_s=0.02)
    halved = make_point(OPPS.opps[1], duty=0.5)
    names = {point.name for point in menu((*make_points(), wasteful, halved)).points}
    assert not names & {"wasteful", halved.name}


@given(st.integers(0, 100), st.integers(0, 40))
def test_the_table_holds_the_best_of_all_points_at_a_price(level: int, row: int) -> None:
    made, points = menu(), make_points()
    price = made.prices[min(row, len(made.prices) - 1)]
    if row == 0:
        return
    chosen = made.points[made.best[min(row, len(made.prices) - 1), level]]
    whole = Menu.of(points, two_node_plant(), objective=LEAF, temp_degc=80.0)
    rate = level * whole.unit_hz

    def profit(point: OperatingPoint) -> float:
        index = made.points.index(point)
        busy = min(point.duty, rate * point.latency_s)
        worth = busy / point.latency_s * point.accuracy * (index > 0)
        return float(worth - price * (made.idle_w[index] + busy * made.work_w[index]))

    assert profit(chosen) == pytest.approx(max(profit(point) for point in made.points), rel=1e-9)


def test_a_rate_is_provided_for_in_full_and_the_fastest_at_most() -> None:
    made = menu()
    rates = np.array([0.0, 0.1, 63.0, 200.0, 1e9, np.inf])
    provided = made.level(rates) * made.unit_hz
    assert np.all(provided >= np.minimum(rates, 200.0) - 1e-9)
    assert provided.max() == pytest.approx(200.0)


def test_a_dearer_price_is_the_nearest_one() -> None:
    made = menu()
    assert made.dearer(np.ones(2))[:, 0].tolist() == list(range(len(made.prices)))
    assert np.all(made.dearer(np.array([1.0, 1e3]))[1:, 1] <= made.dearer(np.array([1.0]))[1:, 0])


def test_few_prices_do_for_many_points() -> None:
    steps = np.linspace(0.5e9, 2e9, 200)
    points = tuple(
        replace(
            make_point(OPPS.opps[0]),
            name=str(hertz),
            islands={"cpu": type(OPPS.opps[0])(hertz, 0.8 + 0.4 * ((hertz - 0.5e9) / 1.5e9) ** 2)},
            latency_s=0.01 * 1e9 / hertz,
        )
        for hertz in steps.tolist()
    )
    assert len(menu((make_points()[0], *points)).prices) <= 33
