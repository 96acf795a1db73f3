"""Pictures of one's own: a folder of PNG and JPEG files, or one folder a class.

Folders are named by the leaves of the label tree. A picture of the wanted size is taken as it is;
of any other the shorter side is scaled to 8/7 of the wanted longer one and the centre is cut out.
"""

import struct
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from models.data import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = {".jpeg", ".jpg", ".png"}
MODES = {1: "L", 3: "RGB"}
"""Pillow's names of images with so many channels."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Decoded pictures (N, H, W, C), and the leaf index of each, shape (N,), if folders tell it."""

    images: Pixels
    labels: NDArray[np.int64] | None


def load_pictures(
    folder: Path, *, shape: tuple[int, int, int], leaves: Sequence[str], count: int
) -> Pictures:
    """Decode at most `count` pictures of a folder, evenly spread.

    Raises
    ------
    ConfigError
        Naming the folder or the file, if there is no picture, a folder is not named by a leaf, a
        file cannot be decoded, or it has other channels than the network reads.
    """
    if shape[2] not in MODES:
        raise ConfigError(f"{folder}: the network reads {shape[2]} channels, expected 1 or 3")
    listed = _listed(folder, leaves)
    if not listed:
        raise ConfigError(
            f"{folder}: holds no PNG or JPEG files, expected pictures to calibrate on"
        )
    wanted = np.unique(np.linspace(0, len(listed) - 1, min(count, len(listed))).round().astype(int))
    chosen = [listed[index] for index in wanted]
    images = np.stack([read_picture(path, shape) for path, _ in chosen])
    labels = [label for _, label in chosen if label is not None]
    return Pictures(images, np.array(labels, np.int64) if labels else None)


def _listed(folder: Path, leaves: Sequence[str]) -> list[tuple[Path, int | None]]:
    """List the pictures of a folder with their labels, in the order of their names."""
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise ConfigError(
            f"{folder}: {error.strerror}, expected a folder of pictures or a data set's name"
        ) from error
    classes = [entry for entry in inside if entry.is_dir() and not entry.name.startswith(".")]
    flat = [entry for entry in inside if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if classes and flat:
        raise ConfigError(
            f"{folder}: holds {flat[0].name} beside the folder {classes[0].name}, expected "
            "pictures alone, or folders alone, one a class"
        )
    for entry in classes:
        if entry.name not in leaves:
            raise ConfigError(
                f"{entry}: no leaf of the label tree, expected one of {_some(leaves)}"
            )
    found: list[tuple[Path, int | None]] = [(path, None) for path in flat]
    for entry in classes:
        label = leaves.index(entry.name)
        files = sorted(path for path in entry.iterdir() if path.suffix.lower() in SUFFIXES)
        found += [(path, label) for path in files]
    return found


def _some(names: Sequence[str]) -> str:
    """Name the first few of many."""
    return ", ".join(names[:8]) + (f", ... ({len(names)})" if len(names) > 8 else "")


def read_picture(path: Path, shape: tuple[int, int, int]) -> Pixels:
    """Decode one picture of shape (H, W, C); raises ConfigError naming the file."""
    height, width, channels = shape

    def fit(image: "Image") -> "Image":
        if channels == 1 and image.mode not in ("L", "1", "I;16"):
            raise ConfigError(
                f"{path}: is a picture of mode {image.mode}, expected grey: the network reads one "
                "channel"
            )
        image = image.convert(MODES[channels])
        if image.size == (width, height):
            return image
        return centre_cut(image, (width, height), short=round(max(height, width) * 8 / 7))

    pixels = decode(path, fit)
    return pixels.reshape(shape)


def centre_cut(image: "Image", size: tuple[int, int], *, short: int) -> "Image":
    """Scale the shorter side of an image and cut (width, height) out of its middle."""
    from PIL import Image as Pillow

    least = min(image.size)
    width, height = (short * side // least for side in image.size)
    left, top = round((width - size[0]) / 2), round((height - size[1]) / 2)
    scaled = image.resize((width, height), Pillow.Resampling.BILINEAR)
    return scaled.crop((left, top, left + size[0], top + size[1]))


def decode(path: Path, fit: Callable[["Image"], "Image"]) -> Pixels:
    """Open a picture and return the pixels of what `fit` makes of it.

    Raises
    ------
    ConfigError
        Naming the file, if it is no image, or Pillow is not installed.
    """
    try:
        from PIL import Image as Pillow
    except ImportError as error:
        raise ConfigError("photographs need Pillow: pip install pillow") from error
    try:
        with warnings.catch_warnings():
            # Small faults of metadata warn; a file large enough to be a bomb must not pass.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(path) as opened:
                return np.asarray(fit(opened), dtype=np.uint8)
    # What Pillow raises for a damaged file depends on the format and on the damage.
    except (
        OSError, ValueError, SyntaxError, LookupError, TypeError, OverflowError, MemoryError,
        EOFError, struct.error, Pillow.DecompressionBombError, Pillow.DecompressionBombWarning,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split()).replace(f"'{path}'", "").strip()
        raise ConfigError(f"{path}: cannot be decoded: {reason}, expected an image") from error
