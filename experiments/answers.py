"""Running efforts of one network over a set of images, however large."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact
from adaptive.engine.answer import soften
from adaptive.engine.protocol import default_engine, make_engine
from adaptive.precision import Effort
from models.data import ImageSet

BATCH_PIXELS = 2**17
"""Positions of the images that go through the engine at once; bounds its memory."""


def answers(
    artifact: Artifact,
    efforts: Sequence[Effort],
    data: ImageSet,
    *,
    progress: Callable[[float], None] = lambda _share: None,
) -> Iterator[tuple[Effort, NDArray[np.float64], NDArray[np.int64]]]:
    """Yield batch by batch, for each effort, probabilities (n, leaves) and labels (n,).

    Probabilities have the effort's own temperature, where it was measured. Every engine answers
    bit for bit the same; the native one is many times faster, where it is built and knows the
    network's arithmetic.
    """
    native = artifact.arithmetic is Arithmetic.AFFINE
    engine = make_engine(default_engine() if native else "numpy", artifact)
    height, width, _ = artifact.source.shape
    done = 0
    for batch in data.batches(max(1, BATCH_PIXELS // (height * width))):
        for effort, codes in engine.run_all(batch.images, efforts):
            yield effort, soften(artifact, codes, effort), batch.labels
        done += len(batch)
        progress(done / len(data))
