from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from adaptive.errors import ConfigError
from adaptive.labels import LabelTree
from adaptive.precision import Bits
from models.convert import convert
from models.data import LabelledImages
from models.image_training import (
    FloatRecipe,
    JointRecipe,
    plan_scores,
    train_float,
    train_jointly,
)
from models.network import SwitchableNetwork
from models.phase import EpochReport, load_checkpoint
from models.train import reproducible

FLOAT = FloatRecipe(seed=0, epochs=4, batch=10, peak_rate=0.1, weight_decay=5e-4, margin=1)
JOINT = JointRecipe(seed=0, epochs=3, batch=10, rate=1e-3, mixes=1, range_images=30, margin=1)


TREE = LabelTree(("red", "green", "blue"), ("leaf", "warmth"), (("warm",), ("cold",), ("cold",)))


def plain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip


def colours(count: int = 60) -> LabelledImages:
    """Three classes: noise that is mostly red, green or blue."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 3
    images = rng.integers(0, 60, (count, 6, 6, 3))
    images[np.arange(count), :, :, labels] += 120
    return LabelledImages(images.astype(np.uint8), labels)


def floats(
    recipe: FloatRecipe = FLOAT, *, checkpoint: Path | None = None, stop_after: int | None = None
) -> tuple[nn.Module, list[EpochReport]]:
    """Train in float; `stop_after` interrupts the run after so many epochs."""
    reports: list[EpochReport] = []

    def report(line: EpochReport) -> None:
        reports.append(line)
        if line.epoch == stop_after:
            raise KeyboardInterrupt

    with reproducible(recipe.seed):
        network = plain()
        try:
            train_float(
                network, colours(), tree=TREE, calibration=colours(), recipe=recipe,
                checkpoint=checkpoint, report=report,
            )  # fmt: skip
        except KeyboardInterrupt:
            assert stop_after is not None
    return network, reports


def joint(
    *, checkpoint: Path | None = None, stop_after: int | None = None, recipe: JointRecipe = JOINT
) -> tuple[SwitchableNetwork, list[EpochReport]]:
    reports: list[EpochReport] = []

    def report(line: EpochReport) -> None:
        reports.append(line)
        if line.epoch == stop_after:
            raise KeyboardInterrupt

    with reproducible(recipe.seed):
        network = convert(plain(), (6, 6, 3))
        try:
            train_jointly(
                network, colours(), tree=TREE, calibration=colours(), recipe=recipe,
                checkpoint=checkpoint, report=report,
            )  # fmt: skip
        except KeyboardInterrupt:
            assert stop_after is not None
    return network, reports


def same(left: nn.Module, right: nn.Module) -> bool:
    others = right.state_dict()
    return all(torch.equal(value, others[name]) for name, value in left.state_dict().items())


def test_what_can_be_learned_is_learned_in_float_and_jointly() -> None:
    network, reports = floats(FloatRecipe(0, 12, 10, 0.1, 5e-4, margin=1))
    assert reports[-1].loss < reports[0].loss
    assert reports[-1].scores["float"] == 1.0
    twin = convert(network, (6, 6, 3))
    train_jointly(
        twin, colours(), tree=TREE, calibration=colours(), recipe=JOINT, checkpoint=None,
        report=reports.append,
    )  # fmt: skip
    assert reports[-1].scores == {"float": 1.0, "all-16": 1.0, "all-8": 1.0}
    assert [line.epoch for line in reports[-3:]] == [1, 2, 3]


def test_a_float_run_stopped_half_way_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    unbroken, reports = floats()
    floats(checkpoint=tmp_path / "float.pt", stop_after=2)
    resumed, rest = floats(checkpoint=tmp_path / "float.pt")
    assert [line.epoch for line in rest] == [3, 4]
    assert [line.loss for line in rest] == [line.loss for line in reports[2:]]
    assert same(unbroken, resumed)
    again, none = floats(checkpoint=tmp_path / "float.pt")
    assert not none
    assert same(unbroken, again)


def test_a_joint_run_stopped_half_way_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    unbroken, _ = joint()
    joint(checkpoint=tmp_path / "joint.pt", stop_after=1)
    resumed, rest = joint(checkpoint=tmp_path / "joint.pt")
    assert [line.epoch for line in rest] == [2, 3]
    assert same(unbroken, resumed)


def test_seeds_repeat_and_others_differ() -> None:
    one, other = floats()[0], floats(FloatRecipe(1, 4, 10, 0.1, 5e-4, margin=1))[0]
    assert same(one, floats()[0])
    assert not same(one, other)


def test_no_joint_epochs_only_calibrate() -> None:
    network, reports = joint(recipe=JointRecipe(0, 0, 10, 1e-3, 1, 30))
    assert not reports
    assert float(network.switchable["layer_0"].output_scale) != 1.0 / 32639
    assert set(plan_scores(network, colours())) == {"float", "all-16", "all-8"}


def test_levels_weigh_in_the_loss_and_products_may_be_short(tmp_path: Path) -> None:
    plain_run, reports = floats()
    weighted, others = floats(replace(FLOAT, level_weights={"leaf": 1.0, "warmth": 0.5}))
    short, rounded = floats(replace(FLOAT, bfloat16=True))
    assert others[0].loss > reports[0].loss
    assert rounded[0].loss == pytest.approx(reports[0].loss, rel=0.05)
    assert not same(plain_run, weighted)
    assert not same(plain_run, short)
    assert all(value.dtype != torch.bfloat16 for value in short.state_dict().values())
    leaves_alone, _ = floats(replace(FLOAT, level_weights={"leaf": 1.0}))
    assert same(plain_run, leaves_alone)


def test_a_level_out_of_the_tree_is_refused() -> None:
    with pytest.raises(ConfigError, match="level_weights names 'kind', expected one of"):
        floats(replace(FLOAT, level_weights={"kind": 1.0}))


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "float.pt"
    for content in (nn.Linear(2, 2).state_dict(), [1, 2]):
        torch.save(content, path)
        with pytest.raises(ConfigError, match=r"float\.pt: "):
            floats(checkpoint=path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ConfigError, match="not a readable checkpoint"):
        load_checkpoint(path)


def test_a_loss_that_runs_away_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"float: loss is (nan|inf), expected a lower learning"):
        floats(FloatRecipe(0, 4, 10, 1e20, 5e-4, margin=1))


def recipe(kind: type, **changes: Any) -> Any:
    common = {"seed": 0, "epochs": 1, "batch": 1}
    own = (
        {"peak_rate": 0.1, "weight_decay": 0.0}
        if kind is FloatRecipe
        else {"rate": 0.1, "mixes": 1, "range_images": 1}
    )
    return kind(**(common | own | changes))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (FloatRecipe, "epochs", 0),
        (FloatRecipe, "peak_rate", 0.0),
        (JointRecipe, "batch", 0),
        (JointRecipe, "range_images", 0),
        (JointRecipe, "mixes", -1),
        (JointRecipe, "epochs", -1),
    ],
)
def test_an_impossible_recipe_is_refused(kind: type, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}"):
        recipe(kind, **{field: value})


def test_three_precisions_are_trained_together() -> None:
    bits = (Bits.INT16, Bits.INT8, Bits.INT4)
    network = convert(plain(), (6, 6, 3), bit_list=bits)
    reports: list[EpochReport] = []
    train_jointly(
        network, colours(), tree=TREE, calibration=colours(), recipe=JOINT, checkpoint=None,
        report=reports.append,
    )  # fmt: skip
    assert set(reports[-1].scores) == {"float", "all-16", "all-8", "all-4"}
