import numpy as np
import pytest
from searching import drawn_problem

from adaptive.pareto import hypervolume
from adaptive.precision import Bits
from adaptive.search.additive import AdditiveProgramme
from adaptive.search.evolution import Evolution
from adaptive.search.exhaustive import Exhaustive
from adaptive.search.flip_chain import FlipChain
from adaptive.search.nested_chain import NestedChain, longest_chain
from adaptive.search.problem import Problem, Search, search
from adaptive.search.random_mixes import RandomMixes
from adaptive.search.surrogate import Surrogate

THREE = (Bits.INT16, Bits.INT8, Bits.INT4)
ALL = (
    Surrogate(), FlipChain(), AdditiveProgramme(), Evolution(), NestedChain(), RandomMixes()
)  # fmt: skip
EVERY = pytest.mark.parametrize("method", ALL, ids=lambda method: method.name)


def share(problem: Problem, truth: Problem) -> float:
    most = truth.cost(truth.space.dearest)
    least = truth.accuracy(truth.space.dearest) - truth.floor

    def volume(one: Problem) -> float:
        mixes = one.finished
        return hypervolume(
            [one.cost(mix) for mix in mixes],
            [one.accuracy(mix) for mix in mixes],
            most_cost=most,
            least_gain=least,
        )

    return volume(problem) / volume(truth)


@EVERY
@pytest.mark.parametrize("budget", [2, 9, 40])
def test_a_budget_is_kept_and_the_same_seed_does_the_same(method: Search, budget: int) -> None:
    one = search(method, drawn_problem(6, budget=budget), seed=3)
    again = search(method, drawn_problem(6, budget=budget), seed=3)
    assert 1 <= len(one.answers) <= budget
    assert list(one.answers) == list(again.answers)


@EVERY
def test_three_widths_and_a_single_gene_are_searched_too(method: Search) -> None:
    assert search(method, drawn_problem(4, bits=THREE), seed=0).front()
    assert search(method, drawn_problem(1), seed=0).front()


@EVERY
def test_a_small_space_is_never_asked_for_more_than_it_has(method: Search) -> None:
    assert len(search(method, drawn_problem(2, budget=50), seed=0).answers) <= 4


def test_exhaustive_measures_everything_or_refuses() -> None:
    problem = search(Exhaustive(), drawn_problem(5), seed=0)
    assert len(problem.answers) == 32
    with pytest.raises(ValueError, match="32 mixes, expected at most the budget of 31"):
        search(Exhaustive(), drawn_problem(5, budget=31), seed=0)


@pytest.mark.parametrize("seed", range(4))
def test_ours_finds_the_front_with_a_tenth_of_the_evaluations(seed: int) -> None:
    truth = search(Exhaustive(), drawn_problem(10, budget=1024, seed=seed), seed=0)
    ours = search(Surrogate(), drawn_problem(10, budget=100, seed=seed), seed=seed)
    assert share(ours, truth) >= 0.99


def test_ours_beats_chance_in_a_space_too_large_to_enumerate() -> None:
    problems = [drawn_problem(17, budget=80, images=60, seed=1) for _ in range(2)]
    ours = search(Surrogate(pair_share=0.3), problems[0], seed=0)
    chance = search(RandomMixes(), problems[1], seed=0)
    assert share(ours, ours) == pytest.approx(1.0)
    assert share(chance, ours) < 1.0


def test_the_flip_chain_follows_the_order_of_singles() -> None:
    problem = search(FlipChain(), drawn_problem(5), seed=0)
    singles = [mix for mix in problem.answers if sum(mix) == 1]
    chain = [mix for mix in problem.answers if sum(mix) > 1]
    best = max(singles, key=problem.accuracy)
    assert all(np.all(np.array(mix) >= np.array(best)) for mix in chain)
    assert [sum(mix) for mix in chain] == [2, 3, 4, 5]


def test_the_nested_chain_narrows_one_gene_at_a_time() -> None:
    problem = search(NestedChain(), drawn_problem(4), seed=0)
    chain = longest_chain(list(problem.answers))
    assert [sum(mix) for mix in chain] == [0, 1, 2, 3, 4]


def test_the_longest_chain_skips_what_does_not_nest() -> None:
    mixes = [(1, 0, 0), (0, 1, 1), (1, 1, 0), (1, 1, 1)]
    assert longest_chain(mixes) == [(1, 0, 0), (1, 1, 0), (1, 1, 1)]
    assert longest_chain([]) == []
