import numpy as np
import pytest
from searching import drawn_problem

from adaptive.search.problem import BudgetSpent, Problem, search


class Greedy:
    name = "greedy"

    def run(self, problem: Problem, *, seed: int) -> None:
        problem.measure(list(problem.space.mixes()))


def test_what_was_measured_costs_nothing_more() -> None:
    problem = drawn_problem(3)
    first = problem.measure([(0, 0, 0), (0, 0, 0), (1, 0, 0)])
    assert problem.image_evaluations == 2 * problem.meter.images
    assert np.array_equal(problem.measure([(0, 0, 0)]), first[:1])
    assert problem.image_evaluations == 2 * problem.meter.images


def test_a_spent_budget_ends_the_search_and_keeps_what_was_affordable() -> None:
    problem = search(Greedy(), drawn_problem(3, budget=5), seed=0)
    assert list(problem.answers) == list(problem.space.mixes())[:5]
    assert problem.left == 0
    with pytest.raises(BudgetSpent):
        problem.measure([problem.space.cheapest])


def test_the_front_rises_with_cost() -> None:
    problem = search(Greedy(), drawn_problem(4), seed=0)
    front = problem.front()
    costs = [problem.cost(mix) for mix in front]
    accuracies = [problem.accuracy(mix) for mix in front]
    assert costs == sorted(costs)
    assert accuracies == sorted(accuracies)


def test_nothing_measured_has_no_front() -> None:
    assert drawn_problem(2).front() == []


def test_no_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="budget is 0"):
        drawn_problem(2, budget=0)
