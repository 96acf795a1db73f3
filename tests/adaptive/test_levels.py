import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from adaptive.artifact import load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.labels import LabelTree
from adaptive.levels import ROOT, Ladder, conformal_threshold, fit_hedge, hedge
from adaptive.precision import Effort, parse_plan
from models.data import Distortion, distort, load_digits

TREE = LabelTree(
    leaves=("cat", "dog", "car", "rock"),
    levels=("leaf", "kind", "realm"),
    paths=(("alive", "pet"), ("alive", "pet"), ("made",), ()),
)
LADDER = Ladder(TREE)
CAT, DOG, CAR, ROCK, ALIVE, PET, MADE, TOP = range(8)


def row(*probabilities: float) -> np.ndarray:
    return np.array([probabilities])


def test_nodes_are_the_leaves_then_what_is_above_then_the_root() -> None:
    assert LADDER.nodes == ("cat", "dog", "car", "rock", "alive", "pet", "made", ROOT)
    assert LADDER.level_of == ("leaf",) * 4 + ("realm", "kind", "realm", ROOT)


def test_chains_lead_from_a_leaf_to_the_root() -> None:
    assert LADDER.chains.tolist() == [
        [CAT, PET, ALIVE, TOP],
        [DOG, PET, ALIVE, TOP],
        [CAR, MADE, TOP, TOP],
        [ROCK, TOP, TOP, TOP],
    ]


def test_an_answer_tells_what_it_rules_out() -> None:
    assert LADDER.information_bits.tolist() == [2, 2, 2, 2, 1, 1, 2, 0]


def test_a_node_has_the_probability_of_its_leaves() -> None:
    found = LADDER.node_probabilities(row(0.5, 0.25, 0.125, 0.125))
    assert found.tolist() == [[0.5, 0.25, 0.125, 0.125, 0.75, 0.75, 0.125, 1.0]]


@pytest.mark.parametrize(
    ("threshold", "answer"),
    [(-1.0, CAT), (0.4, CAT), (0.5, PET), (0.7, PET), (0.75, TOP), (1.0, TOP), (math.inf, TOP)],
)
def test_climbing_stops_at_the_first_node_above_the_threshold(
    threshold: float, answer: int
) -> None:
    assert LADDER.climb(row(0.5, 0.25, 0.125, 0.125), threshold).tolist() == [answer]


def test_the_tight_threshold_is_the_probability_of_the_last_wrong_node() -> None:
    p = np.repeat(row(0.5, 0.25, 0.2, 0.05), 4, axis=0)
    assert LADDER.tight_thresholds(p, [CAT, DOG, CAR, ROCK]).tolist() == [0.0, 0.5, 0.75, 0.75]


def test_sums_that_round_above_one_still_leave_the_root_to_a_threshold_of_one() -> None:
    tree = LabelTree(("a", "b", "c"), ("leaf", "all"), (("x",), ("x",), ("x",)))
    p = row(0.1, 0.3, 0.6000000000000002)
    assert Ladder(tree).climb(p, 1.0).tolist() == [Ladder(tree).root]


def probabilities(rows: int = 6) -> st.SearchStrategy[np.ndarray]:
    raw = hnp.arrays(float, (rows, 4), elements=st.floats(0.0, 1.0))
    return raw.map(lambda a: (a + 1e-9) / (a + 1e-9).sum(axis=1, keepdims=True))


LABELS = st.lists(st.integers(0, 3), min_size=6, max_size=6)


@given(probabilities(), st.floats(-0.1, 1.1))
def test_climbing_never_leaves_the_way_from_the_best_leaf_to_the_root(
    p: np.ndarray, threshold: float
) -> None:
    for best, answer in zip(np.argmax(p, axis=1), LADDER.climb(p, threshold), strict=True):
        assert answer in LADDER.chains[best]


@given(probabilities(), LABELS, st.floats(0, 1))
def test_an_answer_is_right_exactly_from_its_tight_threshold_on(
    p: np.ndarray, labels: list[int], threshold: float
) -> None:
    tight = LADDER.tight_thresholds(p, labels)
    covered = LADDER.covers(LADDER.climb(p, threshold), labels)
    np.testing.assert_array_equal(covered, tight <= threshold)


