"""What the prefix tree and racing save: the same answers for less."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adaptive.artifact import Artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.evaluate import Pixels, run_schedule, schedule
from adaptive.precision import Effort, all_plans
from adaptive.search.problem import Problem, Search, search
from adaptive.search.racing import Race
from experiments.search.oracle_file import Oracle, OracleMeter
from experiments.search.scoring import FLOOR


@dataclass(frozen=True, slots=True)
class TreeSaving:
    """All plans of a network through the tree, and one by one, on the same images.

    Attributes
    ----------
    layers, plans
        Layers that switch, and plans run.
    forwards, forwards_one_by_one
        Layers with weights that run, for one image.
    cpu_s, cpu_one_by_one_s
        Processor time [s].
    identical
        Whether all output codes are the same.
    """

    layers: int
    plans: int
    forwards: int
    forwards_one_by_one: int
    cpu_s: float
    cpu_one_by_one_s: float
    identical: bool


def tree_saving(artifact: Artifact, images: Pixels, *, bits: tuple[int, ...]) -> TreeSaving:
    """Run all plans both ways."""
    efforts = [Effort(plan) for plan in all_plans(artifact.layers, bits)]
    engine = ReferenceEngine(artifact)
    start_s = time.process_time()
    plan = schedule(artifact, efforts)
    together = dict(run_schedule(engine, images, plan))
    middle_s = time.process_time()
    identical = all(
        np.array_equal(engine.run(images, effort), together[position])
        for position, effort in enumerate(efforts)
    )
    end_s = time.process_time()
    return TreeSaving(
        layers=len(artifact.layers),
        plans=len(efforts),
        forwards=plan.layer_forwards,
        forwards_one_by_one=plan.layer_forwards_one_by_one,
        cpu_s=middle_s - start_s,
        cpu_one_by_one_s=end_s - middle_s,
        identical=identical,
    )


@dataclass(frozen=True, slots=True)
class RaceSaving:
    """One method on one oracle with and without racing.

    Attributes
    ----------
    images, images_raced
        Images that went through the network, over all mixes.
    same_front
        Whether both end with the same front above the floor.
    """

    oracle: str
    method: str
    seed: int
    images: int
    images_raced: int
    same_front: bool

    @property
    def ratio(self) -> float:
        """Image evaluations without racing, over those with."""
        return self.images / self.images_raced


def race_savings(
    oracle: Oracle, method: Search, seeds: range, *, budget: int
) -> Iterator[RaceSaving]:
    """Search with and without racing: the mixes of the plain search, raced in batches as asked."""
    for seed in seeds:
        plain = search(method, _problem(oracle, budget, race=None), seed=seed)
        raced = _problem(oracle, budget, race=Race())
        # The very same mixes, the dearest first, so that only racing differs.
        mixes = list(plain.answers)
        raced.measure([oracle.space.dearest])
        raced.measure(mixes)
        yield RaceSaving(
            oracle.name,
            method.name,
            seed,
            plain.image_evaluations,
            raced.image_evaluations,
            _useful_front(plain) == _useful_front(raced),
        )


def _useful_front(problem: Problem) -> list[tuple[int, ...]]:
    """Return the front above the floor."""
    least = problem.accuracy(problem.space.dearest) - problem.floor
    return [mix for mix in problem.front() if problem.accuracy(mix) > least]


def _problem(oracle: Oracle, budget: int, *, race: Race | None) -> Problem:
    meter = OracleMeter(oracle, np.arange(oracle.right.shape[1]))
    return Problem(oracle.space, meter, oracle.cost, budget, floor=FLOOR, race=race)
