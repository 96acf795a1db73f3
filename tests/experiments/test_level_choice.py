import numpy as np
import pytest

from adaptive.labels import LabelTree
from adaptive.levels import Ladder
from experiments.level_choice import study_levels

TREE = LabelTree(("a", "b", "c", "d"), ("leaf", "pair"), (("x",), ("x",), ("y",), ("y",)))
LADDER = Ladder(TREE)


def drawn(count: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw probabilities and labels that follow them; sharpness above 1 claims too much."""
    rng = np.random.default_rng(3)
    p = rng.dirichlet([0.4, 0.4, 0.4, 0.4], size=count)
    labels = (rng.random((count, 1)) > np.cumsum(p, axis=1)).sum(axis=1).clip(max=3)
    p = p**sharpness
    return p / p.sum(axis=1, keepdims=True), labels.astype(np.int64)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_coverage_is_as_promised_however_wrong_the_probabilities(sharpness: float) -> None:
    p, labels = drawn(3000, sharpness)
    for study in study_levels(LADDER.ways(p), labels, splits=30):
        assert study.coverage_gap >= -0.01
        assert len(study.conformal.coverage) == len(study.conformal.information_bits) == 30
        assert study.hedged is None


def test_a_larger_alpha_tells_more_and_hedging_meets_its_target_nearly() -> None:
    p, labels = drawn(3000, 1.0)
    studies = list(study_levels(LADDER.ways(p), labels, alphas=(0.05, 0.2), splits=10, hedged=p))
    told = [np.mean(study.conformal.information_bits) for study in studies]
    assert told[0] < told[1] <= 2.0
    for study in studies:
        assert study.hedged is not None
        assert np.mean(study.hedged.coverage) == pytest.approx(1 - study.alpha, abs=0.02)


def test_splits_repeat_with_their_seed() -> None:
    p, labels = drawn(200, 1.0)
    first, again, other = (
        next(study_levels(LADDER.ways(p), labels, splits=5, seed=seed)).conformal
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_too_few_calibration_images_answer_the_root() -> None:
    p, labels = drawn(60, 1.0)
    study = next(study_levels(LADDER.ways(p), labels, alphas=(0.05,), splits=3, calibration=10))
    assert study.conformal.coverage == (1.0, 1.0, 1.0)
    assert study.conformal.information_bits == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("calibration", [0, 60])
def test_a_split_without_images_is_refused(calibration: int) -> None:
    p, labels = drawn(60, 1.0)
    with pytest.raises(ValueError, match="expected 1 to 59 of 60"):
        next(study_levels(LADDER.ways(p), labels, calibration=calibration))
