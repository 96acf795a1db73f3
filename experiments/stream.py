"""What a stream of frames shows, and how many of its images an effort names rightly."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.answer import right_answers, right_nodes
from adaptive.engine.protocol import EngineName, default_engine, make_engine
from adaptive.errors import ConfigError
from adaptive.escalation import answer
from adaptive.precision import Effort
from models.data import LabelledImages

DIGITS_PER_FORM = 64


class Stream(Protocol):
    """Frames of one or more images each."""

    @property
    def images_per_frame(self) -> int:
        """Images the network classifies to answer one frame."""
        ...

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels at which answers are scored, leaves first."""
        ...

    @property
    def inferences(self) -> int:
        """How many images really went through the engine."""
        ...

    @property
    def engine(self) -> str:
        """Name of the engine they went through; empty where none does."""
        ...

    def right(self, effort: Effort, level: str, *, first: int, count: int) -> float:
        """Return how many images are named rightly at a level in consecutive frames."""
        ...


class ExpectedStream:
    """Frames of one image each, of which the measured share is named rightly: no image is read.

    Parameters
    ----------
    artifact
        The network, with the accuracies measured at its export.
    """

    def __init__(self, artifact: Artifact) -> None:
        self._levels = artifact.labels.levels
        self._accuracy: Mapping[Effort, Mapping[str, float]] = {
            entry.effort: entry.accuracy for entry in artifact.measured
        }

    @property
    def images_per_frame(self) -> int:
        """One image a frame."""
        return 1

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels at which answers are scored, leaves first."""
        return self._levels

    @property
    def inferences(self) -> int:
        """No image goes through the engine."""
        return 0

    @property
    def engine(self) -> str:
        """No engine runs."""
        return ""

    def right(self, effort: Effort, level: str, *, first: int, count: int) -> float:  # noqa: ARG002
        """Return how many images are expected to be named rightly, none at a level not told."""
        return count * self._accuracy[effort].get(level, 0.0)


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
    engine
        Name of the integer engine; the artifact's default if None.
    """

    def __init__(
        self,
        artifact: Artifact,
        images: LabelledImages,
        *,
        seed: int,
        engine: EngineName | None = None,
    ) -> None:
        self._artifact = artifact
        self._name = engine or default_engine()
        self._engine = make_engine(self._name, artifact)
        order = np.random.default_rng(seed).permutation(len(images.labels))
        self._pixels = images.images[order]
        self._labels = images.labels[order]
        self._right: dict[tuple[Effort, str], NDArray[np.int64]] = {}
        self._answers: dict[Effort, NDArray[np.bool_]] = {}

    @property
    def engine(self) -> str:
        """Name of the engine the images go through."""
        return self._name

    @property
    def images_per_frame(self) -> int:
        """Digits of a form."""
        return DIGITS_PER_FORM

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
                self._answers[effort] = self._answered(effort)
            right = self._answers[effort][self.levels.index(level)]
            self._right[key] = np.concatenate([[0], np.cumsum(right)])
        return self._right[key]

    def _answered(self, effort: Effort) -> NDArray[np.bool_]:
        """Tell which images are answered rightly at each level, shape (levels, N)."""
        if effort.onward is None:
            shares = self._engine.probabilities(self._pixels, effort)
            return right_answers(self._artifact, effort.head, shares, self._labels)
        measured = self._artifact.measurement(effort)
        if measured is None:
            raise ConfigError(f"{self._artifact.name}: effort {effort.code} was never measured")
        (level,) = measured.correct
        nodes, _ = answer(self._engine, self._pixels, effort, level)
        return right_nodes(self._artifact.labels, nodes, level, self._labels)
