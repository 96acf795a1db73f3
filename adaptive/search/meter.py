"""Measuring mixes of a network on images: in stretches, wherever the executor likes."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.answer import right_answers
from adaptive.engine.library import is_built
from adaptive.engine.native import NativeEngine
from adaptive.engine.reference import ReferenceEngine
from adaptive.evaluate import Schedule, arithmetic_saved, correctness, schedule
from adaptive.precision import Effort
from adaptive.search.executors.protocol import Executor
from adaptive.search.journal import Entry, Journal, known_answers
from adaptive.search.space import Mix, SearchSpace

Booleans = NDArray[np.bool_]
STRETCH = 128
"""Images of one piece of work, always counted from the first: the same whoever does it."""

NATIVE_SPEED = 16.0
"""How many times as fast the native engine answers as the numpy one, roughly; both say the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """A named set of images, uint8 (N, H, W, C), and the leaf index of each, shape (N,)."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def digest(sets: Sequence[Images]) -> str:
    """Return what tells these image sets from any others."""
    seal = hashlib.sha256()
    for one in sets:
        seal.update(f"{one.name} {one.images.shape} {one.images.dtype}".encode())
        seal.update(np.ascontiguousarray(one.images).tobytes())
        seal.update(np.ascontiguousarray(one.labels, dtype=np.int64).tobytes())
    return seal.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What a worker needs to measure anything: sent once."""

    artifact: Artifact
    sets: dict[str, Images]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some efforts on a stretch of images."""

    images: str
    start: int
    stop: int
    efforts: tuple[Effort, ...]


def measure_piece(bench: Bench, piece: Piece) -> Booleans:
    """Return right answers, shape (efforts, levels, stop - start)."""
    images = bench.sets[piece.images]
    part = slice(piece.start, piece.stop)
    plan = schedule(bench.artifact, piece.efforts)
    if _native_pays(bench.artifact, plan):
        return _one_by_one(bench.artifact, images.images[part], images.labels[part], plan)
    return correctness(
        ReferenceEngine(bench.artifact), images.images[part], images.labels[part], plan
    )


def _native_pays(artifact: Artifact, plan: Schedule) -> bool:
    """Tell whether the native engine is there and outruns what the prefix tree saves."""
    return is_built() and arithmetic_saved(artifact, plan) < NATIVE_SPEED


def _one_by_one(
    artifact: Artifact, images: NDArray[np.uint8], labels: NDArray[np.int64], plan: Schedule
) -> Booleans:
    """Measure effort by effort on the native engine."""
    engine = NativeEngine(artifact)
    return np.array(
        [
            right_answers(artifact, effort.head, engine.probabilities(images, effort), labels)
            for effort in plan.efforts
        ]
    )


class NetworkMeter:
    """Measures mixes of a network, and never twice: what the journal has is not run again.

    Parameters
    ----------
    bench
        The network and its image sets.
    space
        What mixes mean.
    executor
        Where to measure.
    journal
        What is known already, and where to note the rest.
    progress
        Called with the images that went through the network since the last call.
    """

    def __init__(
        self,
        bench: Bench,
        space: SearchSpace,
        *,
        executor: Executor,
        journal: Journal,
        progress: Callable[[int], None] = lambda _images: None,
    ) -> None:
        self._bench, self._space = bench, space
        self._executor, self._journal, self._progress = executor, journal, progress
        self._known = dict(known_answers(journal.entries))

    def right(self, images: str, mixes: Sequence[Mix], start: int, stop: int) -> Booleans:
        """Return right answers at every level, shape (mixes, levels, stop - start)."""
        first, last = start // STRETCH, -(-stop // STRETCH)
        ends = len(self._bench.sets[images])
        stretches = [(k * STRETCH, min((k + 1) * STRETCH, ends)) for k in range(first, last)]
        self._measure(images, mixes, stretches)
        rows = [
            np.concatenate([self._known[images, a, b, mix] for a, b in stretches], axis=1)
            for mix in mixes
        ]
        offset = first * STRETCH
        return np.array(rows)[:, :, start - offset : stop - offset]

    def _measure(
        self, images: str, mixes: Sequence[Mix], stretches: Sequence[tuple[int, int]]
    ) -> None:
        """Measure what is not known yet."""
        wanted: list[tuple[list[Mix], Piece]] = []
        for start, stop in stretches:
            new = [mix for mix in mixes if (images, start, stop, mix) not in self._known]
            if new:
                efforts = tuple(self._space.effort(mix) for mix in new)
                wanted.append((new, Piece(images, start, stop, efforts)))
        pieces = [piece for _, piece in wanted]
        found = self._executor.map(measure_piece, pieces, shared=self._bench)
        for (new, piece), right in zip(wanted, found, strict=True):
            self._journal.add(Entry.of(images, piece.start, new, right))
            for mix, row in zip(new, right, strict=True):
                self._known[images, piece.start, piece.stop, mix] = row
            self._progress(len(new) * (piece.stop - piece.start))


@dataclass(frozen=True, slots=True, eq=False)
class LevelMeter:
    """What a search sees: one level, on the search images."""

    meter: NetworkMeter
    name: str
    images: int
    level: int

    def right(self, mixes: Sequence[Mix], start: int, stop: int) -> Booleans:
        """Tell which of the images from `start` to `stop` each mix answers rightly, (mixes, n)."""
        return self.meter.right(self.name, mixes, start, stop)[:, self.level]
