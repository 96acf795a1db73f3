import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from adaptive.artifact import artifact_names, load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ConfigError
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from experiments.train_cifar import (
    CONFIG,
    Folders,
    Study,
    alone,
    chosen_efforts,
    load_studies,
    load_study,
    main,
    trained,
    untrained,
)
from models.data import LabelledImages
from models.datasets.catalogue import dataset, dataset_of
from models.export import load_network
from models.train import reproducible
from models.trees import tree_of
from models.zoo.catalogue import build

STUDIES = load_studies(CONFIG)


def noise(count: int) -> LabelledImages:
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return LabelledImages(images, rng.integers(0, 10, count))


def tiny(key: str = "resnet8") -> Study:
    study = load_study(CONFIG, key)
    recipe = study.recipe
    short = replace(
        recipe,
        float=replace(recipe.float, epochs=1, batch=8),
        earlier=tuple(replace(cycle, epochs=1, batch=8) for cycle in recipe.earlier),
        joint=replace(recipe.joint, epochs=1, batch=8, range_images=8),
    )
    return replace(study, recipe=short)


def test_both_phases_leave_checkpoints_and_a_log(tmp_path: Path) -> None:
    folders = Folders(None, tmp_path)
    with reproducible(0):
        network = trained(tiny(), noise(16), noise(8), folders)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["phase"], row["epoch"], row["epochs"]) for row in rows] == [
        ("float", "1", "1"), ("joint", "1", "1"),
    ]  # fmt: skip
    assert rows[0]["all-8"] == ""
    assert 0.0 <= float(rows[1]["all-8"]) <= 1.0
    assert len(network.layers) == 10
    with reproducible(0):
        again = trained(tiny(), noise(16), noise(8), folders)
    states = (network.state_dict(), again.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_trained_float_network_is_taken_over(tmp_path: Path) -> None:
    recipe = tiny().recipe
    study = replace(tiny(), recipe=replace(recipe, joint=replace(recipe.joint, epochs=0)))
    folders = Folders(None, tmp_path)
    with reproducible(0):
        trained(study, noise(16), noise(8), folders)
        state = torch.load(tmp_path / "float.pt", weights_only=True)["model"]
        torch.save(state, tmp_path / "plain.pt")
        taken = trained(study, noise(16), noise(8), Folders(None, tmp_path, tmp_path / "plain.pt"))
    weight = taken.switchable["head"].weight
    assert torch.equal(weight.detach(), state["head.weight"])
    torch.save({"head.weight": weight.detach()}, tmp_path / "part.pt")
    with pytest.raises(ConfigError, match=r"part\.pt: .*Missing key"):
        trained(study, noise(16), noise(8), Folders(None, tmp_path, tmp_path / "part.pt"))


def test_widths_and_heads_are_trained_together_from_a_network_without(tmp_path: Path) -> None:
    study = tiny("resnet8_early")
    whole = load_study(CONFIG, "resnet8_early").recipe.network
    with reproducible(0):
        plain = build(replace(whole, widths=()), classes=10, early=5)
        state = {k: v for k, v in plain.state_dict().items() if not k.startswith("early")}
        torch.save(state, tmp_path / "start.pt")
        network = trained(
            study, noise(16), noise(8), Folders(None, tmp_path, start=tmp_path / "start.pt")
        )
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["phase"] for row in rows] == ["nested", "nested", "nested", "joint"]
    assert (tmp_path / "earlier1.pt").exists()
    assert 0.0 <= float(rows[0]["0.25/early"]) <= 1.0
    assert network.widths == (1.0, *whole.widths)
    assert tuple(network.heads) == ("leaf", "early")
    torch.save({"stranger": torch.zeros(1)}, tmp_path / "start.pt")
    with pytest.raises(ConfigError, match="has 'stranger', which resnet8_early lacks"):
        untrained(study, tmp_path / "start.pt")


def test_a_width_is_trained_alone_with_its_heads(tmp_path: Path) -> None:
    study = alone(tiny("resnet8_early"), 0.25)
    assert study.artifact == "resnet8_early_cifar10_w0_25"
    study = replace(
        study, recipe=replace(study.recipe, joint=replace(study.recipe.joint, epochs=0))
    )
    with reproducible(0):
        network = trained(study, noise(16), noise(8), Folders(None, tmp_path))
    assert network.widths == (1.0,)
    assert tuple(network.heads) == ("leaf", "early")
    assert network.switchable["stem"].weight.shape[0] == 4
    with pytest.raises(ConfigError, match=r"--only is 0.3, expected one of the widths 1, 0.7"):
        alone(study, 0.3)


