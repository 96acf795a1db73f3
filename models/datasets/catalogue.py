"""The data sets by name.

==============  =====================  =========================================================
name            in the data folder     calibration split
==============  =====================  =========================================================
digits          (scikit-learn has it)  images 1,149 to 1,436 of 1,797; the last 360 are the test
cifar10         cifar-10-batches-py/   the last 5,000 of 50,000 training images
cifar100        cifar-100-python/      the last 5,000 of 50,000 training images
mnist           mnist/                 the last 5,000 of 60,000 training images
fashion-mnist   fashion-mnist/         the last 5,000 of 60,000 training images
imagenet        imagenet/{train,val}/  the last 5 training images of each class
==============  =====================  =========================================================
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adaptive.errors import ConfigError
from models.data import ImageSet, Split, load_digits
from models.datasets import cifar, idx, imagenet, obtain
from models.datasets.checks import data_folder
from models.datasets.cifar import CIFAR10, CIFAR100
from models.datasets.idx import FASHION_MNIST, MNIST
from models.datasets.imagenet import load_imagenet
from models.datasets.obtain import Download


@dataclass(frozen=True, slots=True)
class DataSet:
    """One public data set.

    Parameters
    ----------
    name
        Its name on command lines.
    title
        Its name in prose, with which an artifact's provenance may begin.
    shape
        Shape of an image, (H, W, C).
    classes
        How many classes a network for it tells apart.
    read
        Reads a split from a data folder, if it needs one.
    download
        Returns where it can be fetched; None if it cannot, or need not.
    in_folder
        Whether it lies in a data folder.
    """

    name: str
    title: str
    shape: tuple[int, int, int]
    classes: int
    read: Callable[[Path, Split], ImageSet]
    download: Callable[[], Download] | None = None
    in_folder: bool = True

    def load(self, split: Split, *, data_dir: Path | None = None) -> ImageSet:
        """Read one split from a folder, `$ADAPTIVE_DATA` by default.

        Raises
        ------
        ConfigError
            Naming the file and the field, if something is missing, damaged or another data set,
            with what gets it.
        """
        if not self.in_folder:
            return self.read(Path(), split)
        return self.read(data_folder(data_dir, name=self.name), split)


DATASETS = (
    DataSet(
        "digits",
        "scikit-learn digits",
        (8, 8, 1),
        10,
        lambda _folder, split: load_digits(split),
        in_folder=False,
    ),
    DataSet("cifar10", "CIFAR-10", cifar.SHAPE, 10, CIFAR10.load, obtain.cifar10),
    DataSet("cifar100", "CIFAR-100", cifar.SHAPE, 100, CIFAR100.load, obtain.cifar100),
    DataSet("mnist", "MNIST", idx.SHAPE, idx.CLASSES, MNIST.load, obtain.mnist),
    DataSet(
        "fashion-mnist",
        "Fashion-MNIST",
        idx.SHAPE,
        idx.CLASSES,
        FASHION_MNIST.load,
        obtain.fashion_mnist,
    ),
    DataSet("imagenet", "ImageNet", (imagenet.SIDE, imagenet.SIDE, 3), 1000, load_imagenet),
)


def dataset_names() -> tuple[str, ...]:
    """Return the names of all data sets."""
    return tuple(data.name for data in DATASETS)


def dataset(name: str) -> DataSet:
    """Return a data set; raises ConfigError naming those there are."""
    for data in DATASETS:
        if data.name == name:
            return data
    raise ConfigError(f"data set is {name!r}, expected one of {', '.join(dataset_names())}")


def dataset_of(fact: str) -> DataSet:
    """Return the data set that an artifact's provenance speaks of.

    The text begins with its name or title, whatever the case and punctuation: `cifar10`,
    `CIFAR-10 (Krizhevsky 2009)`.

    Raises
    ------
    ConfigError
        If it begins with none, naming those there are.
    """
    found = {
        len(_letters(text)): data
        for data in DATASETS
        for text in (data.name, data.title)
        if _letters(fact).startswith(_letters(text))
    }
    # The longest, since what begins with CIFAR-100 also begins with CIFAR-10.
    return found[max(found)] if found else dataset(fact)


def _letters(text: str) -> str:
    """Return a text without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
