import pytest
from control import LADDER, closed_loop, odd_observations, seen, step_of_demand
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, two_node_plant

from adaptive.governor.kernel_tables import PowerActor, power_actor
from adaptive.governor.power_allocator import PidBudget, PowerAllocator, divide, sustainable_mw
from adaptive.governor.schedutil import Schedutil
from adaptive.governor.throttled import Throttled
from adaptive.platform import Observation

ACTOR = PowerActor("cpu", 1, (512, 1296, 2400, 4608))
LITTLE = PowerActor("little", 4, (30, 100))


def controller() -> PidBudget:
    """S = 3 W at 80 degC, from 70 degC on: k_po 307, k_pu 614, k_i 61 by hand."""
    return PidBudget(control_mdegc=80_000, span_mk=10_000, sustainable_mw=3000, most_mw=4608)


def allocator(**changes: object) -> PowerAllocator:
    settings = {"trip_degc": 80.0, "sustainable_mw": 3000} | changes
    return PowerAllocator(LADDER, [ACTOR], **settings)  # type: ignore[arg-type]


def test_below_the_set_point_the_error_is_worth_double() -> None:
    # 614 x 2000 / 1024 = 1199.2
    assert controller().budget_mw(78_000) == 3000 + 1199


def test_above_it_the_integral_grows_and_every_shift_rounds_down() -> None:
    pid = controller()
    # p = -307000, i = -61000: -359.4 rounds down to -360, not to -359.
    assert pid.budget_mw(81_000) == 3000 - 360
    # i = -122000: -418.9
    assert pid.budget_mw(81_000) == 3000 - 419
    # At the set point the integral stays as it is: -119.1
    assert pid.budget_mw(80_000) == 3000 - 120
    assert pid.budget_mw(80_000) == 3000 - 120


def test_below_the_switch_on_temperature_there_is_no_limit_and_no_memory() -> None:
    pid = controller()
    for _ in range(5):
        pid.budget_mw(90_000)
    assert pid.budget_mw(69_999) is None
    assert pid.budget_mw(80_000) == 3000


def test_the_budget_is_clamped_to_what_the_actors_can_draw() -> None:
    assert controller().budget_mw(70_000) == 4608  # 3000 + 5996 before
    assert controller().budget_mw(200_000) == 0


@given(st.lists(st.integers(-40_000, 150_000), max_size=50))
def test_the_budget_stays_in_range(temps_mdegc: list[int]) -> None:
    pid = controller()
    for temp in temps_mdegc:
        budget = pid.budget_mw(temp)
        assert budget is None if temp < 70_000 else 0 <= (budget or 0) <= 4608


@given(st.integers(70_000, 120_000), st.integers(70_000, 120_000))
def test_a_hotter_zone_never_gets_more(one: int, other: int) -> None:
    cool, hot = sorted((one, other))
    assert (controller().budget_mw(hot) or 0) <= (controller().budget_mw(cool) or 0)


@pytest.mark.parametrize(
    ("budget", "weighted", "most", "grants"),
    [
        (3000, [2000, 1000], [4000, 4000], [2000, 1000]),
        (3000, [2000, 1000], [1500, 4000], [1500, 1500]),  # what the cap leaves is passed on
        (3000, [2000, 1000], [1500, 1100], [1500, 1100]),
        (100, [1, 2], [100, 100], [33, 67]),
        (5, [1, 1], [9, 9], [3, 3]),  # 2.5 rounds up
        (3000, [0, 0], [4000, 4000], [0, 0]),  # nobody asks, nobody is granted
    ],
)
def test_a_budget_is_divided_by_request(
    budget: int, weighted: list[int], most: list[int], grants: list[int]
) -> None:
    assert divide(budget, weighted=weighted, most_mw=most) == grants


_ACTORS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=5)


@given(st.integers(0, 10_000), _ACTORS)
def test_grants_keep_to_caps_and_to_the_budget_but_for_rounding(
    budget: int, actors: list[tuple[int, int]]
) -> None:
    most = [cap for _, cap in actors]
    grants = divide(budget, weighted=[request for request, _ in actors], most_mw=most)
    assert all(0 <= grant <= cap + 1 for grant, cap in zip(grants, most, strict=True))
    assert sum(grants) <= budget + 2 * len(actors)


def test_a_tick_by_hand() -> None:
    # At 81 degC 2640 mW; busy at 2 GHz the whole of it is granted: 1500 MHz cost 2400.
    governor = allocator()
    assert governor.decide(seen(81.0, backlog=1)) is LADDER[2]
    # 2581 at half load pay for 5162: 2 GHz.
    assert governor.decide(seen(81.0, served_hz=75.0)) is LADDER[3]


def test_an_idle_cluster_is_granted_nothing_once_control_is_on() -> None:
    assert allocator().decide(seen(75.0)) is LADDER[0]
    assert allocator().decide(seen(69.0)) is LADDER[3]


def test_an_idle_cluster_beside_it_takes_nothing_away() -> None:
    alone = allocator()
    beside = PowerAllocator(LADDER, [ACTOR, LITTLE], trip_degc=80.0, sustainable_mw=3000)
    for temp in (75.0, 79.0, 82.0, 81.0, 85.0):
        assert beside.decide(seen(temp, backlog=1)) is alone.decide(seen(temp, backlog=1))


def test_the_sustainable_power_is_read_off_in_the_energy_models_own_numbers() -> None:
    plant = two_node_plant(leak_a=1e-9)
    found = sustainable_mw(LADDER, ACTOR, plant, ambient_degc=25.0, limit_degc=80.0)
    # Without leakage the two differ by the sink's constant 0.2 W only.
    assert found == pytest.approx(1e3 * 53.0 / 14.0, abs=1.0)
    assert power_actor(plant, "cpu", opps=OPPS) == ACTOR


def test_a_step_of_demand_settles_at_the_trip() -> None:
    plant = two_node_plant()
    sustainable = sustainable_mw(LADDER, ACTOR, plant, ambient_degc=25.0, limit_degc=79.0)
    governor = allocator(trip_degc=79.0, sustainable_mw=sustainable)
    loop = closed_loop(governor, demand_hz=step_of_demand(20.0, 190.0, at_s=20.0), length_s=240.0)
    assert 76.0 < loop.peak_degc(from_s=180.0) <= loop.peak_degc() < 80.0
    assert loop.points[205] is LADDER[-1]


def test_under_it_schedutil_follows_the_demand() -> None:
    governor = Throttled(Schedutil(LADDER), allocator().ceiling)
    loop = closed_loop(governor, demand_hz=step_of_demand(20.0, 190.0, at_s=20.0), length_s=120.0)
    assert loop.points[150] is LADDER[0]
    assert loop.points[210] is LADDER[-1]
    assert loop.peak_degc() < 80.0


@given(odd_observations())
def test_odd_observations_get_a_point_of_the_ladder(run: list[Observation]) -> None:
    governor = allocator()
    assert all(governor.decide(observation) in LADDER for observation in run)


def test_without_a_zone_it_runs_at_its_slowest() -> None:
    assert allocator().decide(seen(float("nan"))) is LADDER[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"span_k": 0.0}, "span_mk is 0"), ({"sustainable_mw": -1}, "sustainable_mw is -1")],
)
def test_impossible_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        allocator(**changes)
