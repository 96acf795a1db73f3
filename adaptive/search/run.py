"""One search from a network and its images to points at every level of its labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.search.executors.protocol import Executor
from adaptive.search.journal import SCHEMA, Header, Journal
from adaptive.search.meter import Bench, Images, LevelMeter, NetworkMeter, digest
from adaptive.search.points import CALIBRATE, REPORT, SEARCH, FoundPoint, find_points
from adaptive.search.problem import Cost, Problem, Search, search
from adaptive.search.racing import Race
from adaptive.search.space import Mix, SearchSpace

Booleans = NDArray[np.bool_]
SETS = (SEARCH, CALIBRATE, REPORT)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What to search: a network, what may switch, what it costs, and on which images.

    Attributes
    ----------
    sets
        Three disjoint sets of images: to search, to calibrate and to report on.
    cost
        Cost of a mix for one image.
    budget, floor, race, delta
        Mixes to measure; accuracy that may be lost; how to race; probability of any error in what
        is said of the points.
    """

    artifact: Artifact
    space: SearchSpace
    sets: Mapping[str, Images]
    cost: Cost
    budget: int
    floor: float = 0.03
    race: Race | None = None
    delta: float = 0.05

    def __post_init__(self) -> None:
        if tuple(self.sets) != SETS:
            raise ValueError(f"sets is {tuple(self.sets)}, expected {SETS}")
        if self.space.layers != self.artifact.layers:
            raise ValueError("space is of other layers than the artifact")

    @property
    def header(self) -> Header:
        """What a journal of this search begins with."""
        return Header(
            schema=SCHEMA,
            artifact=self.artifact.checksum,
            images=digest(list(self.sets.values())),
            groups=self.space.groups,
            bits=tuple(int(bits) for bits in self.space.bits),
            levels=self.artifact.labels.levels,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search found.

    Attributes
    ----------
    problem
        The search at the level it was run at, with all that was measured.
    points
        The front at each level, cheapest first; only mixes measured on all search images count.
    reported
        Right answers on the report images at each level, of every mix on some front.
    """

    problem: Problem
    points: Mapping[str, tuple[FoundPoint, ...]]
    reported: Mapping[Mix, Mapping[str, int]]


def run_search(
    question: Question,
    method: Search,
    *,
    seed: int,
    executor: Executor,
    journal: Path,
    level: str | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> Found:
    """Search, going on where the journal ends.

    Parameters
    ----------
    question
        What to search.
    method
        How.
    seed
        Of the method's draws; with the same seed a run that is started again decides the same.
    executor
        Where to measure.
    journal
        File of the measurements; made if it is not there.
    level
        The level of the labels that the search looks at; the leaves by default.
    progress
        Called with the share done, as if nothing were dropped on the way.

    Raises
    ------
    ConfigError
        If the journal is damaged or belongs to another search.
    """
    levels = question.artifact.labels.levels
    at = 0 if level is None else levels.index(level)
    done, whole = 0, min(question.budget, question.space.size) * len(question.sets[SEARCH])

    def count(images: int) -> None:
        nonlocal done
        done += images
        progress(min(done / whole, 1.0))

    with Journal(journal, question.header) as kept:
        meter = NetworkMeter(
            Bench(question.artifact, dict(question.sets)),
            question.space,
            executor=executor,
            journal=kept,
            progress=count,
        )
        problem = search(method, _problem(question, meter, at, race=question.race), seed=seed)
        found = {
            name: _points(question, meter, problem if k == at else None, k, problem.finished)
            for k, name in enumerate(levels)
        }
        mixes = list(dict.fromkeys(point.mix for points in found.values() for point in points))
        reported = _reported(question, meter, mixes)
    return Found(problem, found, reported)


def _problem(question: Question, meter: NetworkMeter, level: int, *, race: Race | None) -> Problem:
    """Pose the question at one level."""
    seen = LevelMeter(meter, SEARCH, len(question.sets[SEARCH]), level)
    return Problem(
        question.space, seen, question.cost, question.budget, floor=question.floor, race=race
    )


def _reported(
    question: Question, meter: NetworkMeter, mixes: Sequence[Mix]
) -> dict[Mix, dict[str, int]]:
    """Count right answers on the report images."""
    if not mixes:
        return {}
    right = meter.right(REPORT, mixes, 0, len(question.sets[REPORT])).sum(axis=2)
    levels = question.artifact.labels.levels
    return {
        mix: dict(zip(levels, map(int, row), strict=True))
        for mix, row in zip(mixes, right, strict=True)
    }


def _points(
    question: Question,
    meter: NetworkMeter,
    problem: Problem | None,
    level: int,
    measured: Sequence[Mix],
) -> tuple[FoundPoint, ...]:
    """Return the front at a level, of what was measured for the level searched at."""
    if problem is None:
        problem = _problem(question, meter, level, race=None)
        problem.measure(list(measured))

    def answers(images: str, mixes: Sequence[Mix]) -> Booleans:
        return meter.right(images, mixes, 0, len(question.sets[images]))[:, level]

    return find_points(problem, answers, delta=question.delta)
