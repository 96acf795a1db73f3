import numpy as np
import pytest
from searching import drawn_problem

from adaptive.search.racing import Race


def test_stages_double_and_end_with_all_images() -> None:
    assert Race(first=1 / 8).stops(800) == (100, 200, 400, 800)
    assert Race(first=1.0).stops(800) == (800,)
    assert Race().stops(3)[-1] == 3
    assert Race().stops(1) == (1,)


def test_a_plan_that_is_always_wrong_is_soon_beaten() -> None:
    right, wrong = np.ones(400, dtype=bool), np.zeros(400, dtype=bool)
    assert Race().beaten(wrong, right[np.newaxis], margin=0.0, budget=100)
    assert not Race().beaten(right, wrong[np.newaxis], margin=0.0, budget=100)
    assert not Race().beaten(wrong, right[np.newaxis], margin=0.99, budget=100)
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
