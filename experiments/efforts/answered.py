"""How efforts answer a set of images, level by level, and how sure they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.answer import right_answers
from adaptive.engine.protocol import EngineName
from adaptive.precision import Effort, PrecisionPlan
from experiments.answers import answers
from models.data import ImageSet


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """Answers of one effort at the levels its head tells, by level.

    Attributes
    ----------
    right
        Whether each image is answered rightly, shape (N,).
    confidence
        Probability of the node answered, shape (N,).
    """

    right: Mapping[str, NDArray[np.bool_]]
    confidence: Mapping[str, NDArray[np.float64]]


def uniform_efforts(artifact: Artifact) -> tuple[Effort, ...]:
    """Return every width and head at each uniform precision, the dearest first."""
    return tuple(
        Effort(PrecisionPlan.uniform(artifact.layers, bits), width, head)
        for width in artifact.widths
        for bits in artifact.bits
        for head in artifact.heads
    )


def answered(
    artifact: Artifact,
    efforts: Sequence[Effort],
    data: ImageSet,
    *,
    engine: EngineName | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> dict[Effort, Answered]:
    """Run efforts over a set of images through the integer engine."""
    right: dict[Effort, dict[str, list[NDArray[np.bool_]]]] = {e: {} for e in efforts}
    sure: dict[Effort, dict[str, list[NDArray[np.float64]]]] = {e: {} for e in efforts}
    levels = artifact.labels.levels
    for effort, probabilities, labels in answers(
        artifact, efforts, data, engine=engine, progress=progress
    ):
        own = artifact.labels_of(effort.head)
        at_levels = right_answers(artifact, effort.head, probabilities, labels)
        for level in own.levels:
            right[effort].setdefault(level, []).append(at_levels[levels.index(level)])
            best = own.marginalise(probabilities, level).max(axis=1)
            sure[effort].setdefault(level, []).append(best)
    return {
        effort: Answered(
            {level: np.concatenate(parts) for level, parts in right[effort].items()},
            {level: np.concatenate(parts) for level, parts in sure[effort].items()},
        )
        for effort in efforts
    }
