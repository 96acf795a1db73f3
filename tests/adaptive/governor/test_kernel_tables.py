from dataclasses import replace

import pytest
from control import LADDER
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, make_point, make_points, two_node_plant

from adaptive.governor.kernel_tables import (
    PowerActor,
    as_ladder,
    checked_actors,
    closest,
    frequency_khz,
    ladder_of,
    lowest_at_least,
    power_actor,
)
from adaptive.precision import Bits

ACTOR = PowerActor("cpu", 1, (512, 1296, 2400, 4608))


def test_a_ladder_holds_what_differs_in_frequency_only() -> None:
    like = make_point(OPPS.fastest)
    assert [p.name for p in ladder_of(make_points(), like)] == [p.name for p in LADDER]


@pytest.mark.parametrize(
    ("target_mhz", "found"), [(0, 0), (500, 0), (501, 1), (2000, 3), (2001, 3)]
)
def test_relation_l_rounds_up(target_mhz: int, found: int) -> None:
    assert lowest_at_least(LADDER, 1000 * target_mhz) is LADDER[found]


@pytest.mark.parametrize(
    ("target_mhz", "found"), [(0, 0), (749, 0), (750, 0), (751, 1), (1760, 3), (9000, 3)]
)
def test_relation_c_rounds_to_the_nearest_and_down_on_a_tie(target_mhz: int, found: int) -> None:
    assert closest(LADDER, 1000 * target_mhz) is LADDER[found]


@given(st.integers(0, 3_000_000))
def test_no_point_is_closer_than_the_closest(target_khz: int) -> None:
    off = abs(frequency_khz(closest(LADDER, target_khz)) - target_khz)
    assert off == min(abs(frequency_khz(p) - target_khz) for p in LADDER)


def test_the_energy_model_of_a_board_is_coefficient_times_voltage_squared_times_clock() -> None:
    # 1600 uW/MHz/V^2, by hand: 0.8^2 x 500, 0.9^2 x 1000, 1.0 x 1500, 1.2^2 x 2000 MHz.
    assert power_actor(two_node_plant(), "cpu", opps=OPPS) == ACTOR


@pytest.mark.parametrize(
    ("granted_mw", "load", "index"),
    [(1200, 100, 0), (1300, 100, 1), (1200, 50, 2), (2304, 50, 3), (0, 0, 0), (47, 0, 3)],
)
def test_a_grant_is_scaled_up_by_the_load(granted_mw: int, load: int, index: int) -> None:
    assert ACTOR.index_for(granted_mw, load) == index


def test_the_load_of_all_cpus_counts() -> None:
    four = PowerActor("cpu", 4, (100, 300))
    assert four.most_mw == 1200
    assert four.requested_mw(1, 250) == 750
    assert four.index_for(1199, 400) == 0
    assert four.index_for(1200, 400) == 1


@given(st.integers(0, 10_000), st.integers(0, 100))
def test_a_grant_of_what_was_asked_for_pays_for_what_ran(index: int, load: int) -> None:
    ran = index % 4
    assert load == 0 or ACTOR.index_for(ACTOR.requested_mw(ran, load) + 1, load) >= ran


def test_a_ladder_on_two_clusters_is_refused() -> None:
    other = replace(make_point(OPPS.fastest), cores="gpu", islands={"gpu": OPPS.fastest})
    with pytest.raises(ValueError, match=r"\['cpu', 'gpu'\], expected one cluster"):
        as_ladder([make_point(OPPS.slowest), other])


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ((), "ladder is empty"),
        ((make_point(OPPS.fastest), make_point(OPPS.fastest, Bits.INT16)), "two points of one"),
    ],
)
def test_a_ladder_needs_one_point_a_frequency(points: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_ladder(points)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cpus", "power_mw", "weight", "message"),
    [
        (0, (1,), 0, "cpus is 0"),
        (1, (), 0, "power_mw is"),
        (1, (-1,), 0, "power_mw is"),
        (1, (1,), -1, "weight is -1"),
    ],
)
def test_an_actor_of_impossible_numbers_is_refused(
    cpus: int, power_mw: tuple[int, ...], weight: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PowerActor("cpu", cpus, power_mw, weight)


def test_the_first_actor_is_the_cluster_of_the_ladder() -> None:
    assert checked_actors([ACTOR], LADDER) == (ACTOR,)
    with pytest.raises(ValueError, match="expected cpu first"):
        checked_actors([PowerActor("gpu", 1, (1, 2, 3, 4))], LADDER)
    with pytest.raises(ValueError, match="has 1 entries"):
        checked_actors([PowerActor("cpu", 1, (1,))], LADDER)
