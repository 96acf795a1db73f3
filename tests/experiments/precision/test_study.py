from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import real_cifar
from networks import small_artifact

from adaptive.artifact import load_artifact
from adaptive.errors import ConfigError
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments import precision_table
from experiments.commands import evaluate
from experiments.precision import answering, study
from experiments.precision.config import PrecisionConfig
from experiments.precision.figures import Network
from experiments.precision.study import (
    KEPT,
    VARIANTS,
    Place,
    Variant,
    bundled,
    chosen_plans,
    find_predictions,
    kept_file,
    rerun,
)
from experiments.study_config import read_config
from models.data import LabelledImages, load_digits

DIGITS = load_artifact("digits")
CONFIG = PrecisionConfig(
    random_plans=4, seed=0, agreement_images=30, agreement_plans=2, alphas=(0.05, 0.2), splits=5,
    level1={"digits": "shape"},
)  # fmt: skip
BUNDLED = read_config("precision_table", PrecisionConfig)


def quiet(_label: str) -> object:
    return lambda _share: None


def place(folder: Path) -> Place:
    return Place(None, folder / "kept", folder / "work", 1)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder = tmp_path_factory.mktemp("digits")
    rerun(DIGITS, VARIANTS[0], CONFIG, place(folder), quiet)  # type: ignore[arg-type]
    return Network(DIGITS, find_predictions(DIGITS, VARIANTS[0], folder / "kept"), "shape")


@pytest.mark.parametrize("bits", [Bits.INT16, Bits.INT8])
def test_evaluate_gives_the_same_figures_for_one_plan(digits: Network, bits: Bits) -> None:
    plan = PrecisionPlan.uniform(DIGITS.layers, bits)
    leaf, shape = evaluate.evaluate(DIGITS, [Effort(plan)], load_digits("test"))
    found = {figure.metric: figure for figure in digits.figures(CONFIG)}
    top1 = found[f"all{int(bits)}_top1"]
    assert (top1.value, top1.low, top1.high, top1.n) == (
        100 * leaf["accuracy"], 100 * leaf["low"], 100 * leaf["high"], leaf["n"],
    )  # fmt: skip
    assert found[f"level1_all{int(bits)}_top1"].value == 100 * shape["accuracy"]
    assert found[f"level1_mapped_all{int(bits)}_top1"].value == 100 * shape["mapped"]


def test_every_random_plan_is_answered_as_evaluate_answers_it(digits: Network) -> None:
    efforts = [Effort(plan) for plan in digits.random]
    assert len(efforts) == 4
    rows = evaluate.evaluate(DIGITS, efforts, load_digits("test"))
    shares = {row["plan"]: row["accuracy"] for row in rows if row["level"] == "leaf"}
    for plan in digits.random:
        assert digits.right(plan).mean() == shares[plan.code]
    assert digits.right(digits.worst).mean() == min(shares.values())


def test_torch_and_the_engine_agree(digits: Network) -> None:
    found = digits.predictions.agreement
    assert (found.images, found.plans, found.differing) == (30, 2, 0)


@pytest.mark.parametrize("variant", VARIANTS[1:], ids=lambda variant: variant.prefix)
def test_other_arithmetics_are_reported_under_their_prefix(
    variant: Variant, tmp_path: Path, digits: Network
) -> None:
    few = replace(CONFIG, agreement_images=5, agreement_plans=1)
    found = rerun(DIGITS, variant, few, place(tmp_path), quiet)  # type: ignore[arg-type]
    network = Network(DIGITS, found, "shape", variant.prefix)
    figures = {figure.metric: figure.value for figure in network.figures(few)}
    assert figures[f"{variant.prefix}all16_top1"] > 90.0
    assert f"{variant.prefix}level1_all8_top1" in figures
    assert f"{variant.prefix}worst_random_top1" not in figures
    assert figures[f"{variant.prefix}differing_codes"] == 0
    assert kept_file(DIGITS, variant, tmp_path).name == f"digits.{variant.prefix[:-1]}.npz"


def test_a_code_that_differs_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(DIGITS.tensors["head"], weight=DIGITS.tensors["head"].weight[::-1].copy())
    changed = replace(DIGITS, tensors={**DIGITS.tensors, "head": other})
    loaded = answering.load_network(changed)
    monkeypatch.setattr(answering, "load_network", lambda _artifact: loaded)
    data = load_digits("test")
    first = LabelledImages(data.images[:10], data.labels[:10])
    plans = [PrecisionPlan.uniform(DIGITS.layers, Bits.INT16)]
    assert answering.disagreement(DIGITS, plans, first)["differing"][0] > 50


