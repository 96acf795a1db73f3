"""Running efforts of one network over a set of images, however large."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.protocol import EngineName, make_engine
from adaptive.precision import Effort
from models.data import ImageSet

BATCH_PIXELS = 2**17
"""Positions of the images that go through the engine at once; bounds its memory."""


def answers(
    artifact: Artifact,
    efforts: Sequence[Effort],
    data: ImageSet,
    *,
    engine: EngineName | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> Iterator[tuple[Effort, NDArray[np.float64], NDArray[np.int64]]]:
    """Yield batch by batch, for each effort, probabilities (n, leaves) and labels (n,).

    Probabilities have the effort's own temperature, where it was measured. The engine is the
    artifact's default unless it is named.
    """
    runner = make_engine(engine, artifact)
    height, width, _ = artifact.source.shape
    done = 0
    for batch in data.batches(max(1, BATCH_PIXELS // (height * width))):
        for effort, codes in runner.run_all(batch.images, efforts):
            yield effort, runner.soften(codes, effort), batch.labels
        done += len(batch)
        progress(done / len(data))
