"""How well level choice keeps its promise: on held-out images, and over random splits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.labels import LabelTree
from adaptive.levels import Ladder, conformal_threshold, fit_hedge, hedge
from adaptive.precision import Effort
from adaptive.proportion import wilson_interval
from experiments.answers import answers
from models.data import ImageSet

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LevelStudy:
    """Level choice at one alpha over some splits; shares are 0..1, information is in bits.

    `coverage` and `information_bits` are of the conformal threshold, `hedge_coverage` and
    `hedge_information_bits` of the baseline (DARTS) with 1 - alpha as its target;
    `leaf_coverage` is how often the best leaf is right, which tells the most.
    """

    alpha: float
    coverage: tuple[float, ...]
    information_bits: tuple[float, ...]
    hedge_coverage: tuple[float, ...]
    hedge_information_bits: tuple[float, ...]
    leaf_coverage: float

    @property
    def coverage_gap(self) -> float:
        """How far mean coverage stays below 1 - alpha; negative where it is above."""
        return (1.0 - self.alpha) - float(np.mean(self.coverage))


def study_levels(
    probabilities: Floats,
    labels: Integers,
    tree: LabelTree,
    *,
    alphas: Sequence[float] = (0.05, 0.1, 0.2),
    splits: int = 50,
    calibration: int | None = None,
    seed: int = 0,
) -> Iterator[LevelStudy]:
    """Calibrate on a random part of some images and answer the rest, again and again.

    Parameters
    ----------
    probabilities
        Probabilities of one effort, shape (N, leaves), of images its temperature was not fitted on.
    labels
        Leaf index of each image, shape (N,).
    tree
        The labels.
    alphas
        Shares of answers that may be wrong.
    splits
        How often.
    calibration
        Images of each calibration part; half of all by default.
    seed
        Draws the splits, the same for each alpha.
    """
    ladder, count = Ladder(tree), len(labels)
    size = count // 2 if calibration is None else calibration
    if not 0 < size < count:
        raise ValueError(f"calibration is {size}, expected 1 to {count - 1} of {count} images")
    tight = ladder.tight_thresholds(probabilities, labels)
    leaf = float((np.argmax(probabilities, axis=1) == labels).mean())
    for alpha in alphas:
        rng = np.random.default_rng(seed)
        scores = []
        for _ in range(splits):
            order = rng.permutation(count)
            known, new = order[:size], order[size:]
            threshold = conformal_threshold(tight[known], alpha)
            weight = fit_hedge(ladder, probabilities[known], labels[known], target=1.0 - alpha)
            climbed = ladder.climb(probabilities[new], threshold)
            hedged = hedge(ladder, probabilities[new], weight)
            scores.append([ladder.score(answers, labels[new]) for answers in (climbed, hedged)])
        yield LevelStudy(
            alpha,
            tuple(score.coverage for score, _ in scores),
            tuple(score.information_bits for score, _ in scores),
            tuple(score.coverage for _, score in scores),
            tuple(score.information_bits for _, score in scores),
            leaf,
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
            "plan": effort.plan.code,
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