def test_the_baseline_is_tried_at_every_plan_and_alpha(digits: Network) -> None:
    hedged = digits.predictions.hedged
    assert len(hedged) == 3 * 2
    for entry in hedged:
        assert entry.coverage == pytest.approx(1 - entry.alpha, abs=0.06) or entry.coverage > 0.95


def test_work_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "PART_IMAGES", 4)
    data = LabelledImages(np.zeros((10, 1, 1, 1), np.uint8), np.arange(10))
    calls: list[int] = []

    def compute(part: LabelledImages) -> answering.Arrays:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(len(part))
        return {"labels": part.labels}

    def run() -> list[answering.Arrays]:
        return answering.in_parts(
            compute, data, name="x", folder=tmp_path / "work", jobs=1, progress=lambda _s: None
        )

    with pytest.raises(KeyboardInterrupt):
        run()
    calls.clear()
    found = np.concatenate([part["labels"] for part in run()])
    assert calls == [2]
    np.testing.assert_array_equal(found, np.arange(10))


def test_predictions_of_other_weights_are_refused(tmp_path: Path, digits: Network) -> None:
    study.save_predictions(digits.predictions, kept_file(DIGITS, VARIANTS[0], tmp_path))
    assert find_predictions(DIGITS, VARIANTS[0], tmp_path).plans == digits.predictions.plans
    renamed = replace(small_artifact(), name="digits")
    with pytest.raises(ConfigError, match=r"is of the network .*--rerun makes them anew"):
        find_predictions(renamed, VARIANTS[0], tmp_path)


def test_plans_with_a_temperature_of_their_own_come_first() -> None:
    drawn = CONFIG.drawn(DIGITS.layers, DIGITS.bits)
    plans = chosen_plans(DIGITS, drawn, VARIANTS[0])
    assert [plan.code for plan in plans[:2]] == ["all-16", "all-8"]
    assert set(plans[2:]) == set(drawn)
    measured = [DIGITS.measurement(Effort(plan)) is not None for plan in plans[2:]]
    assert measured == sorted(measured, reverse=True)


def test_no_more_plans_are_drawn_than_there_are() -> None:
    assert len(CONFIG.drawn(("a", "b"), (Bits.INT16, Bits.INT8))) == 2


def test_a_network_without_predictions_is_named_and_the_rest_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert precision_table.main(["--json", "--predictions", str(tmp_path)]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert len(found.err.splitlines()) == len(VARIANTS) * len(bundled())
    assert "resnet8_cifar10.npz: no predictions" in found.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--artifact", "digits"], "--artifact is 'digits'"), (["--jobs", "0"], "--jobs is 0")],
)
def test_what_cannot_be_asked_for_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        precision_table.main(arguments)


def kept() -> list[Network]:
    return [
        Network(artifact, found, BUNDLED.level1[found.source.dataset])
        for artifact in bundled()
        if (path := kept_file(artifact, VARIANTS[0], KEPT)).is_file()
        and (found := study.load_predictions(path)).source.checksum == artifact.checksum
    ]


@pytest.mark.parametrize("network", kept(), ids=lambda network: network.artifact.name)
def test_bundled_networks_lose_next_to_nothing_at_8_bits(network: Network) -> None:
    found = {figure.metric: figure.value for figure in network.figures(BUNDLED)}
    assert found["all16_top1"] >= found["float_top1"] - 0.2
    assert found["all8_top1"] >= found["all16_top1"] - 0.3
    assert found["worst_random_top1"] >= found["all8_top1"] - 0.5
    assert len(network.random) == 200
    assert found["coverage_gap"] >= -1.0
    assert found["differing_codes"] == 0
    assert (network.predictions.agreement.images, network.predictions.agreement.plans) == (500, 20)


@pytest.mark.heavy
@pytest.mark.parametrize("artifact", bundled(), ids=lambda artifact: artifact.name)
def test_torch_and_the_engine_agree_on_500_images_at_20_plans(
    artifact: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    network = load_artifact(getattr(artifact, "name"))  # noqa: B009
    source = study.dataset_of(str(network.provenance["dataset"]))
    data = source.load("test", data_dir=real_cifar(tmp_path_factory))
    first = LabelledImages(data.images[:500], data.labels[:500])  # type: ignore[attr-defined]
    drawn = BUNDLED.drawn(network.layers, network.bits)[:20]
    found = answering.disagreement(network, drawn, first)
    assert found["differing"].tolist() == [0] * 20