@given(probabilities(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_tells_more(p: np.ndarray, one: float, two: float) -> None:
    low, high = (LADDER.information_bits[LADDER.climb(p, t)] for t in sorted((one, two)))
    assert np.all(high <= low)


@pytest.mark.parametrize(
    ("alpha", "expected"), [(0.5, 5.0), (0.45, 6.0), (0.2, 8.0), (0.1, 9.0), (0.0999, math.inf)]
)
def test_the_threshold_is_the_ranked_tight_threshold(alpha: float, expected: float) -> None:
    tight = np.array([3.0, 1.0, 9.0, 5.0, 2.0, 8.0, 7.0, 6.0, 4.0])
    assert conformal_threshold(tight, alpha) == expected


def test_ranks_are_counted_in_decimals_as_written() -> None:
    # In binary, 100 (1 - 0.41) is a little more than 59.
    assert math.ceil(100 * (1 - 0.41)) == 60
    assert conformal_threshold(np.arange(1.0, 100.0), 0.41) == 59.0


def test_too_few_images_always_answer_the_root() -> None:
    assert conformal_threshold(np.zeros(8), 0.1) == math.inf
    assert conformal_threshold(np.zeros(9), 0.1) == 0.0
    assert conformal_threshold(np.zeros(0), 0.9) == math.inf


def test_ties_at_right_leaves_answer_leaves() -> None:
    threshold = conformal_threshold(np.array([0.0] * 95 + [0.9] * 4), 0.05)
    assert threshold == 0.0
    assert LADDER.climb(row(0.3, 0.3, 0.2, 0.2), threshold).tolist() == [CAT]


@given(
    hnp.arrays(float, st.integers(0, 40), elements=st.floats(0, 1)),
    st.floats(0.001, 0.999),
    st.floats(0.001, 0.999),
)
def test_the_threshold_falls_as_alpha_rises(tight: np.ndarray, one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert conformal_threshold(tight, low) >= conformal_threshold(tight, high)


@given(
    hnp.arrays(float, st.integers(1, 60), elements=st.sampled_from([0.0, 0.3, 0.6, 1.0])),
    st.sampled_from([0.05, 0.1, 0.25, 0.5]),
)
def test_every_image_held_out_in_turn_is_covered_often_enough(
    tight: np.ndarray, alpha: float
) -> None:
    # Exchangeability in full: over all choices of the new image, ties included.
    covered = [
        tight[i] <= conformal_threshold(np.delete(tight, i), alpha) for i in range(len(tight))
    ]
    assert np.mean(covered) >= 1 - alpha - 1e-12


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.1, 0.2]), st.floats(0.3, 4.0))
def test_coverage_on_images_drawn_alike_is_within_its_binomial_error(
    seed: int, alpha: float, overconfidence: float
) -> None:
    """Over many splits, whatever the temperature: coverage needs no calibrated probabilities."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(4, 0.7), size=4000)
    labels = (rng.random((4000, 1)) > np.cumsum(p, axis=1)).sum(axis=1).clip(max=3)
    p = p**overconfidence
    p /= p.sum(axis=1, keepdims=True)
    tight = LADDER.tight_thresholds(p, labels)
    covered = []
    for _ in range(20):
        order = rng.permutation(4000)
        threshold = conformal_threshold(tight[order[:2000]], alpha)
        covered.append(float(np.mean(tight[order[2000:]] <= threshold)))
    # One pool of 4,000 underlies all splits: its own error is what remains of the mean's.
    assert np.mean(covered) >= 1 - alpha - 5 * math.sqrt(alpha * (1 - alpha) / 4000)


def test_hedging_may_answer_beside_the_best_leaf() -> None:
    # Rock is the best leaf; a pet is likelier than a rock and still tells something.
    p = row(0.3, 0.3, 0.0, 0.4)
    assert hedge(LADDER, p, 0.0).tolist() == [ROCK]
    assert hedge(LADDER, p, 1.25).tolist() == [ALIVE]
    assert hedge(LADDER, p, math.inf).tolist() == [TOP]


def test_hedging_takes_the_least_weight_that_reaches_its_target() -> None:
    # worth of cat (2 + w) 0.6, of alive (1 + w) 0.9: they are equal at w = 1.
    p = np.repeat(row(0.6, 0.3, 0.1, 0.0), 2, axis=0)
    weight = fit_hedge(LADDER, p, [CAT, DOG], target=0.9)
    assert weight == pytest.approx(1.0, rel=1e-5)
    assert fit_hedge(LADDER, p, [CAT, DOG], target=0.5) == 0.0


def test_hedging_gives_up_where_only_the_root_is_right() -> None:
    assert fit_hedge(LADDER, row(1.0, 0.0, 0.0, 0.0), [ROCK], target=0.9) == math.inf


@given(probabilities(), LABELS, st.sampled_from([0.5, 0.8, 0.95]))
def test_hedging_reaches_its_target_on_the_images_it_was_fitted_on(
    p: np.ndarray, labels: list[int], target: float
) -> None:
    answers = hedge(LADDER, p, fit_hedge(LADDER, p, labels, target=target))
    assert LADDER.covers(answers, labels).mean() >= target


def test_a_score_counts_coverage_information_and_levels() -> None:
    score = LADDER.score(np.array([CAT, PET, MADE, TOP]), [DOG, DOG, CAR, ROCK])
    assert (score.answers, score.covered, score.coverage) == (4, 3, 0.75)
    assert score.information_bits == (2 + 1 + 2 + 0) / 4
    assert score.at_level == {"leaf": 1, "kind": 1, "realm": 1, ROOT: 1}


def test_a_tree_of_leaves_alone_answers_a_leaf_or_the_root() -> None:
    flat = Ladder(LabelTree(("a", "b"), ("leaf",), ((), ())))
    assert flat.climb(np.array([[0.9, 0.1], [0.5, 0.5]]), 0.5).tolist() == [0, flat.root]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LADDER.climb(np.ones((2, 3)), 0.5), r"expected \(N, 4\)"),
        (lambda: LADDER.climb(row(0.5, -0.1, 0.3, 0.3), 0.5), "below 0"),
        (lambda: LADDER.climb(row(math.nan, 0.1, 0.3, 0.3), 0.5), "none at all"),
        (lambda: LADDER.climb(row(1, 0, 0, 0), math.nan), "threshold is nan"),
        (lambda: conformal_threshold(np.zeros(9), 0.0), "alpha is 0.0"),
        (lambda: conformal_threshold(np.zeros(9), 1.0), "alpha is 1.0"),
        (lambda: conformal_threshold(np.array([math.nan]), 0.1), "NaN"),
        (lambda: conformal_threshold(np.zeros((2, 2)), 0.1), "shape"),
        (lambda: hedge(LADDER, row(1, 0, 0, 0), -1.0), "weight is -1.0"),
        (lambda: fit_hedge(LADDER, row(1, 0, 0, 0), [0], target=1.0), "target is 1.0"),
    ],
)
def test_what_cannot_be_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


HARD = Distortion(rotation_deg=60, shift_px=1.5, zoom=0.3, noise=40)


@pytest.mark.parametrize("plan", ["all-16", "all-8", "mix"])
def test_the_bundled_network_keeps_the_promise_on_images_hard_for_it(plan: str) -> None:
    artifact = load_artifact("digits")
    mix = ".".join("16" if k % 2 else "8" for k in range(len(artifact.layers)))
    effort = Effort(parse_plan(mix if plan == "mix" else plan, artifact.layers))
    engine, ladder = ReferenceEngine(artifact), Ladder(artifact.labels)
    found, labels = [], []
    for split in ("calibration", "test"):
        data = load_digits(split)
        images = distort(np.repeat(data.images, 3, axis=0), HARD, rng=np.random.default_rng(5))
        found.append(engine.probabilities(images, effort))
        labels.append(np.repeat(data.labels, 3))
    assert (np.argmax(found[1], axis=1) == labels[1]).mean() < 0.8
    tight = ladder.tight_thresholds(found[0], labels[0])
    told = []
    for alpha in (0.05, 0.1, 0.2):
        answers = ladder.climb(found[1], conformal_threshold(tight, alpha))
        score = ladder.score(answers, labels[1])
        # Both splits have their error: 288 and 360 different digits, three versions of each.
        error = math.sqrt(alpha * (1 - alpha) * (1 / 288 + 1 / 360))
        assert score.coverage >= 1 - alpha - 2.5 * error
        told.append(score.information_bits)
    assert told == sorted(told)
    assert told[-1] > 0.5
