"""What goes into every engine and what is made of its codes."""

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.precision import Effort

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


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


def softmax(values: Floats) -> Floats:
    """Return probabilities along the last axis."""
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float64)
