"""Images as numpy arrays; no torch, so that a simulation can read them on its own.

`models.datasets` reads the public data sets into these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError

Pixels = NDArray[np.uint8]
Split = Literal["train", "calibration", "test"]

# Images by one writer lie together in this data set, so the splits are cut, not drawn.
TRAIN_END = 1149
CALIBRATION_END = 1437


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """Images (N, H, W, C), uint8, and the leaf index of each, shape (N,), int64."""

    images: Pixels
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                f"images is {self.images.dtype} of shape {self.images.shape}, "
                "expected uint8 of shape (N, H, W, C)"
            )
        if self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels has shape {self.labels.shape}, expected {self.images.shape[:1]}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, size: int) -> Iterator["LabelledImages"]:
        """Yield the images in their order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield LabelledImages(self.images[part], self.labels[part])


class ImageSet(Protocol):
    """Labelled images that may lie in memory or be read batch by batch."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Leaf index of each image, shape (N,)."""
        ...

    def __len__(self) -> int: ...

    def batches(self, size: int) -> Iterator[LabelledImages]:
        """Yield the images in their order, `size` at a time; the last batch may be smaller."""
        ...


def load_digits(split: Split) -> LabelledImages:
    """Return one split of scikit-learn's handwritten digits, 8 x 8 scans scaled to 0..240.

    The first 1149 images train, the next 288 calibrate, the last 360 are held out.

    Raises
    ------
    ConfigError
        If scikit-learn is not installed.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits," UCI Machine
       Learning Repository, 1998 (its test set, as scikit-learn ships it).
    """
    try:
        from sklearn.datasets import load_digits as read_digits
    except ImportError as error:
        raise ConfigError(
            "the digits need scikit-learn: pip install 'thermal-adaptive-inference[sim]'"
        ) from error
    data = read_digits()
    bounds = {
        "train": slice(0, TRAIN_END),
        "calibration": slice(TRAIN_END, CALIBRATION_END),
        "test": slice(CALIBRATION_END, None),
    }
    images = (data.images[bounds[split], :, :, np.newaxis] * 15).astype(np.uint8)
    return LabelledImages(images, np.asarray(data.target[bounds[split]], dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Distortion:
    """How far images are moved at random; each is drawn uniformly up to its limit.

    `rotation_deg` and `shift_px` go both ways, `zoom` is relative, and `noise` is the standard
    deviation of added noise in pixel values.
    """

    rotation_deg: float = 0.0
    shift_px: float = 0.0
    zoom: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for field in ("rotation_deg", "shift_px", "zoom", "noise"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} is {getattr(self, field)}, expected 0 or more")


def distort(images: Pixels, distortion: Distortion, *, rng: np.random.Generator) -> Pixels:
    """Rotate, zoom, shift and add noise to each image (N, H, W, C), interpolating linearly."""
    n, height, width = images.shape[:3]
    angle = np.deg2rad(rng.uniform(-1, 1, n) * distortion.rotation_deg)
    zoom = 1 + rng.uniform(-1, 1, n) * distortion.zoom
    shift = rng.uniform(-1, 1, (n, 2)) * distortion.shift_px
    y, x = np.mgrid[:height, :width]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    rows = cos[:, None, None] * y - sin[:, None, None] * x + shift[:, :1, None]  # (N, H, W)
    columns = sin[:, None, None] * y + cos[:, None, None] * x + shift[:, 1:, None]
    moved = _sample(images, rows + (height - 1) / 2, columns + (width - 1) / 2)
    moved += rng.normal(0.0, 1.0, moved.shape) * distortion.noise
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def _sample(
    images: Pixels, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate images at real positions, shape (N, H, W); outside is zero."""
    padded = np.pad(images.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = np.clip(rows + 1, 0, padded.shape[1] - 1.001)
    columns = np.clip(columns + 1, 0, padded.shape[2] - 1.001)
    top, left = rows.astype(np.int64), columns.astype(np.int64)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    index = np.arange(len(images))[:, None, None]
    upper = (1 - right) * padded[index, top, left] + right * padded[index, top, left + 1]
    lower = (1 - right) * padded[index, top + 1, left] + right * padded[index, top + 1, left + 1]
    return np.asarray((1 - down) * upper + down * lower, dtype=np.float64)


def enlarge(
    data: LabelledImages, versions: int, distortion: Distortion, *, seed: int
) -> LabelledImages:
    """Return several distorted versions of each image, seeded, version by version."""
    rng = np.random.default_rng(seed)
    images = [distort(data.images, distortion, rng=rng) for _ in range(versions)]
    return LabelledImages(np.concatenate(images), np.tile(data.labels, versions))
