"""A continuous stream of real images, and what the integer engine really answers to it."""

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.precision import Effort
from models.data import LabelledImages

DIGITS_PER_FORM = 64


class FormStream:
    """Frames that are forms of 64 digits, dealt from a fixed set of images round and round.

    Frame `k` shows the images `64 k ... 64 k + 63`, modulo the number of images, in a seeded
    order. Every distinct (image, effort) goes through the integer engine once; the answer is
    reused whenever the image comes round again.

    Parameters
    ----------
    artifact
        The network.
    images
        The images the stream is dealt from.
    seed
        Draws the order.
    """

    def __init__(self, artifact: Artifact, images: LabelledImages, *, seed: int) -> None:
        self._artifact = artifact
        self._engine = ReferenceEngine(artifact)
        order = np.random.default_rng(seed).permutation(len(images.labels))
        self._pixels = images.images[order]
        self._labels = images.labels[order]
        self._right: dict[tuple[Effort, str], NDArray[np.int64]] = {}
        self._answers: dict[Effort, NDArray[np.float64]] = {}

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels at which answers are scored, leaves first."""
        return self._artifact.labels.levels

    @property
    def inferences(self) -> int:
        """How many images really went through the engine."""
        return len(self._answers) * len(self._labels)

    def right(self, effort: Effort, level: str, *, first: int, count: int) -> int:
        """Count the digits answered rightly at a level in consecutive frames."""
        before = self._right_up_to(effort, level)
        total = len(self._labels)

        def up_to(digits: int) -> int:
            rounds, rest = divmod(digits, total)
            return rounds * int(before[-1]) + int(before[rest])

        return up_to((first + count) * DIGITS_PER_FORM) - up_to(first * DIGITS_PER_FORM)

    def _right_up_to(self, effort: Effort, level: str) -> NDArray[np.int64]:
        """Right answers among the first k images, for k = 0 ... N, shape (N + 1,)."""
        key = (effort, level)
        if key not in self._right:
            if effort not in self._answers:
                self._answers[effort] = self._engine.probabilities(self._pixels, effort)
            right = self._artifact.labels.correct(self._answers[effort], self._labels, level=level)
            self._right[key] = np.concatenate([[0], np.cumsum(right)])
        return self._right[key]
