"""Many efforts of one network on the same images: nothing is computed twice.

What a node writes depends on its own bits and on those of the layers it descends from, and on
nothing else. Efforts in lexicographic order therefore form a tree, walked depth first: only the
live cut is held, which is what some later node still reads. Branches of a residual network that
do not see a change are not run again either.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.graph import Conv2d, Linear, Node
from adaptive.precision import Bits, Effort
from adaptive.quantise import Floats

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

    def run_node(self, node: Node, signals: Mapping[str, Codes], bits: Mapping[str, Bits]) -> Codes:
        """Compute what one node writes."""
        ...

    def soften(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into probabilities."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One node run once: which, at which bits, on which values; what may be forgotten after it.

    Values are numbered by the step that makes them; -1 is the input.
    """

    node: Node
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
    """

    efforts: tuple[Effort, ...]
    steps: tuple[Step, ...]
    peak_bytes: int

    @property
    def layer_forwards(self) -> int:
        """Layers with weights that are run for one image."""
        return sum(bool(step.bits) for step in self.steps)

    @property
    def layer_forwards_one_by_one(self) -> int:
        """The same if each effort were run on its own."""
        return sum(len(effort.plan.layers) for effort in self.efforts)

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
        If there are no efforts.
    """
    if not efforts:
        raise ValueError("efforts is empty, expected at least one")
    for effort in efforts:
        artifact.require(effort)
    order = sorted(
        range(len(efforts)), key=lambda k: (efforts[k].width, efforts[k].head, _rank(efforts[k]))
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
        self._steps: list[tuple[Node, dict[str, Bits], tuple[int, ...]]] = []
        self._answers: list[list[int]] = []

    def add(self, effort: Effort, position: int) -> None:
        """Add what an effort needs beyond those before it."""
        head = self._artifact.heads[effort.head]
        at: dict[str, int] = {"input": -1}
        for node in self._artifact.graph:
            if node.name not in self._cones[head].nodes:
                continue
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
                self._steps.append((node, bits, tuple(at[name] for name in node.inputs)))
                self._answers.append([])
            at[node.name] = self._made[key]
        self._answers[at[head]].append(position)

    def finish(self, efforts: tuple[Effort, ...]) -> Schedule:
        """Find out what may be forgotten when, and how much is held."""
        last_read = list(range(len(self._steps)))
        for number, (_, _, reads) in enumerate(self._steps):
            for read in reads:
                if read >= 0:
                    last_read[read] = number
        forgets: list[list[int]] = [[] for _ in self._steps]
        for value, number in enumerate(last_read):
            forgets[number].append(value)
        steps = tuple(
            Step(node, bits, reads, tuple(self._answers[number]), tuple(forgets[number]))
            for number, (node, bits, reads) in enumerate(self._steps)
        )
        return Schedule(efforts, steps, self._peak_bytes(steps))

    def _peak_bytes(self, steps: tuple[Step, ...]) -> int:
        """Return the most bytes held at once for one image, the input included."""
        sizes = {
            name: CODE_BYTES * prod(signal.shape) for name, signal in self._artifact.signals.items()
        }
        held = peak = sizes["input"]
        for step in steps:
            held += sizes[step.node.name]
            peak = max(peak, held)
            held -= sum(sizes[steps[value].node.name] for value in step.forgets)
        return peak


@dataclass(frozen=True, slots=True)
class Cone:
    """What a node descends from, itself included: names of nodes, positions of layers."""

    nodes: frozenset[str]
    layers: tuple[int, ...]


def cones(artifact: Artifact) -> dict[str, Cone]:
    """Return the cone of every node."""
    above: dict[str, frozenset[str]] = {"input": frozenset()}
    for node in artifact.graph:
        above[node.name] = frozenset({node.name}).union(*(above[name] for name in node.inputs))
    return {
        node.name: Cone(
            above[node.name],
            tuple(k for k, layer in enumerate(artifact.layers) if layer in above[node.name]),
        )
        for node in artifact.graph
    }


def run_schedule(engine: NodeEngine, images: Pixels, plan: Schedule) -> Iterator[tuple[int, Codes]]:
    """Run one batch of images, yielding `(position of the effort, output codes)` as they come."""
    values: dict[int, Codes] = {-1: engine.input_codes(images)}
    for number, step in enumerate(plan.steps):
        read = {
            name: values[value] for name, value in zip(step.node.inputs, step.reads, strict=True)
        }
        values[number] = engine.run_node(step.node, read, step.bits)
        for position in step.answers:
            yield position, values[number]
        for value in step.forgets:
            del values[value]


def arithmetic_saved(artifact: Artifact, plan: Schedule) -> float:
    """Return multiply-accumulates of the efforts one by one, over those of the schedule."""
    macs = {work.name: work.macs for work in artifact.work}
    together = sum(macs[name] for step in plan.steps for name in step.bits)
    return len(plan.efforts) * sum(macs.values()) / together


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
        Shape (efforts, levels, N), levels as in the artifact's label tree.
    """
    tree = engine.artifact.labels
    right = np.zeros((len(plan.efforts), len(tree.levels), len(labels)), dtype=np.bool_)
    size = plan.batch_size(memory)
    for start in range(0, len(labels), size):
        part = slice(start, start + size)
        for position, codes in run_schedule(engine, images[part], plan):
            shares = engine.soften(codes, plan.efforts[position])
            for k, level in enumerate(tree.levels):
                right[position, k, part] = tree.correct(shares, labels[part], level=level)
        progress(min(1.0, (start + size) / len(labels)))
    return right
