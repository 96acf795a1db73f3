from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive.platform import Observation
from adaptive.precision import Bits
from experiments.governors import DEMO_GOVERNORS, GOVERNORS, make_governor
from experiments.study import Study, prepare

BLIND = {"static-fastest", "ondemand", "schedutil"}


@pytest.fixture(scope="module")
def study() -> Study:
    return prepare(minutes=1.0)


def observations(study: Study) -> st.SearchStrategy[list[Observation]]:
    """Runs of observations in which zones are missing, stale, absurd or no numbers at all."""
    anything = st.one_of(st.floats(), st.floats(20.0, 120.0))
    zones = st.sampled_from([zone.name for zone in study.plant.zones])
    some = st.builds(
        Observation,
        time_s=st.one_of(st.floats(), st.floats(0.0, 10.0)),
        temps_degc=st.dictionaries(zones, anything),
        ages_s=st.dictionaries(zones, anything),
        power_w=st.none(),
        demand_hz=anything,
        served_hz=anything,
        latency_s=anything,
        backlog=st.integers(0, 1000),
        caps=st.just({}),
        fan_state=st.none(),
    )
    return st.lists(some, min_size=1, max_size=5)


def hot(study: Study, temp_degc: float, *, time_s: float) -> Observation:
    """Every zone at one temperature, frames waiting."""
    temps = {zone.name: temp_degc for zone in study.plant.zones}
    ages = dict.fromkeys(temps, 0.0)
    return Observation(time_s, temps, ages, None, 2000.0, 500.0, 0.2, 100, {}, None)


def test_the_demo_shows_the_first_four() -> None:
    assert GOVERNORS[:4] == DEMO_GOVERNORS
    assert len(set(GOVERNORS)) == len(GOVERNORS)


@pytest.mark.parametrize("name", GOVERNORS)
def test_odd_observations_get_a_point_of_the_table(study: Study, name: str) -> None:
    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    @given(observations(study))
    def check(run: list[Observation]) -> None:
        governor = make_governor(
            name, plant=study.plant, points=study.points, scenario=study.scenario
        )
        for observation in run:
            assert governor.decide(observation) in study.points

    check()


@pytest.mark.parametrize("name", sorted(set(GOVERNORS) - BLIND))
def test_a_lower_trip_makes_what_knows_of_heat_cooler(study: Study, name: str) -> None:
    powers = []
    for trip_degc in (85.0, 60.0):
        governor = make_governor(
            name,
            plant=study.plant,
            points=study.points,
            scenario=study.scenario,
            trip_degc=trip_degc,
        )
        # Warming up by a degree a second to 75, with frames waiting: hot for the lower trip only.
        run = [hot(study, 55.0 + 0.1 * step, time_s=0.1 * step) for step in range(200)]
        powers.append(sum(governor.decide(observation).power_w for observation in run))
    assert powers[1] < powers[0]


@pytest.mark.parametrize("name", ["step-wise", "power-allocator", "proactive", "schedutil"])
def test_what_is_blind_to_precision_runs_the_effort_it_is_given(study: Study, name: str) -> None:
    like = next(
        p
        for p in study.points
        if p.effort != study.points.points[0].effort and p.duty == 1.0 and p.cores == "a15"
    )
    governor = make_governor(
        name, plant=study.plant, points=study.points, scenario=study.scenario, like=like
    )
    run = [hot(study, 60.0, time_s=0.1 * step) for step in range(20)]
    chosen = [governor.decide(observation) for observation in run]
    assert {point.effort for point in chosen} == {like.effort}
    assert Bits.INT16 in like.effort.plan.bits


def test_power_is_allocated_among_every_cluster_of_the_board(study: Study) -> None:
    little = next(p for p in study.points if p.cores == "a7" and p.duty == 1.0)
    governor = make_governor(
        "power-allocator",
        plant=study.plant,
        points=study.points,
        scenario=replace(study.scenario, ambient_degc=25.0),
        like=little,
    )
    assert governor.decide(hot(study, 60.0, time_s=0.0)).cores == "a7"
