"""How well level choice keeps its promise: on held-out images, and over random splits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.levels import Ladder, LevelScore, Ways, conformal_threshold, fit_hedge, hedge
from adaptive.precision import Effort
from adaptive.proportion import wilson_interval
from experiments.answers import answers
from models.data import ImageSet

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kept:
    """How often answers held the label, and what they told [bit], in each of some splits."""

    coverage: tuple[float, ...]
    information_bits: tuple[float, ...]

    @property
    def mean(self) -> tuple[float, float]:
        """Coverage and information, averaged over the splits."""
        return float(np.mean(self.coverage)), float(np.mean(self.information_bits))


@dataclass(frozen=True, slots=True)
class LevelStudy:
    """Level choice at one alpha over some splits; shares are 0..1, information is in bits.

    `conformal` is of the conformal threshold, `hedged` of the baseline (DARTS) with 1 - alpha as
    its target, where it was asked for.
    """

    alpha: float
    conformal: Kept
    hedged: Kept | None = None

    @property
    def coverage_gap(self) -> float:
        """Mean coverage less 1 - alpha; below zero where the promise is not kept on average."""
        return self.conformal.mean[0] - (1.0 - self.alpha)


def study_levels(
    ways: Ways,
    labels: Integers,
    *,
    alphas: Sequence[float] = (0.05, 0.1, 0.2),
    splits: int = 50,
    calibration: int | None = None,
    seed: int = 0,
    hedged: Floats | None = None,
) -> Iterator[LevelStudy]:
    """Calibrate on a random part of some images and answer the rest, again and again.

    Parameters
    ----------
    ways
        Of one effort and N images its temperature was not fitted on.
    labels
        Leaf index of each image, shape (N,).
    alphas
        Shares of answers that may be wrong.
    splits
        How often.
    calibration
        Images of each calibration part; half of all by default.
    seed
        Draws the splits, the same for each alpha.
    hedged
        Probabilities behind the ways, shape (N, leaves), to try the baseline on as well.
    """
    ladder, count = ways.ladder, len(labels)
    size = count // 2 if calibration is None else calibration
    if not 0 < size < count:
        raise ValueError(f"calibration is {size}, expected 1 to {count - 1} of {count} images")
    tight = ways.tight_thresholds(labels)
    for alpha in alphas:
        rng = np.random.default_rng(seed)
        climbed, baseline = [], []
        for _ in range(splits):
            order = rng.permutation(count)
            known, new = order[:size], order[size:]
            answers = ways[new].answers(conformal_threshold(tight[known], alpha))
            climbed.append(ladder.score(answers, labels[new]))
            if hedged is not None:
                weight = fit_hedge(ladder, hedged[known], labels[known], target=1.0 - alpha)
                baseline.append(ladder.score(hedge(ladder, hedged[new], weight), labels[new]))
        yield LevelStudy(alpha, _kept(climbed), _kept(baseline) if baseline else None)


def _kept(scores: Sequence[LevelScore]) -> Kept:
    """Lay the scores of all splits side by side."""
    return Kept(
        tuple(score.coverage for score in scores),
        tuple(score.information_bits for score in scores),
    )


def keep_promise(
    artifact: Artifact,
    efforts: Sequence[Effort],
    calibration: ImageSet,
    test: ImageSet,
    *,
    alpha: float,
    progress: Callable[[float], None] = lambda _share: None,
) -> Iterator[dict[str, str | float | int]]:
    """Find each effort's threshold on calibration images and answer test images with it.

    Yields one row an effort: coverage with its 95 % interval, mean information of the answers,
    that of a leaf, the threshold (1 where only the root is safe), and how many answers stood at
    each level.

    Notes
    -----
    Limits: a temperature that was fitted on the same calibration images is one number for all of
    them; strictly the promise then holds only nearly. Images of the two splits that were not
    taken alike (other writers, other cameras) void it.
    """
    ladder, first = Ladder(artifact.labels), len(calibration) / (len(calibration) + len(test))
    tight: dict[Effort, list[Floats]] = {effort: [] for effort in efforts}
    for effort, probabilities, labels in answers(
        artifact, efforts, calibration, progress=lambda part: progress(first * part)
    ):
        tight[effort].append(ladder.tight_thresholds(probabilities, labels))
    # No probability exceeds 1, so a threshold of 1 is as good as infinity, and it is JSON.
    thresholds = {
        effort: min(conformal_threshold(np.concatenate(parts), alpha), 1.0)
        for effort, parts in tight.items()
    }
    climbed: dict[Effort, list[Integers]] = {effort: [] for effort in efforts}
    for effort, probabilities, _ in answers(
        artifact, efforts, test, progress=lambda part: progress(first + (1 - first) * part)
    ):
        climbed[effort].append(ladder.climb(probabilities, thresholds[effort]))
    for effort, parts in climbed.items():
        score = ladder.score(np.concatenate(parts), test.labels)
        low, high = wilson_interval(score.covered, score.answers)
        yield {
            "artifact": artifact.name,
            "plan": effort.code,
            "alpha": alpha,
            "threshold": thresholds[effort],
            "coverage": score.coverage,
            "low": low,
            "high": high,
            "information_bits": score.information_bits,
            "most_bits": float(ladder.information_bits.max()),
            **{f"answers_at_{level}": count for level, count in score.at_level.items()},
            "n": score.answers,
        }
