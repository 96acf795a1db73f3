import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import small_artifact

from adaptive.errors import ConfigError
from adaptive.precision import Bits, PrecisionPlan
from adaptive.proportion import wilson_interval
from experiments.precision.config import PrecisionConfig
from experiments.precision.figures import Network
from experiments.precision.predictions import (
    STEPS,
    Agreement,
    Hedged,
    Predictions,
    Source,
    load_predictions,
    save_predictions,
)
from experiments.precision.tables import tables

ARTIFACT = small_artifact()  # leaves a, b under low, c, d under high
LAYERS = ARTIFACT.layers
ALL16, ALL8 = (PrecisionPlan.uniform(LAYERS, bits) for bits in (Bits.INT16, Bits.INT8))
MIXED, OTHER = (
    PrecisionPlan(LAYERS, tuple(Bits(b) for b in bits)) for bits in ((16, 8, 8), (8, 16, 8))
)
CONFIG = PrecisionConfig(
    random_plans=2, seed=0, agreement_images=2, agreement_plans=1, alphas=(0.5,), splits=4,
    level1={"toy": "group"},
)  # fmt: skip


def hand_made() -> Predictions:
    """Answer four images, of classes a, b, c and d."""
    leaves = np.array(
        [
            [0, 1, 2, 3],  # all-16: right everywhere
            [0, 1, 2, 0],  # all-8: d taken for a
            [0, 0, 2, 3],  # mixed: b taken for a
            [3, 3, 2, 0],  # another: c alone
        ],
        np.uint8,
    )
    sureness = np.tile(np.array([0.5, 0.75]) * STEPS, (3, 4, 1)).astype(np.uint16)
    return Predictions(
        source=Source("small", ARTIFACT.checksum, "toy"),
        labels=np.arange(4, dtype=np.uint8),
        float_leaves=np.array([0, 1, 2, 2], np.uint8),
        plans=(ALL16, ALL8, MIXED, OTHER),
        leaves=leaves,
        # At all-8 the summed probabilities put the last image rightly, at all-16 wrongly.
        nodes=np.array([[[0, 0, 1, 0]], [[0, 0, 1, 1]], [[0, 0, 1, 1]]], np.uint8),
        sureness=sureness,
        agreement=Agreement(2, 1, 0),
        hedged=(Hedged("all-8", 0.5, 0.6, 1.25),),
    )


NETWORK = Network(ARTIFACT, hand_made(), "group")


def figures() -> dict[str, tuple[float, float, float, int]]:
    found = NETWORK.figures(CONFIG)
    return {figure.metric: (figure.value, figure.low, figure.high, figure.n) for figure in found}


def test_shares_are_in_per_cent_with_wilsons_interval() -> None:
    low, high = wilson_interval(3, 4)
    assert figures()["float_top1"] == (75.0, 100 * low, 100 * high, 4)
    assert figures()["all16_top1"][0] == 100.0
    assert figures()["all8_top1"][0] == 75.0


def test_the_worst_random_plan_is_the_one_with_the_fewest_right_answers() -> None:
    assert NETWORK.random == (MIXED, OTHER)
    assert NETWORK.worst == OTHER
    assert figures()["worst_random_top1"][0] == 25.0
    assert figures()["worst_random_less_all8"][0] == -50.0


def test_differences_are_paired() -> None:
    value, low, high, n = figures()["all8_less_all16"]
    half = 1.959963984540054 * np.std([0, 0, 0, -1], ddof=1) / 2
    assert (value, n) == (-25.0, 4)
    assert (low, high) == pytest.approx((100 * (-0.25 - half), 100 * (-0.25 + half)))


def test_the_level_is_answered_both_ways() -> None:
    found = figures()
    assert found["level1_all16_top1"][0] == 75.0
    assert found["level1_mapped_all16_top1"][0] == 100.0
    assert found["level1_all8_top1"][0] == 100.0
    assert found["level1_mapped_all8_top1"][0] == 75.0


def test_the_coverage_gap_is_the_worst_of_plans_and_alphas() -> None:
    found = figures()
    each = [found[f"coverage_gap_{name}_alpha0.5"] for name in ("all16", "all8", "mixed")]
    assert found["coverage_gap"] == min(each)
    assert found["coverage_gap_all16_alpha0.5"] == (50.0, 50.0, 50.0, 4)
    assert found["information_bits_all16_alpha0.5"] == (2.0, 2.0, 2.0, 4)


def test_another_arithmetic_has_a_prefix_and_no_float() -> None:
    network = Network(ARTIFACT, hand_made(), "group", "radix_")
    metrics = [figure.metric for figure in network.figures(CONFIG)]
    assert all(metric.startswith("radix_") for metric in metrics)
    assert "radix_float_top1" not in metrics
    assert "| small (radix) |" in tables([network], CONFIG)["precision"]


def test_a_figure_is_one_line_of_json() -> None:
    figure = next(iter(NETWORK.figures(CONFIG)))
    assert set(json.loads(figure.to_json())) == {"artifact", "metric", "value", "low", "high", "n"}


def test_tables_hold_what_was_found() -> None:
    made = tables([NETWORK], CONFIG)
    assert made["precision"].splitlines()[2].startswith("| small | 75.00 (30.06 .. 95.44) | 100.00")
    assert "| small | group | 2 | all-8 | 100.00" in made["levels"]
    assert "| small | all8 | 50 |" in made["coverage"]
    assert made["coverage"].splitlines()[3].endswith("| 60.00 | 1.250 |")
    assert ARTIFACT.checksum[:12] in made["training"]


def test_predictions_come_back_as_they_were(tmp_path: Path) -> None:
    path, made = tmp_path / "small.npz", hand_made()
    save_predictions(made, path)
    first = path.read_bytes()
    found = load_predictions(path)
    for field in ("labels", "float_leaves", "leaves", "nodes", "sureness"):
        np.testing.assert_array_equal(getattr(found, field), getattr(made, field))
    for field in ("source", "plans", "agreement", "hedged"):
        assert getattr(found, field) == getattr(made, field)
    save_predictions(found, path)
    assert path.read_bytes() == first


def test_damaged_or_missing_predictions_are_named(tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    with pytest.raises(ConfigError, match=r"small\.npz: no predictions: No such file"):
        load_predictions(path)
    save_predictions(hand_made(), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole[: rng.integers(len(whole))])
        path.write_bytes(bytes(damaged))
        with pytest.raises(ConfigError, match=r"small\.npz: no predictions"):
            load_predictions(path)


def test_predictions_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"leaves has shape \(4, 4\), expected \(3, 4\)"):
        replace(hand_made(), plans=(ALL16, ALL8, MIXED))
    with pytest.raises(ValueError, match=r"nodes has shape"):
        replace(hand_made(), nodes=np.zeros((3, 2, 4), np.uint8))


@pytest.mark.parametrize(
    ("field", "value"), [("random_plans", 0), ("splits", 0), ("alphas", ()), ("alphas", (1.0,))]
)
def test_a_wrong_config_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} is"):
        replace(CONFIG, **{field: value})  # type: ignore[arg-type]
