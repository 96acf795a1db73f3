import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from adaptive.precision import Bits, Effort, PrecisionPlan, all_plans, parse_plan, random_plans

LAYERS = ("stem", "conv", "head")


def test_a_uniform_plan_has_a_short_code() -> None:
    assert PrecisionPlan.uniform(LAYERS, Bits.INT8).code == "all-8"


def test_a_mixed_plan_lists_its_bits_in_order() -> None:
    assert PrecisionPlan(LAYERS, (Bits.INT16, Bits.INT8, Bits.INT4)).code == "16.8.4"


def test_bits_are_found_by_layer() -> None:
    plan = PrecisionPlan(LAYERS, (Bits.INT16, Bits.INT8, Bits.INT16))
    assert plan.bits_of("conv") is Bits.INT8
    with pytest.raises(KeyError, match="nowhere"):
        plan.bits_of("nowhere")


def test_plain_numbers_become_bits() -> None:
    assert PrecisionPlan(("a",), (8,)).bits[0] is Bits.INT8  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layers", "bits", "message"),
    [
        ((), (), "layers is empty"),
        (("a", "b"), (Bits.INT8,), "bits has 1 entries"),
        (("a", "a"), (Bits.INT8, Bits.INT8), "repeats a name"),
        (("a",), (7,), "7 is not a valid Bits"),
    ],
)
def test_a_plan_that_makes_no_sense_cannot_exist(
    layers: tuple[str, ...], bits: tuple[Bits, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PrecisionPlan(layers, bits)


@pytest.mark.parametrize("width", [0.0, -0.5, 1.01, float("nan")])
def test_an_effort_needs_a_width_above_zero_and_at_most_one(width: float) -> None:
    with pytest.raises(ValueError, match="width"):
        Effort(PrecisionPlan.uniform(LAYERS, Bits.INT8), width)


def test_an_effort_needs_a_head() -> None:
    with pytest.raises(ValueError, match="head is empty"):
        Effort(PrecisionPlan.uniform(LAYERS, Bits.INT8), head="")


def test_efforts_with_equal_content_are_one_key() -> None:
    efforts = {Effort(PrecisionPlan.uniform(LAYERS, Bits.INT8)) for _ in range(2)}
    assert len(efforts) == 1


@given(st.lists(st.sampled_from(list(Bits)), min_size=1, max_size=6))
def test_a_plan_is_read_back_from_its_code(bits: list[Bits]) -> None:
    layers = tuple(f"layer{i}" for i in range(len(bits)))
    plan = PrecisionPlan(layers, tuple(bits))
    assert parse_plan(plan.code, layers) == plan


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_a_plan_is_read_from_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plan{suffix}"
    text = json.dumps({"head": 16, "stem": 8, "conv": 8})
    path.write_text(text if suffix == ".json" else "head: 16\nstem: 8\nconv: 8\n")
    assert parse_plan(str(path), LAYERS).code == "8.8.16"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{stem: 8, conv: 8}", "layer head is missing"),
        ("{stem: 8, conv: 8, head: 8, tail: 8}", "unknown layer 'tail'"),
        ("{stem: 8, conv: 8, head: 12}", "layer head: bits is 12"),
        ("{stem: 8, conv: 8, head: true}", "layer head: bits is True"),
        ("[8, 8, 8]", "is list, expected a mapping {layer: bits}"),
        ("{stem: [", "not JSON or YAML"),
        ("\xff\xfe", "nor a readable file"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match=message) as caught:
        parse_plan(str(path), LAYERS)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("all-12", "bits is '12'"),
        ("all-", "bits is ''"),
        ("16.8", "lists 2 layers, expected 3: stem, conv, head"),
        ("16.8.9", "layer head: bits is '9'"),
        ("no-such-file", "nor a readable file"),
        ("", "nor a readable file"),
    ],
)
def test_a_wrong_text_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_plan(text, LAYERS)


def test_all_plans_are_all_and_in_order() -> None:
    plans = [plan.code for plan in all_plans(("a", "b"))]
    assert plans == ["all-16", "16.8", "8.16", "all-8"]


def test_random_plans_are_distinct_and_repeat_with_their_seed() -> None:
    plans = random_plans(LAYERS, 8, seed=3)
    assert set(plans) == set(all_plans(LAYERS))
    assert plans == random_plans(LAYERS, 8, seed=3)
    assert plans != random_plans(LAYERS, 8, seed=4)


@pytest.mark.parametrize("count", [0, 9])
def test_more_random_plans_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(ConfigError, match="expected 1 to 8"):
        random_plans(LAYERS, count, seed=0)
