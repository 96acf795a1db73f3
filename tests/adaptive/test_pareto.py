import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.pareto import front, hypervolume

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


def split(points: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [cost for cost, _ in points], [gain for _, gain in points]


@given(POINTS)
def test_the_front_is_what_no_other_beats(points: list[tuple[int, int]]) -> None:
    kept = front(*split(points))
    beaten = [
        any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in points)
        or (cost, gain) in points[:position]
        for position, (cost, gain) in enumerate(points)
    ]
    assert sorted(kept) == [k for k, is_beaten in enumerate(beaten) if not is_beaten]
    costs = [points[k][0] for k in kept]
    assert costs == sorted(costs)


@given(POINTS)
def test_the_hypervolume_is_the_count_of_unit_cells(points: list[tuple[int, int]]) -> None:
    cells = {
        (x, y) for cost, gain in points for x in range(cost, 8) for y in range(2, gain)
    }  # cells right of the cost, below the gain
    assert hypervolume(*split(points), most_cost=8, least_gain=2) == len(cells)


def test_no_points_dominate_nothing() -> None:
    assert len(front([], [])) == 0
    assert hypervolume([], [], most_cost=1.0, least_gain=0.0) == 0.0


@pytest.mark.parametrize(("costs", "gains"), [([1.0], []), ([np.nan], [0.0]), ([[1.0]], [[1.0]])])
def test_rows_that_are_no_points_are_refused(costs: list[float], gains: list[float]) -> None:
    with pytest.raises(ValueError, match="costs"):
        front(costs, gains)
