import pickle
from pathlib import Path

import numpy as np
import pytest
from datasets import SMALL10, SMALL100, old_pickle, real_cifar, write_cifar

from adaptive.errors import ConfigError
from models.datasets.cifar import CIFAR10, CIFAR100, Cifar
from models.datasets.unpickle import read_pickle
from models.trees import tree_of


@pytest.mark.parametrize("old", [True, False])
def test_planes_become_pixels_in_rows(tmp_path: Path, old: bool) -> None:
    write_cifar(tmp_path, SMALL10, old=old)
    data = SMALL10.load(tmp_path, "test")
    raw = read_pickle(tmp_path / SMALL10.folder / "test_batch", obtain="")[b"data"]
    assert isinstance(raw, np.ndarray)
    assert data.images.shape == (20, 32, 32, 3)
    # The k-th image's green value at row 5, column 7.
    np.testing.assert_array_equal(data.images[:, 5, 7, 1], raw[:, 1024 + 5 * 32 + 7])
    assert data.labels.tolist() == [k % 10 for k in range(20)]


@pytest.mark.parametrize("layout", [SMALL10, SMALL100])
def test_the_last_training_images_calibrate_and_no_test_image_does(
    tmp_path: Path, layout: Cifar
) -> None:
    write_cifar(tmp_path, layout)
    train, calibration = layout.load(tmp_path, "train"), layout.load(tmp_path, "calibration")
    raw = [
        read_pickle(tmp_path / layout.folder / name, obtain="")[b"data"] for name in layout.train
    ]
    together = np.concatenate([train.images, calibration.images])
    np.testing.assert_array_equal(
        together.transpose(0, 3, 1, 2).reshape(-1, 3072), np.concatenate(raw)
    )
    assert len(calibration) == layout.sizes.calibration


def test_calibration_reads_only_the_batches_it_lies_in(tmp_path: Path) -> None:
    write_cifar(tmp_path, SMALL10)
    (tmp_path / SMALL10.folder / "data_batch_1").unlink()
    assert len(SMALL10.load(tmp_path, "calibration")) == 15  # batches 4 and 5
    with pytest.raises(ConfigError, match="data_batch_1: No such file"):
        SMALL10.load(tmp_path, "train")


def test_names_and_superclasses_come_from_the_files(tmp_path: Path) -> None:
    write_cifar(tmp_path, SMALL100)
    assert SMALL100.class_names(tmp_path)[:2] == ("class 0", "class 1")
    found = SMALL100.superclasses(tmp_path)
    assert found == {f"class {k}": f"group {k % 20}" for k in range(100)}


def batch(**changes: object) -> dict[bytes, object]:
    whole: dict[bytes, object] = {
        b"data": np.zeros((20, 3072), np.uint8), b"labels": [0] * 20,
    }  # fmt: skip
    whole |= {key.encode(): value for key, value in changes.items()}
    return {key: value for key, value in whole.items() if value is not None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (batch(data=None), r"data: is missing, expected uint8 of shape \(20, 3072\)"),
        (batch(data=np.zeros((20, 99), np.uint8)), r"data: is uint8 of shape \(20, 99\)"),
        (batch(data=np.zeros((19, 3072), np.uint8)), r"data: is uint8 of shape \(19, 3072\)"),
        (batch(data=[1, 2]), "data: is a list of 2"),
        (batch(data=b"pixels"), "data: is b'pixels'"),
        (batch(labels=None), "labels: is missing, expected a list"),
        (batch(labels=[0] * 19), "labels: has 19 labels, expected 20"),
        (batch(labels=[0] * 19 + [10]), r"labels\[19\]: is 10, expected a class from 0 to 9"),
        (batch(labels=[0] * 19 + [-1]), r"labels\[19\]: is -1"),
        (batch(labels=[b"a"] + [0] * 19), r"labels\[0\]: is b'a'"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, content: dict[bytes, object], message: str) -> None:
    write_cifar(tmp_path, SMALL10)
    path = tmp_path / SMALL10.folder / "test_batch"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ConfigError, match=message) as caught:
        SMALL10.load(tmp_path, "test")
    assert str(caught.value).startswith(str(path))
    assert "`adaptive data cifar10 --data-dir DIR`" in str(caught.value)


@pytest.mark.parametrize("names", [None, [b"a"] * 100, [b"a", b"b"], [b""] * 100])
def test_wrong_names_are_refused(tmp_path: Path, names: list[bytes] | None) -> None:
    write_cifar(tmp_path, SMALL100)
    meta = {b"fine_label_names": names} if names else {}
    (tmp_path / SMALL100.folder / "meta").write_bytes(pickle.dumps(meta))
    with pytest.raises(ConfigError, match=r"meta: fine_label_names: .*expected 100"):
        SMALL100.class_names(tmp_path)


def test_a_class_in_two_superclasses_is_refused(tmp_path: Path) -> None:
    write_cifar(tmp_path, SMALL100)
    path = tmp_path / SMALL100.folder / "test"
    content = read_pickle(path, obtain="")
    content[b"coarse_labels"] = [0] * 199 + [1]
    path.write_bytes(old_pickle(content))
    with pytest.raises(ConfigError, match="coarse_labels: gives 101 pairs"):
        SMALL100.superclasses(tmp_path)


def test_the_real_cifar_10_has_its_published_means(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = real_cifar(tmp_path_factory)
    splits = [CIFAR10.load(home, split) for split in ("train", "calibration", "test")]
    assert [len(split) for split in splits] == [45_000, 5_000, 10_000]
    assert np.bincount(splits[2].labels).tolist() == [1000] * 10
    labels = np.concatenate([splits[0].labels, splits[1].labels])
    assert np.bincount(labels).tolist() == [5000] * 10
    # The published 0.4914, 0.4822, 0.4465 of the 50,000 training images.
    mean = (9 * splits[0].images.mean((0, 1, 2)) + splits[1].images.mean((0, 1, 2))) / 10
    np.testing.assert_allclose(mean / 255, [0.4914, 0.4822, 0.4465], atol=6e-5)
    assert CIFAR10.class_names(home) == tree_of("cifar10").leaves


def test_the_real_cifar_100_has_the_superclasses_of_the_label_tree(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = real_cifar(tmp_path_factory)
    tree = tree_of("cifar100")
    assert CIFAR100.class_names(home) == tree.leaves
    found = CIFAR100.superclasses(home)
    assert [found[leaf] for leaf in tree.leaves] == [path[1] for path in tree.paths]
    assert np.bincount(CIFAR100.load(home, "test").labels).tolist() == [100] * 100
