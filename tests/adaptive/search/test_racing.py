import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from searching import drawn_problem

from adaptive.search.racing import Race, exact_bound, lower_bound


def test_the_bound_is_that_of_the_formula() -> None:
    # By hand: mean 0, variance 2/(3-1) = 1, ln(2/0.5) = 1.3863.
    log = np.log(4.0)
    expected = -np.sqrt(2.0 * log / 3.0) - 14.0 * log / 6.0
    assert lower_bound(np.array([[1.0, -1.0, 0.0]]), 0.5)[0] == pytest.approx(expected)


@given(st.integers(0, 200), st.floats(0.05, 0.4))
def test_the_bound_holds_more_often_than_promised(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.choice([-1.0, 0.0, 1.0], p=[share, 1 - 2 * share, share], size=(40, 200))
    assert np.mean(lower_bound(drawn, 0.1) > 0.0) <= 0.1
    assert np.mean(exact_bound(drawn, 0.1) > 0.0) <= 0.1


def test_the_exact_bound_is_that_of_both_shares() -> None:
    # All of n better: the share's bound is (delta/2)^(1/n); none worse: 1 - (delta/2)^(1/n).
    edge = 0.05 ** (1 / 30)
    assert exact_bound(np.ones((1, 30)), 0.1)[0] == pytest.approx(2 * edge - 1)
    assert exact_bound(-np.ones((1, 30)), 0.1)[0] == -1.0


def test_the_exact_bound_is_the_sharper_one_where_images_are_few() -> None:
    few = np.ones((1, 100))
    few[0, :40] = 0.0
    assert exact_bound(few, 1e-6)[0] > lower_bound(few, 1e-6)[0]


def test_stages_double_and_end_with_all_images() -> None:
    assert Race(first=1 / 8).stops(800) == (100, 200, 400, 800)
    assert Race(first=1.0).stops(800) == (800,)
    assert Race().stops(3)[-1] == 3
    assert Race().stops(1) == (1,)


def test_a_plan_that_is_always_wrong_is_soon_beaten() -> None:
    right, wrong = np.ones(400, dtype=bool), np.zeros(400, dtype=bool)
    assert Race().beaten(wrong, right[np.newaxis], margin=0.0, budget=100)
    assert not Race().beaten(right, wrong[np.newaxis], margin=0.0, budget=100)
    assert not Race().beaten(wrong, right[np.newaxis], margin=1.0, budget=100)
    assert not Race().beaten(wrong, right[np.newaxis, :0].reshape(0, 400), margin=0.0, budget=9)


def test_racing_saves_images_and_keeps_the_front_where_plans_differ() -> None:
    plain = drawn_problem(7, budget=128, images=4000, harm=1.5)
    raced = drawn_problem(7, budget=128, images=4000, harm=1.5, race=Race())
    for problem in (plain, raced):
        problem.measure([problem.space.dearest])
        problem.measure(list(problem.space.mixes()))
    useful = plain.accuracy(plain.space.dearest) - plain.floor
    assert [m for m in raced.front() if raced.accuracy(m) > useful] == [
        m for m in plain.front() if plain.accuracy(m) > useful
    ]
    assert plain.image_evaluations > 2 * raced.image_evaluations


def test_racing_costs_no_image_more_where_plans_tie() -> None:
    raced = drawn_problem(5, budget=32, images=1000, harm=0.0, race=Race())
    raced.measure(list(raced.space.mixes()))
    assert raced.image_evaluations == 32 * 1000


@pytest.mark.parametrize("field", [{"delta": 0.0}, {"delta": 1.0}, {"first": 0.0}, {"first": 1.1}])
def test_races_that_cannot_be_run_are_refused(field: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        Race(**field)


def test_bounds_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 or more"):
        lower_bound(np.zeros((1, 1)), 0.1)
    with pytest.raises(ValueError, match="delta"):
        lower_bound(np.zeros((1, 2)), 0.0)
