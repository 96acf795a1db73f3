"""What goes into every engine and what is made of its codes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.labels import LabelTree
from adaptive.precision import Effort

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Unsure = Callable[[Codes], Booleans]
"""Tells which answers are unsure: codes (N, nodes) -> shape (N,)."""


def check_images(artifact: Artifact, images: Pixels) -> None:
    """Raise ValueError for images of another type or shape than the network reads."""
    shape = artifact.source.shape
    if images.dtype != np.uint8 or images.shape[1:] != shape or images.ndim != 4:
        raise ValueError(
            f"images is {images.dtype} of shape {images.shape}, "
            f"expected uint8 of shape (N, {', '.join(map(str, shape))})"
        )


def check_single(effort: Effort) -> None:
    """Raise ValueError for an effort that escalates: it has codes of two heads."""
    if effort.onward is not None:
        raise ValueError(f"effort {effort.code} goes on: ask `escalate`, or `escalation.answer`")


def check_onward(effort: Effort) -> Effort:
    """Return the effort that one goes on to; raises ValueError if it does not."""
    if effort.onward is None:
        raise ValueError(f"effort {effort.code} does not go on: ask `run`")
    return effort.onward.effort


def logits(artifact: Artifact, codes: Codes, effort: Effort) -> Floats:
    """Turn output codes into real values, shape (N, classes)."""
    signal = artifact.signals[artifact.heads[effort.head]]
    return signal.scale * (codes.astype(np.float64) - signal.zero)


def soften(artifact: Artifact, codes: Codes, effort: Effort) -> Floats:
    """Turn output codes into probabilities, with the effort's temperature if it has one.

    This is outside the integer path: floats may differ in the last digit between machines.
    """
    measured = artifact.measurement(effort)
    temperature = 1.0 if measured is None else measured.temperature
    return softmax(logits(artifact, codes, effort) / temperature)


def right_answers(
    artifact: Artifact, head: str, probabilities: Floats, labels: Integers
) -> Booleans:
    """Tell which images a head answers rightly at each level of the artifact's labels.

    Parameters
    ----------
    artifact, head
        Network and head.
    probabilities
        Of the head's own labels, shape (N, nodes).
    labels
        Leaf index of each image, shape (N,).

    Returns
    -------
    array of bool
        Shape (levels, N); nothing is right at a level that the head does not tell.
    """
    own = artifact.labels_of(head)
    truth = artifact.labels.ancestors(own.levels[0])[labels]
    right = np.zeros((len(artifact.labels.levels), len(labels)), dtype=np.bool_)
    for level in own.levels:
        at = artifact.labels.levels.index(level)
        right[at] = own.correct(probabilities, truth, level=level)
    return right


def right_nodes(labels: LabelTree, nodes: Integers, level: str, truth: Integers) -> Booleans:
    """Tell which images are answered rightly at each level by nodes of one level.

    Parameters
    ----------
    labels
        The label tree.
    nodes, level
        Node answered for each image, shape (N,), and their level.
    truth
        Leaf index of each image, shape (N,).

    Returns
    -------
    array of bool
        Shape (levels, N); nothing is right at a level below that of the nodes.
    """
    right = np.zeros((len(labels.levels), len(truth)), dtype=np.bool_)
    at = labels.levels.index(level)
    for k in range(at, len(labels.levels)):
        above = labels.ancestors(labels.levels[k])
        parent = np.zeros(len(labels.nodes(level)), dtype=np.int64)
        parent[labels.ancestors(level)] = above
        right[k] = parent[nodes] == above[truth]
    return right


def softmax(values: Floats) -> Floats:
    """Return probabilities along the last axis."""
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float64)
