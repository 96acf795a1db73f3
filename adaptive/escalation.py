"""Escalation: answer with a cheap effort, and go on to a dearer one only where it is unsure.

What both compute alike is computed once: nodes of one width whose bits, and those of all layers
they descend from, are the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact, LayerWork
from adaptive.engine.answer import Booleans, Codes, Floats, Pixels
from adaptive.evaluate import NodeEngine, cones
from adaptive.graph import Node
from adaptive.precision import Bits, Effort


@dataclass(frozen=True, slots=True)
class Escalation:
    """Which effort answers first, which one where that is unsure, and when it is.

    Attributes
    ----------
    first, then
        What runs on every image, and what on those it is unsure of.
    level
        Level of the label tree at which both answer.
    threshold
        Probability of the likeliest node below which `first` is unsure [0..1].
    """

    first: Effort
    then: Effort
    level: str
    threshold: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"threshold is {self.threshold}, expected 0..1")

    @property
    def code(self) -> str:
        """Compact name: those of both efforts."""
        return f"{self.first.code} > {self.then.code}"


def reused(artifact: Artifact, first: Effort, then: Effort) -> frozenset[str]:
    """Return the nodes that two efforts compute alike, so that the second need not."""
    if first.width != then.width:
        return frozenset()
    above = cones(artifact)
    one, other = (above[artifact.heads[effort.head]].nodes for effort in (first, then))
    return frozenset(
        name
        for name in one & other
        if all(first.plan.bits[k] == then.plan.bits[k] for k in above[name].layers)
    )


def rest_of(artifact: Artifact, first: Effort, then: Effort) -> tuple[LayerWork, ...]:
    """Return what the layers cost that only the second effort runs, for one image."""
    again = reused(artifact, first, then)
    return tuple(work for work in artifact.work_of(then) if work.name not in again)


def expected_macs(artifact: Artifact, escalation: Escalation, went_on: float) -> float:
    """Return the multiply-accumulates of one image in the mean.

    Parameters
    ----------
    artifact, escalation
        Network and rule.
    went_on
        Share of the images on which the first effort was unsure [0..1].
    """
    first = sum(work.macs for work in artifact.work_of(escalation.first))
    rest = sum(work.macs for work in rest_of(artifact, escalation.first, escalation.then))
    return first + went_on * rest


def find_threshold(confidence: Floats, first: Booleans, then: Booleans, *, least: float) -> float:
    """Return the threshold that goes on least often and still answers rightly often enough.

    Parameters
    ----------
    confidence
        Probability of the first effort's likeliest node, shape (N,).
    first, then
        Whether each effort answers rightly, shape (N,).
    least
        Share of right answers to reach; where no threshold does, the best one is returned.
    """
    order = np.argsort(confidence, kind="stable")
    # Going on with the k least sure images, k = 0 ... N.
    gained = np.concatenate([[0], np.cumsum(then[order].astype(int) - first[order])])
    right = (int(first.sum()) + gained) / len(confidence)
    levels = np.concatenate([confidence[order], [1.0]])
    # Equal confidences go on together: only the first image of each run can be the border.
    allowed = np.concatenate([[True], levels[1:-1] > levels[:-2], [True]])
    enough = allowed & (right >= least - 1e-12)
    if not enough.any():
        enough = allowed & (right == right[allowed].max())
    return float(min(levels[int(np.argmax(enough))], 1.0))


def answer(
    engine: NodeEngine, images: Pixels, escalation: Escalation
) -> tuple[NDArray[np.int64], Booleans]:
    """Answer images, going on where the first effort is unsure; features are used again.

    Parameters
    ----------
    engine
        Runs the network.
    images
        uint8, shape (N, H, W, C).
    escalation
        What runs, and when.

    Returns
    -------
    nodes, went_on
        Node answered at the level and whether the second effort was asked, shape (N,).

    Raises
    ------
    ArtifactError
        If the artifact does not carry an effort.
    ValueError
        If a head does not tell the level.
    """
    artifact = engine.artifact
    signals = {"input": engine.input_codes(images)}
    shares = _shares(engine, signals, escalation.first, escalation.level)
    nodes, went_on = shares.argmax(axis=1), shares.max(axis=1) < escalation.threshold
    if went_on.any():
        again = reused(artifact, escalation.first, escalation.then) | {"input"}
        kept = {name: codes[went_on] for name, codes in signals.items() if name in again}
        nodes[went_on] = _shares(engine, kept, escalation.then, escalation.level).argmax(axis=1)
    return nodes, went_on


def _shares(engine: NodeEngine, signals: dict[str, Codes], effort: Effort, level: str) -> Floats:
    """Run what is missing of an effort; return probabilities of the nodes of a level."""
    artifact = engine.artifact
    artifact.require(effort)
    bits: dict[str, Bits] = dict(zip(effort.plan.layers, effort.plan.bits, strict=True))
    head = artifact.heads[effort.head]
    nodes: tuple[Node, ...] = artifact.subnetworks[effort.width].needed(head)
    for node in nodes:
        if node.name not in signals:
            signals[node.name] = engine.run_node(node, signals, bits, width=effort.width)
    probabilities = engine.soften(signals[head], effort)
    return artifact.labels_of(effort.head).marginalise(probabilities, level)
