import io
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets import IDS, found_or_message, write_imagenet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from adaptive.errors import ConfigError
from models.datasets.imagenet import ImageFolder, class_ids, load_imagenet, read_photograph


def test_classes_are_numbered_by_their_ids(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    data = load_imagenet(tmp_path, "test")
    assert data.classes == tuple(sorted(IDS))
    assert data.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert [path.parent.name for path in data.files] == [c for c in sorted(IDS) for _ in range(3)]


def test_the_last_training_images_of_each_class_calibrate(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    train, calibration = load_imagenet(tmp_path, "train"), load_imagenet(tmp_path, "calibration")
    assert [path.stem[-1] for path in train.files] == ["0", "1"] * 3
    assert [path.stem[-1] for path in calibration.files] == ["2", "3", "4", "5", "6"] * 3
    assert {path.parts[-3] for path in calibration.files} == {"train"}


@pytest.mark.parametrize("home", ["imagenet", "ILSVRC/Data/CLS-LOC", "."])
def test_the_usual_places_are_found(tmp_path: Path, home: str) -> None:
    write_imagenet(tmp_path / "made")
    target = tmp_path / "data" / home
    (target / "..").resolve().mkdir(parents=True, exist_ok=True)
    (tmp_path / "made" / "imagenet").rename(target.resolve())
    assert len(load_imagenet(tmp_path / "data", "test")) == 9


def test_batches_are_decoded_in_order_and_only_when_asked_for(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    data = load_imagenet(tmp_path, "test")
    data.files[-1].write_bytes(b"damaged")
    batches = data.batches(4)
    first = next(batches)
    assert first.images.shape == (4, 224, 224, 3)
    assert first.labels.tolist() == [0, 0, 0, 1]
    # Greys were 40 class + 5 number, in folders of other order than the ids.
    assert first.images[:, 100, 100, 0].tolist() == pytest.approx([40, 45, 50, 0], abs=2)
    assert len(next(batches)) == 4
    with pytest.raises(ConfigError, match=r"n02084071_2\.JPEG: cannot be decoded"):
        next(batches)


@pytest.mark.parametrize("size", [(448, 256), (256, 448), (100, 50), (224, 224), (1, 3)])
def test_the_centre_is_cut_from_the_shorter_side_at_256(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    width, height = size
    ramp = np.linspace(0, 255, width)[np.newaxis, :, np.newaxis] * np.ones((height, 1, 3))
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "x.png")
    found = read_photograph(tmp_path / "x.png")
    assert found.shape == (224, 224, 3)
    scaled = 256 * width / min(size)
    if width > 1:
        # A ramp stays a ramp: its middle is the middle, and it shrinks by what is cut off.
        assert float(found[112, 112, 0]) == pytest.approx(127, abs=3)
        spread = float(found[112, 200, 0]) - float(found[112, 24, 0])
        assert spread == pytest.approx(255 * 176 / scaled, abs=6)


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "1"])
def test_every_kind_of_image_becomes_three_colours(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    Image.new("RGB", (230, 230), (255, 255, 255)).convert(mode).save(path)
    assert read_photograph(path).shape == (224, 224, 3)


def test_a_folder_of_another_name_is_refused(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    (tmp_path / "imagenet" / "val" / "cats").mkdir()
    with pytest.raises(ConfigError, match="has the folder 'cats', expected one for each WordNet"):
        load_imagenet(tmp_path, "test")


def test_missing_and_empty_folders_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"imagenet/val: no such folder; .*image-net\.org"):
        load_imagenet(tmp_path, "test")
    (tmp_path / "imagenet" / "val").mkdir(parents=True)
    with pytest.raises(ConfigError, match="val: has no folders"):
        load_imagenet(tmp_path, "test")
    with pytest.raises(ConfigError, match="train: no such folder"):
        load_imagenet(tmp_path, "train")


def test_a_class_without_images_is_named(tmp_path: Path) -> None:
    write_imagenet(tmp_path, train=5)
    with pytest.raises(ConfigError, match="n01440764: has 5 images, expected some for train"):
        load_imagenet(tmp_path, "train")


def test_a_missing_pillow_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ConfigError, match="pip install pillow"):
        read_photograph(tmp_path / "x.png")


def test_an_image_too_large_to_be_honest_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (300, 300)).save(tmp_path / "x.png")
    for limit in (60_000, 20_000):  # a warning, and an error
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ConfigError, match=r"x\.png: cannot be decoded.*exceeds limit"):
            read_photograph(tmp_path / "x.png")


def test_labels_that_do_not_fit_the_files_cannot_be() -> None:
    with pytest.raises(ValueError, match="labels has shape"):
        ImageFolder((Path("a"),), np.zeros(2, np.int64), ("n00000001",))


def test_ids_are_read_from_folders(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    assert class_ids(tmp_path / "imagenet" / "val") == tuple(sorted(IDS))


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((24, 20)).save(buffer, kind)
    return buffer.getvalue()


IMAGES = {kind: encoded(kind) for kind in ("JPEG", "PNG")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from(sorted(IMAGES)), st.integers(0, 2**12), st.binary(max_size=5))
def test_damage_gives_an_image_or_one_clear_line(
    tmp_path: Path, kind: str, at: int, patch: bytes
) -> None:
    whole = IMAGES[kind]
    at %= len(whole)
    path = tmp_path / f"x.{kind.lower()}"
    path.write_bytes(whole[:at] + patch + whole[at + 3 :])
    found = found_or_message(lambda: read_photograph(path))
    if isinstance(found, str):
        assert found.startswith(f"{path}: ")
        assert "\n" not in found
    else:
        assert found.shape == (224, 224, 3)
