"""CIFAR-10 and CIFAR-100, "python version": pickled batches of 32 x 32 colour images.

The official test images are the test split; the last 5,000 training images, in the order of the
files, calibrate; the rest trains.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from models.data import LabelledImages, Split
from models.datasets.checks import (
    SplitSizes,
    checked_labels,
    checked_names,
    checked_pixels,
)
from models.datasets.unpickle import read_pickle

SHAPE = (32, 32, 3)
_PLANES = 3072


@dataclass(frozen=True, slots=True)
class Cifar:
    """Where one of the two keeps what.

    Parameters
    ----------
    name
        Its name on command lines.
    folder
        Folder of its files in the data folder.
    train, test
        Names of the batches that train, in their order, and of the one that tests.
    meta, names
        File and key of the class names.
    labels
        Key of the labels.
    classes
        How many classes there are.
    sizes
        How many images there are; each training batch has an equal share.
    """

    name: str
    folder: str
    train: tuple[str, ...]
    test: str
    meta: str
    names: bytes
    labels: bytes
    classes: int
    sizes: SplitSizes

    @property
    def obtain(self) -> str:
        """Say how to get it."""
        return f"`adaptive data {self.name} --data-dir DIR` gets it"

    def load(self, data_dir: Path, split: Split) -> LabelledImages:
        """Read one split; only the batches it lies in.

        Raises
        ------
        ConfigError
            Naming file and field, if a file is missing, damaged or another one.
        """
        if split == "test":
            return self._batch(data_dir / self.folder / self.test, self.sizes.test)
        part, each = self.sizes.part(split), self.sizes.train // len(self.train)
        wanted = range(part.start // each, -(-part.stop // each))
        batches = [self._batch(data_dir / self.folder / self.train[k], each) for k in wanted]
        inside = slice(part.start - wanted.start * each, part.stop - wanted.start * each)
        return LabelledImages(
            np.concatenate([batch.images for batch in batches])[inside],
            np.concatenate([batch.labels for batch in batches])[inside],
        )

    def _batch(self, path: Path, count: int) -> LabelledImages:
        """Read one file."""
        content = read_pickle(path, obtain=self.obtain)
        planes = checked_pixels(
            content.get(b"data"), where=f"{path}: data", shape=(count, _PLANES), obtain=self.obtain
        )
        labels = self._labels(path, content, self.labels, classes=self.classes, count=count)
        images = planes.reshape(count, 3, 32, 32).transpose(0, 2, 3, 1)  # (N, H, W, C)
        return LabelledImages(np.ascontiguousarray(images), labels)

    def _labels(
        self, path: Path, content: Mapping[bytes, object], key: bytes, *, classes: int, count: int
    ) -> NDArray[np.int64]:
        return checked_labels(
            content.get(key),
            where=f"{path}: {key.decode()}",
            classes=classes,
            count=count,
            obtain=self.obtain,
        )

    def class_names(self, data_dir: Path) -> tuple[str, ...]:
        """Read the names of the classes, in the order of their numbers; raises as `load`."""
        return self._names(data_dir, self.names, self.classes)

    def _names(self, data_dir: Path, key: bytes, count: int) -> tuple[str, ...]:
        path = data_dir / self.folder / self.meta
        content = read_pickle(path, obtain=self.obtain)
        return checked_names(
            content.get(key), where=f"{path}: {key.decode()}", count=count, obtain=self.obtain
        )

    def superclasses(self, data_dir: Path) -> dict[str, str]:
        """Read to which of CIFAR-100's 20 superclasses each of its classes belongs, by name.

        Raises
        ------
        ConfigError
            As `load`, and if two images of a class are of different superclasses.
        """
        path = data_dir / self.folder / self.test
        content, count = read_pickle(path, obtain=self.obtain), self.sizes.test
        fine = self._labels(path, content, self.labels, classes=self.classes, count=count)
        coarse = self._labels(path, content, b"coarse_labels", classes=20, count=count)
        pairs = sorted(set(zip(fine.tolist(), coarse.tolist(), strict=True)))
        if len(pairs) != self.classes:
            raise ConfigError(
                f"{path}: coarse_labels: gives {len(pairs)} pairs with fine_labels, expected one "
                f"superclass for each of {self.classes} classes; {self.obtain}"
            )
        names = self.class_names(data_dir)
        above = self._names(data_dir, b"coarse_label_names", 20)
        return {names[leaf]: above[node] for leaf, node in pairs}


CIFAR10 = Cifar(
    name="cifar10",
    folder="cifar-10-batches-py",
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test="test_batch",
    meta="batches.meta",
    names=b"label_names",
    labels=b"labels",
    classes=10,
    sizes=SplitSizes(train=50_000, test=10_000),
)
CIFAR100 = Cifar(
    name="cifar100",
    folder="cifar-100-python",
    train=("train",),
    test="test",
    meta="meta",
    names=b"fine_label_names",
    labels=b"fine_labels",
    classes=100,
    sizes=SplitSizes(train=50_000, test=10_000),
)
