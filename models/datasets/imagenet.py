"""ImageNet (ILSVRC 2012): one folder of photographs for each WordNet id, decoded when needed.

`train/n01440764/*.JPEG` and `val/n01440764/*.JPEG`, in `DIR/imagenet`, in Kaggle's
`DIR/ILSVRC/Data/CLS-LOC` or in `DIR` itself; classes are numbered by the order of their ids. The
validation images, the only held-out ones with public labels, are the test split; the last 5
training images of each class, by file name, calibrate (5,000 of 1,000 classes); the rest trains.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from models.data import LabelledImages, Pixels, Split
from models.datasets.pictures import SUFFIXES, centre_cut, decode

SIDE = 224
RESIZED = 256
PER_CLASS = 5
"""Training images of each class that calibrate."""

HOMES = ("imagenet", "ILSVRC/Data/CLS-LOC", ".")
OBTAIN = (
    "ImageNet is for registered users of https://image-net.org: unpack ILSVRC 2012 so that "
    "DIR/imagenet/train and DIR/imagenet/val hold one folder of images for each WordNet id"
)
_CLASS = re.compile(r"n\d{8}")


@dataclass(frozen=True, slots=True, eq=False)
class ImageFolder:
    """Photographs on disk: their files, the leaf index of each, shape (N,), and the classes."""

    files: tuple[Path, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.files),):
            raise ValueError(f"labels has shape {self.labels.shape}, expected {len(self.files)}")

    def __len__(self) -> int:
        return len(self.files)

    def batches(self, size: int) -> Iterator[LabelledImages]:
        """Decode the images in their order, `size` at a time; raises ConfigError naming a file."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            images = np.stack([read_photograph(path) for path in self.files[part]])
            yield LabelledImages(images, self.labels[part])


def load_imagenet(data_dir: Path, split: Split) -> ImageFolder:
    """List the images of a split; none is opened yet.

    Raises
    ------
    ConfigError
        Naming the folder, if it is missing, empty, or not named by a WordNet id.
    """
    home = next((data_dir / part for part in HOMES if (data_dir / part / "val").is_dir()), None)
    if home is None:
        raise ConfigError(f"{data_dir / HOMES[0] / 'val'}: no such folder; {OBTAIN}")
    folder = home / ("val" if split == "test" else "train")
    classes = class_ids(folder)
    files: list[Path] = []
    labels: list[int] = []
    for index, name in enumerate(classes):
        found = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in SUFFIXES)
        kept = {"train": found[:-PER_CLASS], "calibration": found[-PER_CLASS:]}.get(split, found)
        if not kept:
            raise ConfigError(
                f"{folder / name}: has {len(found)} images, expected some for {split}; {OBTAIN}"
            )
        files += kept
        labels += [index] * len(kept)
    return ImageFolder(tuple(files), np.array(labels, dtype=np.int64), classes)


def class_ids(folder: Path) -> tuple[str, ...]:
    """Return the WordNet ids a folder is divided into, in their order.

    Raises
    ------
    ConfigError
        Naming the folder, if it is missing or holds a folder of another name, or none.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; {OBTAIN}")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    odd = [name for name in names if not _CLASS.fullmatch(name)]
    if odd or not names:
        raise ConfigError(
            f"{folder}: has {'the folder ' + repr(odd[0]) if odd else 'no folders'}, expected one "
            f"for each WordNet id, such as n01440764; {OBTAIN}"
        )
    return tuple(names)


def read_photograph(path: Path) -> Pixels:
    """Decode a photograph: shorter side to 256, centre cut to 224 x 224, shape (224, 224, 3).

    Raises
    ------
    ConfigError
        Naming the file, if it is no image, or Pillow is not installed.
    """
    return decode(
        path, lambda opened: centre_cut(opened.convert("RGB"), (SIDE, SIDE), short=RESIZED)
    )
