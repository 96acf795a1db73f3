import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from networks import small_artifact

from adaptive.artifact import load_artifact, save_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ArtifactError, ConfigError
from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.proportion import wilson_interval
from experiments.commands import evaluate
from models.data import load_digits

DIGITS = load_artifact("digits")


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args(arguments))


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_row_a_level_with_what_the_engine_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--plan", "all-8", "--json") == 0
    leaf, shape = rows(capsys)
    data = load_digits("test")
    codes = ReferenceEngine(DIGITS).run(
        data.images, Effort(PrecisionPlan.uniform(DIGITS.layers, Bits.INT8))
    )
    right = int(np.sum(np.argmax(codes, axis=1) == data.labels))
    low, high = wilson_interval(right, 360)
    assert leaf == {
        "artifact": "digits", "plan": "all-8", "level": "leaf", "accuracy": right / 360,
        "low": low, "high": high, "n": 360,
    }  # fmt: skip
    assert shape["level"] == "shape"


def test_both_precisions_reach_the_accuracy_that_is_promised(
    capsys: pytest.CaptureFixture[str],
) -> None:
    accuracy = {}
    for plan in ("all-16", "all-8"):
        call("--plan", plan, "--json")
        accuracy[plan] = rows(capsys)[0]["accuracy"]
    assert min(accuracy.values()) >= 0.96
    assert abs(accuracy["all-16"] - accuracy["all-8"]) <= 0.005


def test_random_plans_are_distinct_and_repeat_with_their_seed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call("--plan", "random:3", "--seed", "4", "--json")
    first = rows(capsys)
    call("--plan", "random:3", "--seed", "4", "--json")
    assert rows(capsys) == first
    assert len({row["plan"] for row in first}) == 3
    assert len(first) == 6


def test_a_plan_can_come_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("".join(f"{layer}: 16\n" for layer in DIGITS.layers))
    call("--plan", str(path), "--json")
    assert rows(capsys)[0]["plan"] == "all-16"


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    call()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("digits (")
    assert [line.split()[:2] for line in lines[2:]] == [["all-16", "leaf"], ["all-16", "shape"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plan", "random:many"), "--plan is 'random:many', expected a number"),
        (("--plan", "random:0"), "0 random plans"),
        (("--plan", "all-12"), "bits is '12'"),
        (("--plan", "16.8"), "lists 2 layers"),
        (("--plan", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_a_wrong_plan_is_one_clear_line(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)


def test_bits_the_network_does_not_carry_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArtifactError, match="carries 16, 8 bits"):
        call("--plan", "all-4")
    assert capsys.readouterr().out == ""


def test_a_network_for_other_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    save_artifact(small_artifact(), path)
    with pytest.raises(ArtifactError, match="reads images"):
        call("--artifact", str(path))


def test_a_missing_artifact_is_named() -> None:
    with pytest.raises(ArtifactError, match="nowhere"):
        call("--artifact", "nowhere")
