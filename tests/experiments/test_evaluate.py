import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import IDS, write_imagenet
from networks import TREE, random_tensors, small_artifact

from adaptive.artifact import load_artifact, save_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ArtifactError, ConfigError
from adaptive.graph import GlobalAvgPool, Linear, Signal
from adaptive.labels import LabelTree
from adaptive.levels import Ladder, conformal_threshold
from adaptive.precision import Bits, Effort, PrecisionPlan, parse_plan, random_plans
from adaptive.proportion import wilson_interval
from adaptive.shapes import infer_signals
from experiments import answers
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
        "low": low, "high": high, "mapped": right / 360, "mapped_low": low, "mapped_high": high,
        "n": 360,
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


def test_mapped_answers_are_the_nodes_above_the_best_leaf(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call("--json")
    shape = rows(capsys)[1]
    data, tree = load_digits("test"), DIGITS.labels
    effort = Effort(PrecisionPlan.uniform(DIGITS.layers, Bits.INT16))
    p = ReferenceEngine(DIGITS).probabilities(data.images, effort)
    above = tree.ancestors("shape")
    mapped = int((above[p.argmax(axis=1)] == above[data.labels]).sum())
    assert shape["accuracy"] == tree.correct(p, data.labels, level="shape").mean()
    assert shape["mapped"] == mapped / 360
    assert (shape["mapped_low"], shape["mapped_high"]) == wilson_interval(mapped, 360)


def test_both_ways_upward_can_differ() -> None:
    tally = evaluate._Tally(TREE, np.arange(len(TREE.leaves)))
    # The best leaf is c, though a and b together are likelier; the truth is b, then d.
    tally.add(np.array([[0.3, 0.3, 0.4, 0.0]] * 2), np.array([1, 3]))
    tally.add(np.array([[0.9, 0.1, 0.0, 0.0]]), np.array([0]))
    assert tally.marginalised == {"leaf": 1, "group": 2}
    assert tally.mapped == {"leaf": 1, "group": 2}
    tally.add(np.array([[0.3, 0.3, 0.4, 0.0]]), np.array([2]))
    assert tally.marginalised == {"leaf": 2, "group": 2}
    assert tally.mapped == {"leaf": 2, "group": 3}


def saved(tmp_path: Path, **changes: object) -> str:
    save_artifact(replace(small_artifact(), **changes), tmp_path / "small.npz")  # type: ignore[arg-type]
    return str(tmp_path / "small.npz")


def test_the_artifact_names_its_data_set_and_dataset_overrides_it(tmp_path: Path) -> None:
    path = saved(tmp_path, provenance={"dataset": "CIFAR-10 (Krizhevsky 2009)"})
    with pytest.raises(ConfigError, match="test_batch: No such file"):
        call("--artifact", path, "--data-dir", str(tmp_path))
    with pytest.raises(ConfigError, match=r"t10k-images-idx3-ubyte\.gz: No such file"):
        call("--artifact", path, "--data-dir", str(tmp_path), "--dataset", "mnist")


def test_an_unknown_data_set_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = saved(tmp_path, provenance={"dataset": "holiday pictures"})
    with pytest.raises(ArtifactError, match=r"expected one of digits.*choose with --dataset"):
        call("--artifact", path)


def test_photographs_are_read_from_folders_batch_by_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_imagenet(tmp_path)
    graph = (
        GlobalAvgPool(name="mean", inputs=("input",), scale=1 / 65280, zero=-32768),
        Linear(name="head", inputs=("mean",), features=3, scale=16 / 65407, zero=0, relu=False),
    )
    source = Signal((224, 224, 3), 1 / 65280, -32768)
    rng = np.random.default_rng(0)
    signals = infer_signals(source, graph)
    head = random_tensors(graph[1], signals["mean"], rng, head=True)
    ids = tuple(sorted(IDS))
    tree = LabelTree(ids, ("leaf", "group"), (("fish",), ("fish",), ()))
    path = saved(
        tmp_path, source=source, graph=graph, tensors={"head": head}, labels=tree, measured=(),
        provenance={"dataset": "ImageNet"},
    )  # fmt: skip
    monkeypatch.setattr(answers, "BATCH_PIXELS", 2 * 224 * 224)
    assert call("--artifact", path, "--data-dir", str(tmp_path), "--json") == 0
    assert [(row["level"], row["n"]) for row in rows(capsys)] == [("leaf", 9), ("group", 9)]


def test_level_choice_is_calibrated_on_the_calibration_images(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call("--plan", "random:2", "--alpha", "0.005", "--json") == 0
    found = rows(capsys)
    assert [row["plan"] for row in found[4:]] == [found[0]["plan"], found[2]["plan"]]
    data, known, ladder = load_digits("test"), load_digits("calibration"), Ladder(DIGITS.labels)
    engine = ReferenceEngine(DIGITS)
    for row in found[4:]:
        effort = Effort(parse_plan(str(row["plan"]), DIGITS.layers))
        tight = ladder.tight_thresholds(engine.probabilities(known.images, effort), known.labels)
        climbed = ladder.climb(
            engine.probabilities(data.images, effort), conformal_threshold(tight, 0.005)
        )
        score = ladder.score(climbed, data.labels)
        assert row["coverage"] == score.coverage
        assert row["information_bits"] == score.information_bits
        assert row["answers_at_leaf"] == score.at_level["leaf"]
        assert row["threshold"] == conformal_threshold(tight, 0.005) <= 1.0


def test_too_small_an_alpha_answers_the_root_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call("--alpha", "0.001", "--json")
    row = rows(capsys)[-1]
    assert (row["threshold"], row["coverage"], row["information_bits"]) == (1.0, 1.0, 0.0)
    call("--alpha", "0.001")
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split(maxsplit=1) == [
        "all-16",
        "levels chosen for at most 0.1% wrong: 100.00% right (98.94 .. 100.00), 0.00 of 3.32 bits",
    ]


@pytest.mark.parametrize("alpha", ["0", "1", "-1", "nan"])
def test_a_share_that_is_none_is_refused(alpha: str) -> None:
    with pytest.raises(ConfigError, match=r"--alpha is .*, expected above 0 and below 1"):
        call("--alpha", alpha)


def test_the_size_of_batches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_digits("test")
    efforts = [Effort(plan) for plan in random_plans(DIGITS.layers, 2, seed=0)]
    whole = evaluate.evaluate(DIGITS, efforts, data)
    shares: list[float] = []
    monkeypatch.setattr(answers, "BATCH_PIXELS", 100 * 64)
    assert evaluate.evaluate(DIGITS, efforts, data, progress=shares.append) == whole
    assert shares == [100 / 360, 200 / 360, 300 / 360, 1.0]


def test_a_missing_artifact_is_named() -> None:
    with pytest.raises(ArtifactError, match="nowhere"):
        call("--artifact", "nowhere")
