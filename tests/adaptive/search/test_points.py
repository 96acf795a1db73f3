import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from searching import TableMeter, drawn_meter, drawn_problem

from adaptive.errors import ConfigError
from adaptive.search.exhaustive import Exhaustive
from adaptive.search.points import CALIBRATE, REPORT, Target, find_points, split_images
from adaptive.search.problem import Problem, search


def found_in(problem: Problem, *, seed: int = 1):
    others = {
        name: drawn_meter(problem.space, images=900, harm=1.0) for name in (CALIBRATE, REPORT)
    }
    order = np.random.default_rng(seed).permutation(900)
    others[REPORT] = TableMeter(problem.space, others[REPORT].table[:, order[:450]])
    others[CALIBRATE] = TableMeter(problem.space, others[CALIBRATE].table[:, order[450:]])
    return find_points(
        problem, lambda images, mixes: others[images].right(mixes, 0, others[images].images)
    )


def test_points_rise_with_cost_and_those_kept_are_told_apart() -> None:
    problem = search(Exhaustive(), drawn_problem(6, harm=1.0), seed=0)
    points = found_in(problem)
    assert [point.mix for point in points] == [
        mix
        for mix in problem.front()
        if problem.accuracy(mix) > problem.accuracy(problem.space.dearest) - problem.floor
    ]
    assert points[0].apart
    kept = [point.reported.accuracy for point in points if point.apart]
    assert kept == sorted(kept)
    for point in points:
        assert point.reported.low <= point.reported.accuracy <= point.reported.high


def test_a_search_that_measured_nothing_useful_has_no_points() -> None:
    assert found_in(drawn_problem(3)) == ()


def test_targets_choose_the_cheapest_or_the_best() -> None:
    problem = search(Exhaustive(), drawn_problem(6, harm=1.0), seed=0)
    points = found_in(problem)
    wanted = points[0].reported.accuracy
    assert Target(least_accuracy=wanted).choose(points) == points[0]
    assert Target(most_cost=points[-1].cost).choose(points) == max(
        points, key=lambda point: point.reported.accuracy
    )
    assert Target(most_cost=points[0].cost).choose(points) == points[0]
    assert Target(least_accuracy=1.1).choose(points) is None


@given(st.integers(8, 300), st.integers(0, 9))
def test_three_sets_are_disjoint_and_whole(count: int, seed: int) -> None:
    parts = split_images(count, (0.5, 0.25, 0.25), seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(count))
    again = split_images(count, (0.5, 0.25, 0.25), seed=seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.0), (0.5, 0.5, 0.5)])
def test_shares_that_leave_a_set_empty_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match="--split"):
        split_images(100, shares, seed=0)
    with pytest.raises(ConfigError, match="leave a set empty"):
        split_images(4, (0.9, 0.05, 0.05), seed=0)
