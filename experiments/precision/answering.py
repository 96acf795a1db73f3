"""Running a network over its test images at many plans, part by part, as often as it is stopped.

Each part is a file in a work folder; what is there already is not computed again.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.files import write_atomically
from adaptive.levels import Ladder
from adaptive.precision import Effort, PrecisionPlan
from experiments.answers import answers
from experiments.precision.predictions import STEPS
from models.data import LabelledImages
from models.export import load_network

PART_IMAGES = 500
TORCH_IMAGES = 125
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What is to be run: every plan for the best leaf, the first `studied` for the levels too."""

    artifact: Artifact
    plans: tuple[PrecisionPlan, ...]
    studied: int

    @property
    def digest(self) -> str:
        """Short name of this work; the same work has the same one."""
        bits = repr([plan.bits for plan in self.plans])
        text = f"{self.artifact.checksum} {bits} {self.studied}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def answer_part(work: Work, data: LabelledImages) -> Arrays:
    """Run every plan on some images; arrays as in `Predictions`.

    `probabilities` has shape (studied, n, leaves), float32.
    """
    torch.set_num_threads(1)
    ladder, levels = Ladder(work.artifact.labels), work.artifact.labels.levels
    place = {Effort(plan): position for position, plan in enumerate(work.plans)}
    leaves = np.empty((len(place), len(data)), np.uint8)
    known: list[list[NDArray[np.float64]]] = [[] for _ in range(work.studied)]
    done = dict.fromkeys(place, 0)
    # Neighbours in this order share the most layers, which then run once.
    efforts = sorted(place, key=lambda effort: effort.plan.bits, reverse=True)
    for effort, p, labels in answers(work.artifact, efforts, data):
        position, start = place[effort], done[effort]
        leaves[position, start : start + len(labels)] = np.argmax(p, axis=1)
        done[effort] = start + len(labels)
        if position < work.studied:
            known[position].append(p)
    probabilities = [np.concatenate(parts) for parts in known]
    nodes = [
        [work.artifact.labels.predict(p, level) for level in levels[1:]] for p in probabilities
    ]
    sureness = [ladder.ways(p).probabilities[:, :-1] for p in probabilities]
    return {
        "leaves": leaves,
        "nodes": np.array(nodes, np.uint8).reshape(work.studied, len(levels) - 1, len(data)),
        "sureness": np.rint(np.array(sureness) * STEPS).astype(np.uint16),
        "probabilities": np.array(probabilities, np.float32),
    }


def float_leaves(artifact: Artifact, data: LabelledImages) -> NDArray[np.uint8]:
    """Return the best leaf of each image in plain float: the same weights, nothing rounded."""
    network = load_network(artifact)
    with torch.no_grad():
        parts = [network.head_real(torch.from_numpy(b.images)) for b in data.batches(TORCH_IMAGES)]
    return np.asarray(torch.cat(parts).argmax(dim=1).numpy(), dtype=np.uint8)


def disagreement(
    artifact: Artifact, plans: Sequence[PrecisionPlan], data: LabelledImages
) -> Arrays:
    """Count the output codes in which torch and the reference engine differ, plan by plan."""
    torch.set_num_threads(1)
    network, engine = load_network(artifact), ReferenceEngine(artifact)
    differing = np.zeros(len(plans), np.int64)
    for batch in data.batches(TORCH_IMAGES):
        images = torch.from_numpy(batch.images)
        efforts = [Effort(plan) for plan in plans]
        for position, (effort, codes) in enumerate(engine.run_all(batch.images, efforts)):
            network.set_plan(effort.plan)
            with torch.no_grad():
                differing[position] += int((network(images).values.numpy() != codes).sum())
    return {"differing": differing}


def in_parts(
    compute: Callable[[LabelledImages], Arrays],
    data: LabelledImages,
    *,
    name: str,
    folder: Path,
    jobs: int,
    progress: Callable[[float], None],
) -> list[Arrays]:
    """Compute what is asked of each part of some images; parts found in the folder are read.

    Parameters
    ----------
    compute
        Does one part; it runs in another process, so it must be a function of a module.
    data
        All images.
    name
        What file names begin with; it must tell this work from any other.
    folder
        Where the parts are kept.
    jobs
        Processes.
    progress
        Called with the share that is done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = list(data.batches(PART_IMAGES))
    paths = [folder / f"{name}-{index:03}.npz" for index in range(len(parts))]
    missing = [index for index, path in enumerate(paths) if not path.exists()]
    for done, (index, arrays) in enumerate(_computed(compute, parts, missing, jobs), start=1):
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_atomically(paths[index], buffer.getvalue())
        progress(done / len(missing))
    found = []
    for path in paths:
        with np.load(path, allow_pickle=False) as content:
            found.append(dict(content))
    return found


def _computed(
    compute: Callable[[LabelledImages], Arrays],
    parts: Sequence[LabelledImages],
    wanted: Sequence[int],
    jobs: int,
) -> Iterator[tuple[int, Arrays]]:
    """Yield the index and the arrays of each part as it gets ready."""
    if jobs == 1:
        yield from ((index, compute(parts[index])) for index in wanted)
        return
    # A fork would copy torch's threads in whatever state they are.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(compute, parts[index]): index for index in wanted}
        for future in as_completed(running):
            yield running[future], future.result()
