from adaptive.config import load_board
from experiments.decide_bench import candidates, decide_times, simulation_speed


def test_candidates_are_as_many_as_asked_for_and_differ() -> None:
    points = candidates(load_board("odroid-xu4"), 50)
    assert len(points) == len({point.name for point in points}) == 50
    assert len({point.frequency_hz for point in points}) == 25


def test_a_bench_of_two_sizes_gives_a_line_each() -> None:
    small, large = decide_times((10, 40), seconds=5.0)
    assert (small.points, large.points) == (10, 40)
    assert 0.0 < small.median_us <= small.p99_us
    assert large.kept > small.kept


def test_the_speed_of_a_simulation_is_a_number_above_0() -> None:
    assert simulation_speed("rpi4b", seconds=5.0).simulated_s_per_cpu_s > 0.0
