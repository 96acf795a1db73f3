"""Many efforts of one network on the same images: nothing is computed twice.

What a node writes depends on the width, on its own bits and those of the layers it descends from,
and on nothing else. Efforts of one width in lexicographic order therefore form a tree, walked depth
first: only the live cut is held, which is what some later node still reads. Branches of a residual
network that do not see a change are not run again either, nor is what two heads have in common.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.answer import check_single, right_answers
from adaptive.graph import Conv2d, Linear, Node, layer_work
from adaptive.precision import Bits, Effort
from adaptive.quantise import Floats
from adaptive.reach import cones

Codes = NDArray[np.int32]
Pixels = NDArray[np.uint8]
Booleans = NDArray[np.bool_]

MEMORY = 2**28
"""Bytes that the activations of one batch may take together."""

CODE_BYTES = 4


class NodeEngine(Protocol):
    """An engine that can be led through a network node by node."""

    artifact: Artifact

    def input_codes(self, images: Pixels) -> Codes:
        """Return images as 16-bit codes."""
        ...

    def run_node(
        self,
        node: Node,
        signals: Mapping[str, Codes],
        bits: Mapping[str, Bits],
        *,
        width: float,
    ) -> Codes:
        """Compute what one node of a width's subnetwork writes."""
        ...

    def soften(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into probabilities."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One node run once: at which width and bits, on which values; what may be forgotten after it.

    Values are numbered by the step that makes them; -1 is the input.
    """

    node: Node
    width: float
    bits: dict[str, Bits]
    reads: tuple[int, ...]
    answers: tuple[int, ...]
    forgets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The order in which some efforts of a network are computed together.

    Attributes
    ----------
    efforts
        The efforts, in the caller's order; `Step.answers` are positions in it.
    steps
        What to run, in order.
    peak_bytes
        Most bytes of activations held at once, for one image.
    layer_forwards_one_by_one
        Layers with weights that would be run if each effort were run on its own.
    """

    efforts: tuple[Effort, ...]
    steps: tuple[Step, ...]
    peak_bytes: int
    layer_forwards_one_by_one: int

    @property
    def layer_forwards(self) -> int:
        """Layers with weights that are run for one image."""
        return sum(bool(step.bits) for step in self.steps)

    def batch_size(self, memory: int = MEMORY) -> int:
        """Return how many images fit in so many bytes, at least one."""
        return max(1, memory // self.peak_bytes)


def schedule(artifact: Artifact, efforts: Sequence[Effort]) -> Schedule:
    """Plan how to run efforts together with as few layer passes as possible.

    Raises
    ------
    ArtifactError
        If the artifact does not carry an effort.
    ValueError
        If there are no efforts, or one of them escalates.
    """
    if not efforts:
        raise ValueError("efforts is empty, expected at least one")
    for effort in efforts:
        check_single(effort)
        artifact.require(effort)
    order = sorted(
        range(len(efforts)), key=lambda k: (efforts[k].width, _rank(efforts[k]), efforts[k].head)
    )
    walk = _Walk(artifact)
    for position in order:
        walk.add(efforts[position], position)
    return walk.finish(tuple(efforts))


def _rank(effort: Effort) -> tuple[int, ...]:
    """Order plans widest first, layer by layer."""
    return tuple(-bits for bits in effort.plan.bits)


class _Walk:
    """Collects the steps that a sequence of efforts needs."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._layers = artifact.layers
        self._cones = cones(artifact)
        self._made: dict[tuple[str, float, tuple[Bits, ...]], int] = {}
        self._steps: list[tuple[Node, float, dict[str, Bits], tuple[int, ...]]] = []
        self._answers: list[list[int]] = []

    def add(self, effort: Effort, position: int) -> None:
        """Add what an effort needs beyond those before it."""
        head = self._artifact.heads[effort.head]
        at: dict[str, int] = {"input": -1}
        for node in self._artifact.subnetworks[effort.width].needed(head):
            key = (
                node.name,
                effort.width,
                tuple(effort.plan.bits[k] for k in self._cones[node.name].layers),
            )
            if key not in self._made:
                bits = {}
                if isinstance(node, Conv2d | Linear):
                    bits[node.name] = effort.plan.bits[self._layers.index(node.name)]
                self._made[key] = len(self._steps)
                reads = tuple(at[name] for name in node.inputs)
                self._steps.append((node, effort.width, bits, reads))
                self._answers.append([])
            at[node.name] = self._made[key]
        self._answers[at[head]].append(position)

    def finish(self, efforts: tuple[Effort, ...]) -> Schedule:
        """Find out what may be forgotten when, and how much is held."""
        last_read = list(range(len(self._steps)))
        for number, (_, _, _, reads) in enumerate(self._steps):
            for read in reads:
                if read >= 0:
                    last_read[read] = number
        forgets: list[list[int]] = [[] for _ in self._steps]
        for value, number in enumerate(last_read):
            forgets[number].append(value)
        steps = tuple(
            Step(node, width, bits, reads, tuple(self._answers[number]), tuple(forgets[number]))
            for number, (node, width, bits, reads) in enumerate(self._steps)
        )
        layers = {
            head: len(self._cones[node].layers) for head, node in self._artifact.heads.items()
        }
        alone = sum(layers[effort.head] for effort in efforts)
        return Schedule(efforts, steps, self._peak_bytes(steps), alone)

    def _peak_bytes(self, steps: tuple[Step, ...]) -> int:
        """Return the most bytes held at once for one image, the input included."""
        networks = self._artifact.subnetworks
        sizes = [
            CODE_BYTES * prod(networks[step.width].signals[step.node.name].shape) for step in steps
        ]
        held = peak = CODE_BYTES * prod(self._artifact.source.shape)
        for size, step in zip(sizes, steps, strict=True):
            held += size
            peak = max(peak, held)
            held -= sum(sizes[value] for value in step.forgets)
        return peak


def run_schedule(engine: NodeEngine, images: Pixels, plan: Schedule) -> Iterator[tuple[int, Codes]]:
    """Run one batch of images, yielding `(position of the effort, output codes)` as they come."""
    values: dict[int, Codes] = {-1: engine.input_codes(images)}
    for number, step in enumerate(plan.steps):
        read = {
            name: values[value] for name, value in zip(step.node.inputs, step.reads, strict=True)
        }
        values[number] = engine.run_node(step.node, read, step.bits, width=step.width)
        for position in step.answers:
            yield position, values[number]
        for value in step.forgets:
            del values[value]


def arithmetic_saved(artifact: Artifact, plan: Schedule) -> float:
    """Return multiply-accumulates of the efforts one by one, over those of the schedule."""
    macs = {
        width: {node.name: layer_work(node, network.signals).macs for node in network.switchable}
        for width, network in artifact.subnetworks.items()
    }
    together = sum(macs[step.width][name] for step in plan.steps for name in step.bits)
    alone = sum(work.macs for effort in plan.efforts for work in artifact.work_of(effort))
    return alone / together


def correctness(
    engine: NodeEngine,
    images: Pixels,
    labels: NDArray[np.int64],
    plan: Schedule,
    *,
    memory: int = MEMORY,
    progress: Callable[[float], None] = lambda _share: None,
) -> Booleans:
    """Tell which images each effort answers rightly, at each level.

    Parameters
    ----------
    engine
        Runs the network.
    images, labels
        uint8 (N, H, W, C), and the leaf index of each, shape (N,).
    plan
        The efforts.
    memory
        Bytes that activations may take; at least one image goes through at a time.
    progress
        Called with the share of the images that is done.

    Returns
    -------
    array of bool
        Shape (efforts, levels, N), levels as in the artifact's label tree; nothing is right at a
        level that the effort's head does not tell.
    """
    artifact = engine.artifact
    right = np.zeros((len(plan.efforts), len(artifact.labels.levels), len(labels)), dtype=np.bool_)
    size = plan.batch_size(memory)
    for start in range(0, len(labels), size):
        part = slice(start, start + size)
        for position, codes in run_schedule(engine, images[part], plan):
            effort = plan.efforts[position]
            shares = engine.soften(codes, effort)
            right[position, :, part] = right_answers(artifact, effort.head, shares, labels[part])
        progress(min(1.0, (start + size) / len(labels)))
    return right
