"""How well level choice keeps its promise: coverage and information over random splits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.labels import LabelTree
from adaptive.levels import Ladder, conformal_threshold, fit_hedge, hedge

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
