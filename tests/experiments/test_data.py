import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import IDS, SMALL10, SMALL100, SMALL_MNIST, write_cifar, write_idx, write_imagenet
from servers import Site, serving

from adaptive.errors import ConfigError
from adaptive.labels import LabelTree
from experiments.commands import data
from models.datasets.catalogue import DataSet
from models.datasets.checks import VARIABLE
from models.datasets.download import Source
from models.datasets.obtain import Download
from models.trees import load_tree


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    data.add_arguments(parser)
    return data.run(parser.parse_args(arguments))


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as running:
        yield running


@pytest.fixture
def small_mnist(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Offer a small MNIST under the name of the large one."""
    write_idx(tmp_path / "made", SMALL_MNIST)
    sources = []
    for path in sorted((tmp_path / "made" / "mnist").iterdir()):
        content = site.files[path.name] = path.read_bytes()
        md5 = hashlib.md5(content).hexdigest()
        sources.append(Source(f"{site.base}/{path.name}", md5, len(content)))
    small = DataSet(
        "mnist", "MNIST", (28, 28, 1), 10, SMALL_MNIST.load,
        lambda: Download(tuple(sources), "mnist"),
    )  # fmt: skip
    monkeypatch.setattr(data, "dataset", lambda _name: small)
    return site


def test_the_digits_are_there_already(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("digits") == 0
    out = capsys.readouterr().out
    assert out == (
        "scikit-learn digits: 1,149 train, 288 calibration, 360 test images of 8 x 8 x 1, "
        "all readable\n"
    )


def test_what_is_missing_is_fetched_once_and_counted(
    small_mnist: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert call("mnist", "--data-dir", str(tmp_path / "d"), "--json") == 0
        assert json.loads(capsys.readouterr().out) == {
            "dataset": "mnist", "shape": [28, 28, 1],
            "images": {"train": 25, "calibration": 5, "test": 20},
        }  # fmt: skip
    assert len(small_mnist.asked) == 4


def test_the_folder_may_come_from_the_variable(
    small_mnist: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert call("mnist") == 0
    assert (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").exists()


def test_an_interrupted_fetch_goes_on(
    small_mnist: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_mnist.cut = 1000
    with pytest.raises(ConfigError, match="run it again to go on"):
        call("mnist", "--data-dir", str(tmp_path / "d"))
    small_mnist.cut = None
    assert call("mnist", "--data-dir", str(tmp_path / "d")) == 0
    assert "bytes=1000-" in small_mnist.asked


def test_no_folder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    for name in ("cifar10", "imagenet"):
        with pytest.raises(ConfigError, match=f"{name} needs --data-dir DIR or {VARIABLE}"):
            call(name)


def test_imagenet_says_where_it_is_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"for registered users of https://image-net\.org"):
        call("imagenet", "--data-dir", str(tmp_path))


def test_the_label_tree_is_written_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_imagenet(tmp_path)
    relation = "".join(f"n00000001 {name}\n" for name in IDS)
    (tmp_path / "imagenet" / "wordnet_is_a.txt").write_text(relation)
    out = tmp_path / "t.yaml"
    assert call("imagenet", "--data-dir", str(tmp_path), "--labels", str(out)) == 0
    assert "6 train, 15 calibration, 9 test images" in capsys.readouterr().out
    assert load_tree(out).leaves == tuple(sorted(IDS))


def test_superclasses_that_differ_from_the_tree_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar(tmp_path, SMALL100)
    monkeypatch.setattr(data, "CIFAR100", SMALL100)
    small = DataSet("cifar100", "CIFAR-100", (32, 32, 3), 100, SMALL100.load)
    with pytest.raises(ConfigError, match="superclass of apple is None, expected fruit_and"):
        data.check_superclasses(small, tmp_path)
    leaves = tuple(f"class {k}" for k in range(100))
    paths = tuple(("all", f"group {k % 20}") for k in range(100))
    same = LabelTree(leaves, ("leaf", "superclass", "group"), paths)
    monkeypatch.setattr(data, "tree_of", lambda _name: same)
    data.check_superclasses(small, tmp_path)


def test_a_damaged_file_is_found_by_reading_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar(tmp_path, SMALL10)
    small = DataSet("cifar10", "CIFAR-10", (32, 32, 3), 10, SMALL10.load)
    monkeypatch.setattr(data, "dataset", lambda _name: small)
    assert call("cifar10", "--data-dir", str(tmp_path)) == 0
    path = tmp_path / SMALL10.folder / "data_batch_3"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ConfigError, match="data_batch_3: not the pickle of a data set"):
        call("cifar10", "--data-dir", str(tmp_path))