def test_efforts_beyond_the_plan_are_measured_at_uniform_plans() -> None:
    efforts = chosen_efforts(("a", "b"), 2, widths=(1.0, 0.5), heads=("leaf", "early"))
    rest = [e.code for e in efforts if (e.width, e.head) != (1.0, "leaf")]
    assert rest == [
        "all-16-early", "all-8-early", "all-16-w0.5", "all-16-w0.5-early", "all-8-w0.5",
        "all-8-w0.5-early",
    ]  # fmt: skip
    whole = {"all-16", "all-8"} | {plan.code for plan in random_plans(("a", "b"), 2, seed=0)}
    assert {effort.code for effort in efforts[: -len(rest)]} == whole


def test_uniform_flipped_and_random_plans_are_measured_once_each() -> None:
    layers = tuple("abcde")
    efforts = chosen_efforts(layers, 6)
    plans = [effort.plan for effort in efforts]
    assert len(set(plans)) == len(plans)
    counts = [sum(bits == 16 for bits in plan.bits) for plan in plans]
    assert {counts.count(0), counts.count(5)} == {1}
    assert (counts.count(1), counts.count(4)) >= (5, 5)
    assert set(random_plans(layers, 6, seed=0)) <= set(plans)
    assert plans == sorted(plans, key=lambda plan: plan.bits, reverse=True)


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.artifact)
def test_every_entry_names_a_data_set_and_levels_that_it_has(study: Study) -> None:
    tree = tree_of(study.dataset)
    assert len(tree.leaves) == dataset(study.dataset).classes
    for part in (study.recipe.float, study.recipe.joint):
        assert set(part.level_weights or {}) <= set(tree.levels)


def test_wrong_entries_and_missing_data_are_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="no network 'vgg', expected one of resnet8"):
        load_study(CONFIG, "vgg")
    with pytest.raises(ConfigError, match="no network 'mobilenet_v1 on cifar100', expected one of"):
        load_study(CONFIG, "mobilenet_v1", "cifar100")
    path, output = tmp_path / "studies.yaml", tmp_path / "out.npz"
    content = yaml.safe_load(CONFIG.read_text())
    content["resnet8"]["cifar10"]["float"]["batch"] = "many"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=r"studies\.yaml: .*float\.batch"):
        load_study(path, "resnet8")
    arguments = ["--network", "resnet8", "--data-dir", str(tmp_path), "--output", str(output)]
    assert main([*arguments, "--work-dir", str(tmp_path / "work")]) == 2
    message = capsys.readouterr().err
    assert message.startswith("train_cifar: ")
    assert message.count("\n") == 1
    assert not output.exists()


OF_ARTIFACT = {study.artifact: study for study in STUDIES.values()}
BUNDLED = [name for name in artifact_names() if name in OF_ARTIFACT]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_networks_were_made_by_these_recipes(name: str) -> None:
    artifact = load_artifact(name)
    study = OF_ARTIFACT[name]
    assert artifact.provenance["command"] == study.command
    assert artifact.provenance["joint_epochs"] == study.recipe.joint.epochs
    assert dataset_of(str(artifact.provenance["dataset"])).name == study.dataset
    assert artifact.labels.to_dict() == tree_of(study.dataset).to_dict()
    measured = [entry.effort for entry in artifact.measured]
    assert any(effort.onward for effort in measured) == (len(artifact.heads) > 1)
    assert [effort for effort in measured if effort.onward is None] == chosen_efforts(
        artifact.layers,
        study.recipe.random_plans,
        widths=artifact.widths,
        heads=tuple(artifact.heads),
    )


@pytest.mark.parametrize("name", BUNDLED)
def test_torch_and_the_engine_answer_alike_on_test_images(name: str) -> None:
    artifact = load_artifact(name)
    source = dataset_of(str(artifact.provenance["dataset"]))
    try:
        data = source.load("test")
    except ConfigError as error:
        pytest.skip(f"{error}")
    images = data.images[:20]
    network, engine = load_network(artifact), ReferenceEngine(artifact)
    uniform = [PrecisionPlan.uniform(artifact.layers, bits) for bits in (Bits.INT16, Bits.INT8)]
    for plan in (*uniform, *random_plans(artifact.layers, 3, seed=1)):
        network.set_plan(plan)
        with torch.no_grad():
            codes = network(torch.from_numpy(images)).values.numpy()
        np.testing.assert_array_equal(engine.run(images, Effort(plan)), codes)
