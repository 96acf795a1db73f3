"""What goes into every engine and what is made of its codes."""

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.precision import Effort

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


def check_images(artifact: Artifact, images: Pixels) -> None:
    """Raise ValueError for images of another type or shape than the network reads."""
    shape = artifact.source.shape
    if images.dtype != np.uint8 or images.shape[1:] != shape or images.ndim != 4:
        raise ValueError(
            f"images is {images.dtype} of shape {images.shape}, "
            f"expected uint8 of shape (N, {', '.join(map(str, shape))})"
        )


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


def softmax(values: Floats) -> Floats:
    """Return probabilities along the last axis."""
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float64)
