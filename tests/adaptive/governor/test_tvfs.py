import pytest
from control import closed_loop, odd_observations, seen, step_of_demand
from hypothesis import given
from plants import make_points

from adaptive.governor.tvfs import Tvfs, fixed_latency_ladder
from adaptive.platform import Observation

POINTS = make_points()


def tvfs(target_latency_s: float, *, trip_degc: float = 78.0) -> Tvfs:
    return Tvfs(
        POINTS,
        cores="cpu",
        target_latency_s=target_latency_s,
        trip_degc=trip_degc,
        hysteresis_k=2.0,
    )


@pytest.mark.parametrize(
    ("target_latency_s", "bits"),
    # 8 bits take 20, 10, 6.7 and 5 ms, 16 bits twice that.
    [
        (0.001, [8, 8, 8, 8]),
        (0.0101, [8, 8, 8, 16]),
        (0.0201, [8, 16, 16, 16]),
        (0.0401, [16, 16, 16, 16]),
    ],
)
def test_the_network_shrinks_as_the_clock_falls(target_latency_s: float, bits: list[int]) -> None:
    ladder = fixed_latency_ladder(POINTS, cores="cpu", target_latency_s=target_latency_s)
    assert [int(point.effort.plan.bits[0]) for point in ladder] == bits


def test_idle_points_and_other_clusters_are_left_out() -> None:
    ladder = fixed_latency_ladder(POINTS, cores="cpu", target_latency_s=0.01)
    assert all(point.duty == 1.0 for point in ladder)
    with pytest.raises(ValueError, match="ladder is empty"):
        fixed_latency_ladder(POINTS, cores="gpu", target_latency_s=0.01)


def test_a_step_of_demand_heats_it_into_the_smaller_network_at_the_same_latency() -> None:
    governor = tvfs(0.0101)  # 10 ms: 16 bits at 2 GHz, 8 bits at 1.5 and 1 GHz
    loop = closed_loop(governor, demand_hz=step_of_demand(5.0, 95.0, at_s=20.0), length_s=200.0)
    assert loop.points[199].accuracy == loop.points[205].accuracy == 0.92
    assert min(point.accuracy for point in loop.points) == 0.90
    assert max(point.latency_s for point in loop.points) <= 0.0101
    assert loop.served(from_s=21.0) == pytest.approx(95.0 * 179.0, rel=0.01)
    assert loop.peak_degc() < 79.0


@given(odd_observations())
def test_odd_observations_get_a_point_of_the_table(run: list[Observation]) -> None:
    governor = tvfs(0.01)
    assert all(governor.decide(observation) in POINTS for observation in run)


def test_it_starts_at_full_speed() -> None:
    assert tvfs(0.0101).decide(seen(30.0)).name == "2000MHz/16/1"
