import json

import numpy as np
import pytest
from networks import small_artifact, small_images
from searching import drawn_meter, linear_cost, space_of

from adaptive.errors import ConfigError
from adaptive.search.exhaustive import Exhaustive
from adaptive.search.problem import search
from adaptive.search.random_mixes import RandomMixes
from adaptive.search.surrogate import Surrogate
from experiments import search_cost, search_oracle
from experiments.search.methods import method_named, methods
from experiments.search.oracle_file import Oracle
from experiments.search.resplits import trust
from experiments.search.saving import race_savings, tree_saving
from experiments.search.scoring import hypervolume_share, problem_of, score


def oracle(genes: int = 6, images: int = 800, harm: float = 1.0) -> Oracle:
    space = space_of(genes)
    meter = drawn_meter(space, images=images, harm=harm)
    costs = np.array([linear_cost(space)(mix) for mix in space.mixes()])
    return Oracle("drawn", space, meter.table, costs, {})


def test_everything_has_the_whole_hypervolume_and_the_widest_alone_has_none() -> None:
    drawn = oracle()
    whole = search(Exhaustive(), problem_of(drawn, 64), seed=0)
    assert hypervolume_share(drawn, whole) == 1.0
    one = problem_of(drawn, 64)
    one.measure([drawn.space.dearest])
    assert hypervolume_share(drawn, one) == 0.0


def test_a_score_is_given_for_each_method_and_seed() -> None:
    found = list(score(oracle(), [Surrogate(), RandomMixes()], range(2), budget=30))
    assert [(one.method, one.seed) for one in found] == [
        ("surrogate", 0), ("surrogate", 1), ("random", 0), ("random", 1)
    ]  # fmt: skip
    assert all(one.evaluations <= 30 and 0.0 <= one.hv_share <= 1.0 for one in found)


def test_racing_saves_and_the_front_stays() -> None:
    (found,) = race_savings(oracle(images=4000, harm=2.0), Exhaustive(), range(1), budget=64)
    assert found.same_front
    assert found.ratio > 2.0
    (tied,) = race_savings(oracle(harm=0.0), Exhaustive(), range(1), budget=64)
    assert tied.ratio == 1.0
    assert tied.same_front


def test_the_tree_answers_as_one_by_one() -> None:
    artifact = small_artifact()
    found = tree_saving(artifact, small_images(3), bits=(16, 8))
    assert found.identical
    assert (found.plans, found.forwards, found.forwards_one_by_one) == (8, 14, 24)


def test_merging_makes_points_that_stay() -> None:
    found = trust(oracle(images=2000, harm=0.5), Surrogate(), budget=40, splits=20)
    assert found.covered >= 0.95
    assert found.kept_undominated > 0.9
    assert found.kept_undominated >= found.front_undominated
    assert found.kept <= found.front


def test_methods_are_named_once() -> None:
    names = [method.name for method in methods()]
    assert len(set(names)) == len(names)
    assert method_named("surrogate") == Surrogate()
    with pytest.raises(ConfigError, match="--method is 'luck', expected one of surrogate"):
        method_named("luck")


def test_scores_are_printed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--oracle", "digits_radix", "--method", "random", "--method", "aimet-chain"]
    assert search_oracle.main([*arguments, "--budget", "20", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 10
    assert set(lines[0]) == {"oracle", "method", "seed", "evaluations", "hv_share"}
    assert search_oracle.main(arguments) == 0
    assert "| digits_radix | random | 100 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--oracle", "nowhere"], "nowhere"),
        (["--method", "luck"], "--method is 'luck'"),
        (["--budget", "1"], "--budget is 1"),
        (["--build", "nowhere"], "--build is 'nowhere'"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search_oracle.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert search_cost.main(["--images", "0"]) == 2


def test_ours_finds_what_there_is_on_every_bundled_oracle_and_a_heuristic_does_not() -> None:
    hard = 0
    for name in search_oracle.oracle_names():
        known = search_oracle.load_oracle(name)
        (ours,) = score(known, [Surrogate()], [0], budget=100)
        assert ours.evaluations <= 100
        assert ours.hv_share >= 0.99
        (chain,) = score(known, [method_named("aimet-chain")], [0], budget=100)
        hard += known.narrowest_loss > 0.03 and chain.hv_share < 0.95
    assert hard >= 1
