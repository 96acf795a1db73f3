import subprocess
import sys
from pathlib import Path

import pytest
from datasets import write_imagenet

from adaptive.artifact import load_artifact
from adaptive.errors import ConfigError
from models.datasets.catalogue import DATASETS, dataset, dataset_names, dataset_of
from models.datasets.checks import VARIABLE


@pytest.mark.parametrize(
    ("fact", "name"),
    [
        ("cifar10", "cifar10"),
        ("CIFAR-10 (Krizhevsky 2009)", "cifar10"),
        ("CIFAR-100, python version", "cifar100"),
        ("MNIST", "mnist"),
        ("Fashion MNIST", "fashion-mnist"),
        ("ImageNet (ILSVRC 2012)", "imagenet"),
    ],
)
def test_provenance_names_a_data_set_by_its_beginning(fact: str, name: str) -> None:
    assert dataset_of(fact).name == name


def test_the_bundled_network_names_the_digits() -> None:
    assert dataset_of(str(load_artifact("digits").provenance["dataset"])).name == "digits"


@pytest.mark.parametrize("fact", ["", "my holiday pictures", "CIFAR"])
def test_what_names_none_is_refused_with_those_there_are(fact: str) -> None:
    with pytest.raises(ConfigError, match="expected one of digits, cifar10, cifar100"):
        dataset_of(fact)


def test_names_find_their_data_sets() -> None:
    assert [dataset(name) for name in dataset_names()] == list(DATASETS)


def test_the_digits_need_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert len(dataset("digits").load("test")) == 360
    with pytest.raises(ConfigError, match="adaptive data cifar10"):
        dataset("cifar10").load("test")


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_imagenet(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert len(dataset("imagenet").load("test")) == 9


def test_reading_data_sets_needs_no_torch() -> None:
    code = "import sys, models.datasets.catalogue, models.trees; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
