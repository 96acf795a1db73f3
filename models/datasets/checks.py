"""What the readers share: where data lie, and checks that name file and field."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from models.data import Pixels, Split

VARIABLE = "ADAPTIVE_DATA"
CALIBRATION = 5_000
"""The last so many training images calibrate; the official test images are only ever tested on."""


def data_folder(named: Path | None, *, name: str) -> Path:
    """Return the folder data sets lie in: the one named, else `$ADAPTIVE_DATA`.

    Raises
    ------
    ConfigError
        If neither is given or it is no folder, with the command that gets the data set `name`.
    """
    folder = named or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if folder is None:
        raise ConfigError(
            f"{name} needs --data-dir DIR or {VARIABLE}, expected the folder that holds it; "
            f"`adaptive data {name} --data-dir DIR` gets it"
        )
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder, expected the one that holds {name}")
    return folder


@dataclass(frozen=True, slots=True)
class SplitSizes:
    """Images a file set holds: `train`, of which the last `calibration` calibrate, and `test`."""

    train: int
    test: int
    calibration: int = CALIBRATION

    def __post_init__(self) -> None:
        if not 0 < self.calibration < self.train or self.test < 1:
            raise ValueError(f"sizes are {self}, expected 0 < calibration < train and 1 test image")

    def part(self, split: Split) -> slice:
        """Return where a split lies in the file set it is cut from."""
        border = self.train - self.calibration
        return {
            "train": slice(0, border),
            "calibration": slice(border, self.train),
            "test": slice(0, self.test),
        }[split]


def checked_labels(
    values: object, *, where: str, classes: int, obtain: str, count: int | None = None
) -> NDArray[np.int64]:
    """Return class numbers as an array.

    Raises
    ------
    ConfigError
        Beginning with `where`, if one is no number of a class or there are too few or many.
    """
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list):
        raise ConfigError(f"{where}: is {_kind(values)}, expected a list of labels; {obtain}")
    if count is not None and len(values) != count:
        raise ConfigError(f"{where}: has {len(values)} labels, expected {count}; {obtain}")
    for index, value in enumerate(values):
        if type(value) is not int or not 0 <= value < classes:
            raise ConfigError(
                f"{where}[{index}]: is {value!r:.40}, expected a class from 0 to {classes - 1}; "
                f"{obtain}"
            )
    return np.array(values, dtype=np.int64)


def checked_pixels(values: object, *, where: str, shape: tuple[int, ...], obtain: str) -> Pixels:
    """Return pixels of exactly this shape; raises ConfigError beginning with `where`."""
    if not isinstance(values, np.ndarray) or values.dtype != np.uint8 or values.shape != shape:
        raise ConfigError(f"{where}: is {_kind(values)}, expected uint8 of shape {shape}; {obtain}")
    return values


def checked_names(values: object, *, where: str, count: int, obtain: str) -> tuple[str, ...]:
    """Return class names, which a file may hold as bytes; raises ConfigError naming `where`."""
    if not isinstance(values, list) or len(values) != count:
        raise ConfigError(f"{where}: is {_kind(values)}, expected {count} names; {obtain}")
    names = tuple(
        name.decode("ascii", "replace") if isinstance(name, bytes) else name for name in values
    )
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) != count:
        raise ConfigError(f"{where}: is {names!r:.80}, expected {count} different names; {obtain}")
    return names


def _kind(value: Any) -> str:
    """Describe a value that is something else than expected."""
    if value is None:
        return "missing"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{value!r:.40}"
