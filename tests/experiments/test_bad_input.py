"""One clear error and nothing written, whatever is wrong and whichever command meets it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import small_artifact

from adaptive import cli
from adaptive.artifact import load_artifact, save_artifact
from adaptive.errors import ConfigError
from experiments import import_network, train_cifar
from experiments.commands import doctor, evaluate
from models.data import LabelledImages
from models.zoo.catalogue import NetworkConfig, build

DIGITS = load_artifact("digits")
COMMANDS = {"evaluate": evaluate, "doctor": doctor}


def spoilt(folder: Path, fault: str) -> list[str]:
    """Write what a fault needs and return the arguments that meet it."""
    path = folder / "net.npz"
    save_artifact(DIGITS, path)
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    if fault == "channels":
        save_artifact(replace(small_artifact(), provenance={"dataset": "digits"}), path)
    if fault == "classes":
        leaves = (*DIGITS.labels.leaves[:-1], "ten")
        tree = replace(DIGITS.labels, leaves=leaves)
        save_artifact(replace(DIGITS, labels=tree, measured=()), path)
        return ["--artifact", str(path), "--dataset", "cifar100"]
    return ["--artifact", str(path)]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("cut", "net.npz: checksum does not match, the file is damaged or cut short"),
        ("channels", "reads images (6, 6, 2) of 4 classes, expected (8, 8, 1) of 10 for digits"),
        ("classes", "of 10 classes, expected (32, 32, 3) of 100 for cifar100"),
    ],
)
def test_networks_that_are_damaged_or_do_not_fit_are_refused(
    name: str, fault: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    given = spoilt(tmp_path, fault)
    if fault == "classes":
        monkeypatch.setattr(
            train_cifar.dataset("cifar100").__class__, "load", lambda *_a, **_k: range(3)
        )
    before = sorted(tmp_path.iterdir())
    written = ["-o", str(tmp_path / "out.npz")] if name == "doctor" else []
    assert cli._run(name, COMMANDS[name], [*given, *written]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.count("\n") == 1
    assert found.err.startswith(f"adaptive {name}: ")
    assert message in found.err
    assert sorted(tmp_path.iterdir()) == before


def test_a_plan_with_an_unknown_layer_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("".join(f"{layer}: 8\n" for layer in (*DIGITS.layers, "attic")))
    assert cli._run("evaluate", evaluate, ["--plan", str(plan)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"adaptive evaluate: {plan}: unknown layer 'attic', expected one of")
    assert error.count("\n") == 1


def state_file(folder: Path, config: NetworkConfig, *, classes: int, spoil: bool = False) -> Path:
    torch.manual_seed(0)
    state = build(config, classes=classes).state_dict()
    if spoil:
        first = next(iter(state))
        state[first] = torch.full_like(state[first], torch.nan)
    torch.save(state, folder / "weights.pth")
    return folder / "weights.pth"


@pytest.mark.parametrize(
    ("kind", "classes", "spoil", "message"),
    [
        ("resnet8", 4, False, "cannot be traced on (8, 8, 1) images"),
        ("ds_cnn", 4, False, "an image has the label 9, expected below 4"),
        ("ds_cnn", 4, True, "weights hold a value that is not finite"),
        ("ds_cnn", 3, False, "not the state_dict of this network"),
    ],
)
def test_an_import_that_does_not_fit_is_refused(
    kind: str, classes: int, spoil: bool, message: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = state_file(tmp_path, NetworkConfig(kind), classes=classes, spoil=spoil)  # type: ignore[arg-type]
    tree = tmp_path / "tree.yaml"
    tree.write_text("levels: [leaf]\nleaves: {a: [], b: [], c: [], d: []}\n")
    given = [
        "--network", kind, "--weights", str(path), "--dataset", "digits", "--pixels",
        "--labels", str(tree), "--output", str(tmp_path / "out.npz"),
    ]  # fmt: skip
    assert import_network.main(given) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    path.write_bytes(path.read_bytes()[:-500])
    assert import_network.main(given) == 2
    assert "weights.pth: not a readable checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_training_from_weights_that_are_no_numbers_is_refused(tmp_path: Path) -> None:
    study = train_cifar.load_study(train_cifar.CONFIG, "resnet8")
    path = state_file(tmp_path, study.recipe.network, classes=10, spoil=True)
    data = LabelledImages(np.zeros((8, 32, 32, 3), np.uint8), np.zeros(8, np.int64))
    with pytest.raises(ConfigError, match="weights hold a value that is not finite"):
        train_cifar.trained(study, data, data, train_cifar.Folders(None, tmp_path, path))


def test_training_on_damaged_data_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(b"\x80\x02}q\x01")
    given = [
        "--network", "resnet8", "--data-dir", str(tmp_path), "--work-dir", str(tmp_path / "work"),
        "--output", str(tmp_path / "out.npz"),
    ]  # fmt: skip
    assert train_cifar.main(given) == 2
    error = capsys.readouterr().err
    assert "data_batch_1" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()
    assert not (tmp_path / "work").exists()
