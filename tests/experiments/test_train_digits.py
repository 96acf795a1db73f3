from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from adaptive.artifact import Artifact, load_artifact, save_artifact
from adaptive.errors import ConfigError
from adaptive.precision import all_plans
from experiments.train_digits import (
    CONFIG,
    Config,
    build_artifact,
    build_early,
    load_config,
    main,
)
from models.data import LabelledImages, load_digits


def first(data: LabelledImages, count: int) -> LabelledImages:
    return LabelledImages(data.images[:count], data.labels[:count])


def tiny(seed: int) -> Config:
    config = load_config(CONFIG)
    training = replace(config.training, seed=seed, float_epochs=2, joint_epochs=2, range_epochs=1)
    measurement = replace(config.measurement, versions=2)
    early = replace(
        config.early,
        versions=1,
        float=replace(config.early.float, epochs=1, batch=20),
        joint=replace(config.early.joint, epochs=1, batch=20, range_images=20),
    )
    return replace(
        config,
        training=training,
        measurement=measurement,
        network=replace(config.network, width=2),
        early=early,
    )


def build(seed: int) -> Artifact:
    return build_artifact(
        tiny(seed),
        first(load_digits("train"), 60),
        first(load_digits("calibration"), 20),
        progress=lambda line: None,
    )


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        save_artifact(build(seed), tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_every_plan_is_measured_on_every_version_of_the_calibration_images() -> None:
    artifact = build(1)
    plans = [entry.effort.plan for entry in artifact.measured]
    assert plans == list(all_plans(artifact.layers))
    assert {entry.images for entry in artifact.measured} == {40}


def test_the_bundled_network_was_made_by_this_recipe() -> None:
    config, artifact = load_config(CONFIG), load_artifact("digits")
    assert artifact.provenance["seed"] == config.training.seed
    assert artifact.labels.to_dict() == config.labels
    assert artifact.tensors["stem"].weight.shape[0] == config.network.width
    assert artifact.measured[0].images == 288 * config.measurement.versions


def test_the_network_with_efforts_is_trained_exported_and_measured_whole() -> None:
    lines: list[str] = []
    artifact = build_early(
        tiny(0),
        first(load_digits("train"), 40),
        first(load_digits("calibration"), 20),
        progress=lines.append,
    )
    assert artifact.widths == (1.0, *tiny(0).early.widths)
    assert len({entry.effort for entry in artifact.measured}) == 4 * 2 * 2
    assert "nested 1/1" in lines[0]
    assert "0.25/early" in lines[0]


def test_the_bundled_network_with_efforts_was_made_by_this_recipe() -> None:
    config, artifact = load_config(CONFIG), load_artifact("digits_early")
    assert artifact.provenance["command"] == "python -m experiments.train_digits --early"
    assert artifact.widths == (1.0, *config.early.widths)
    assert dict(artifact.head_levels) == {"early": config.early.early}
    assert artifact.provenance["seed"] == config.early.float.seed
    whole = {e.effort.code: e.accuracy for e in artifact.measured}
    for name, shares in whole.items():  # on the calibration images
        assert min(shares.values()) > 0.9, name
    assert any(e.effort.onward for e in artifact.measured)
    assert whole["all-8"]["leaf"] - whole["all-8-w0.25"]["leaf"] < 0.06


def test_a_wrong_recipe_names_file_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.yaml"
    content = yaml.safe_load(CONFIG.read_text())
    content["training"]["batch"] = "many"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=r"recipe.yaml: .*training.batch"):
        load_config(path)
    assert main(["--config", str(path), "--output", str(tmp_path / "out.npz")]) == 2
    assert "training.batch" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()
