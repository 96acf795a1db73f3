"""Random crops and mirror images, batch by batch."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from models.data import LabelledImages, Pixels


def crop_and_flip(
    padded: Pixels, size: tuple[int, int], *, rng: np.random.Generator, mirror: bool = True
) -> Pixels:
    """Cut one window out of each padded image (N, H', W', C), and mirror every other at random.

    Where the mirror image of a thing is another thing, `mirror` is left out.
    """
    spare = (padded.shape[1] - size[0] + 1, padded.shape[2] - size[1] + 1)
    n = len(padded)
    rows, columns = rng.integers(0, np.array(spare)[:, None], (2, n))
    mirrored = (rng.random((n, 1)) < 0.5) & mirror
    across = np.arange(size[1])
    x = columns[:, None] + np.where(mirrored, across[::-1], across)  # (N, width)
    y = rows[:, None] + np.arange(size[0])  # (N, height)
    cut: Pixels = padded[np.arange(n)[:, None, None], y[:, :, None], x[:, None, :]]
    return cut


class CroppedBatches:
    """One epoch after another of randomly cropped and mirrored batches, in a random order.

    Parameters
    ----------
    data
        Images and labels.
    batch
        Images in a batch; what does not fill one is left out of the epoch.
    margin
        Rows and columns by which images are reflected outwards before they are cropped.
    mirror
        Whether every other image is mirrored.
    """

    def __init__(
        self, data: LabelledImages, *, batch: int, margin: int, mirror: bool = True
    ) -> None:
        if not 1 <= batch <= len(data):
            raise ValueError(f"batch is {batch}, expected 1 to {len(data)} as there are images")
        sides = (margin, margin)
        self._padded = np.pad(data.images, ((0, 0), sides, sides, (0, 0)), mode="reflect")
        self._labels = data.labels
        self._size = data.images.shape[1:3]
        self._batch, self._mirror = batch, mirror

    def __len__(self) -> int:
        return len(self._labels) // self._batch

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield uint8 images (N, H, W, C) and labels (N,)."""
        order = rng.permutation(len(self._labels))
        for k in range(len(self)):
            index = order[k * self._batch : (k + 1) * self._batch]
            images = crop_and_flip(self._padded[index], self._size, rng=rng, mirror=self._mirror)
            yield torch.from_numpy(images), torch.from_numpy(self._labels[index])
