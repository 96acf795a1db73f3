import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from models.data import Distortion, LabelledImages, distort, enlarge, load_digits


def test_splits_are_disjoint_and_make_up_the_whole() -> None:
    from sklearn.datasets import load_digits as read

    splits = [load_digits(split) for split in ("train", "calibration", "test")]
    assert [len(split) for split in splits] == [1149, 288, 360]
    whole = np.concatenate([split.labels for split in splits])
    np.testing.assert_array_equal(whole, read().target)
    np.testing.assert_array_equal(splits[2].images[..., 0], read().images[1437:] * 15)


def test_a_missing_scikit_learn_is_one_line_naming_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ConfigError, match=r"thermal-adaptive-inference\[sim\]"):
        load_digits("test")


def test_reading_images_needs_no_torch() -> None:
    code = "import sys, models.data; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)


def test_no_distortion_changes_nothing() -> None:
    out = distort(images(), Distortion(), rng=np.random.default_rng(0))
    np.testing.assert_array_equal(out, images())


class Fixed(np.random.Generator):
    """A generator whose uniform draws are all at their upper limit."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def uniform(self, low: float, high: float, size: object) -> np.ndarray:  # type: ignore[override]
        return np.full(size, high)  # type: ignore[call-overload]


def test_a_shift_of_one_pixel_moves_the_image_by_one() -> None:
    out = distort(images(), Distortion(shift_px=1), rng=Fixed())
    np.testing.assert_array_equal(out[:, :-1, :-1], images()[:, 1:, 1:])
    assert not out[:, -1].any()


def test_a_quarter_turn_turns() -> None:
    out = distort(images(), Distortion(rotation_deg=90), rng=Fixed())
    np.testing.assert_array_equal(out[..., 0], np.rot90(images()[..., 0], -1, axes=(1, 2)))


@given(st.integers(0, 2**32 - 1), st.floats(0, 180), st.floats(0, 9), st.floats(0, 0.9))
def test_interpolation_never_leaves_the_range_of_the_pixels(
    seed: int, rotation_deg: float, shift_px: float, zoom: float
) -> None:
    flat = np.full((3, 8, 8, 1), 200, np.uint8)
    out = distort(flat, Distortion(rotation_deg, shift_px, zoom), rng=np.random.default_rng(seed))
    assert out.max() <= 200


def test_enlarging_keeps_labels_and_repeats_with_its_seed() -> None:
    data = LabelledImages(images(), np.arange(5))
    big = enlarge(data, 3, Distortion(noise=9), seed=1)
    assert big.labels.tolist() == [0, 1, 2, 3, 4] * 3
    np.testing.assert_array_equal(big.images, enlarge(data, 3, Distortion(noise=9), seed=1).images)
    assert not np.array_equal(big.images[:5], big.images[5:10])


def test_images_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="images is float64"):
        LabelledImages(images().astype(float), np.arange(5))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="labels has shape"):
        LabelledImages(images(), np.arange(4))


def test_a_negative_distortion_is_refused() -> None:
    with pytest.raises(ValueError, match="zoom is -1"):
        Distortion(zoom=-1)
