"""Escalation: answer with a cheap effort, and go on to a dearer one only where it is unsure.

Layers that both efforts run alike run once, as all engines do: where both have the same width, and
every layer that both reach has the same bits.
"""

from typing import TYPE_CHECKING

import numpy as np

from adaptive.artifact import Artifact, LayerWork
from adaptive.engine.answer import Booleans, Codes, Floats, Integers, Pixels
from adaptive.precision import Effort
from adaptive.reach import reached_layers, shared_layers

if TYPE_CHECKING:  # the daemon prices efforts and runs none: it needs no engine
    from adaptive.engine.protocol import Engine


def rest_of(artifact: Artifact, effort: Effort) -> tuple[LayerWork, ...]:
    """Return what the layers cost that run only where an effort goes on, for one image."""
    if effort.onward is None:
        return ()
    shared = shared_layers(effort, reached_layers(artifact))
    work = artifact.work_of(effort.onward.effort)
    return tuple(layer for layer in work if layer.name not in shared)


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
    engine: "Engine", images: Pixels, effort: Effort, level: str
) -> tuple[Integers, Booleans]:
    """Answer images at a level of the labels, going on where the effort says so.

    Parameters
    ----------
    engine
        Runs the network.
    images
        uint8, shape (N, H, W, C).
    effort
        What runs; it may escalate or not.
    level
        Level of the label tree at which images are answered.

    Returns
    -------
    nodes, went_on
        Node answered at the level and whether a second effort was asked, shape (N,).

    Raises
    ------
    ArtifactError
        If the artifact does not carry an effort.
    ValueError
        If a head does not tell the level, or the images are of another type or shape.
    """
    first, artifact = effort.first, engine.artifact

    def shares(codes: Codes, of: Effort) -> Floats:
        """Return the probabilities of the nodes of the level, shape (N, nodes)."""
        return artifact.labels_of(of.head).marginalise(engine.soften(codes, of), level)

    if effort.onward is None:
        nodes = shares(engine.run(images, effort), effort).argmax(axis=1)
        return nodes, np.zeros(len(images), dtype=np.bool_)
    then, threshold = effort.onward.effort, effort.onward.threshold
    artifact.labels_of(then.head).nodes(level)

    def unsure(codes: Codes) -> Booleans:
        found: Booleans = shares(codes, first).max(axis=1) < threshold
        return found

    at_first, at_last, went_on = engine.escalate(images, effort, unsure)
    nodes = shares(at_first, first).argmax(axis=1)
    if went_on.any():
        nodes[went_on] = shares(at_last, then).argmax(axis=1)
    return nodes, went_on
