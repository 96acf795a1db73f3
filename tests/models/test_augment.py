import numpy as np
import pytest

from models.augment import CroppedBatches, crop_and_flip
from models.data import LabelledImages


def numbered(count: int, height: int = 6, width: int = 5) -> LabelledImages:
    """Images whose pixels say which image, row and column they are."""
    n, y, x = np.mgrid[:count, :height, :width]
    images = np.stack([n, y, x], axis=3).astype(np.uint8)
    return LabelledImages(images, np.arange(count))


def test_a_crop_is_a_window_of_the_image_or_its_mirror_image() -> None:
    padded = numbered(200).images
    cut = crop_and_flip(padded, (3, 4), rng=np.random.default_rng(0))
    assert cut.shape == (200, 3, 4, 3)
    seen = set()
    for k, image in enumerate(cut):
        rows, columns = image[:, 0, 1].astype(int), image[0, :, 2].astype(int)
        assert np.all(image[..., 0] == k)
        assert np.all(np.diff(rows) == 1)
        assert abs(np.diff(columns).sum()) == 3
        assert np.unique(np.diff(columns)).size == 1
        np.testing.assert_array_equal(
            image[..., 1:], np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=2)
        )
        seen.add((rows[0], columns.min(), columns[0] < columns[1]))
    assert len(seen) == 4 * 2 * 2


def test_mirror_images_are_left_out_where_they_are_other_things() -> None:
    data = numbered(60)
    batches = CroppedBatches(data, batch=60, margin=0, mirror=False)
    ((images, labels),) = batches.epoch(np.random.default_rng(0))
    np.testing.assert_array_equal(images.numpy(), data.images[labels.numpy()])


def test_an_epoch_shows_every_image_once_with_its_own_label() -> None:
    data = numbered(10)
    batches = CroppedBatches(data, batch=5, margin=2)
    shown = []
    for images, labels in batches.epoch(np.random.default_rng(0)):
        assert images.shape == (5, 6, 5, 3)
        assert (images[:, 0, 0, 0] == labels).all()
        shown += labels.tolist()
    assert len(batches) == 2
    assert sorted(shown) == list(range(10))
    assert shown != list(range(10))


def test_what_does_not_fill_a_batch_is_left_out_and_seeds_repeat() -> None:
    batches = CroppedBatches(numbered(10), batch=4, margin=1)
    runs = [
        [images.numpy() for images, _ in batches.epoch(np.random.default_rng(seed))]
        for seed in (1, 1, 2)
    ]
    assert [len(run) for run in runs] == [2, 2, 2]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("batch", [0, 11])
def test_a_batch_no_images_fill_is_refused(batch: int) -> None:
    with pytest.raises(ValueError, match=f"batch is {batch}, expected 1 to 10"):
        CroppedBatches(numbered(10), batch=batch, margin=1)
