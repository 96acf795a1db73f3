"""The native engine answers bit for bit as the numpy reference, with every kernel set here."""

import gc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import psutil
import pytest
from graphs import random_images, switchable_networks
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import Case, as_radix, branches, convolutions, linears, make_artifact
from networks import WIDTHS, nested_artifact, small_artifact, small_images

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import load_artifact
from adaptive.engine.library import is_built, kernel_sets
from adaptive.engine.native import PLANS_KEPT, NativeEngine
from adaptive.engine.protocol import default_engine, make_engine
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ArtifactError, EngineError
from adaptive.graph import Conv2d, Flatten, LayerTensors, Linear, Signal
from adaptive.labels import LabelTree
from adaptive.precision import Bits, Effort, PrecisionPlan, all_plans, random_plans
from adaptive.quantise import CODE_MAX, CODE_MIN, WEIGHT_MAX, Requantiser
from models.export import export_network

pytestmark = pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build")
SETS = kernel_sets() if is_built() else ()
RESNET8 = load_artifact("resnet8_cifar10")
every_set = pytest.mark.parametrize("isa", SETS)
few = settings(max_examples=40, deadline=None)


def images_for(shape: tuple[int, ...], count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


@every_set
@few
@given(case=convolutions())
def test_convolutions_equal_the_reference(isa: str, case: Case) -> None:
    case.check(isa=isa)


@every_set
@few
@given(case=convolutions(grouped=True))
def test_grouped_and_depthwise_convolutions_equal_the_reference(isa: str, case: Case) -> None:
    case.check(isa=isa)


@every_set
@settings(max_examples=8, deadline=None)
@given(case=convolutions(most=300))
def test_convolutions_of_many_channels_equal_the_reference(isa: str, case: Case) -> None:
    case.check(isa=isa)


@every_set
@settings(max_examples=20, deadline=None)
@given(case=convolutions(most=300, sides=(7, 13)), threads=st.integers(1, 2))
def test_convolutions_of_many_positions_equal_the_reference(
    isa: str, case: Case, threads: int
) -> None:
    case.check(isa=isa, threads=threads)


@every_set
@settings(max_examples=20, deadline=None)
@given(case=linears())
def test_linear_layers_equal_the_reference(isa: str, case: Case) -> None:
    case.check(isa=isa)


@every_set
@few
@given(case=branches(), threads=st.integers(1, 3))
def test_sums_joins_and_pools_equal_the_reference(isa: str, case: Case, threads: int) -> None:
    case.check(isa=isa, threads=threads)


@every_set
@settings(max_examples=20, deadline=None)
@given(case=convolutions(bits=(Bits.INT16, Bits.INT8, Bits.INT4)))
def test_four_bits_equal_the_reference_where_they_are_carried(isa: str, case: Case) -> None:
    case.check(isa=isa)


@every_set
@settings(max_examples=25, deadline=None)
@given(case=convolutions(bits=(Bits.INT16, Bits.INT8, Bits.INT4)), other=branches())
def test_radix_equals_the_reference(isa: str, case: Case, other: Case) -> None:
    as_radix(case).check(isa=isa)
    as_radix(other).check(isa=isa)


@every_set
@settings(max_examples=10, deadline=None)
@given(case=convolutions(grouped=True))
def test_groups_in_radix_equal_the_reference(isa: str, case: Case) -> None:
    as_radix(case).check(isa=isa)


@every_set
def test_every_width_and_head_equals_the_reference(isa: str) -> None:
    artifact = nested_artifact()
    plans = random_plans(artifact.layers, 6, seed=3)
    efforts = [Effort(p, w, head) for p in plans for w in WIDTHS for head in artifact.heads]
    case = Case(artifact, small_images(3))
    case.check(*efforts, isa=isa)
    as_radix(case).check(*efforts, isa=isa, threads=2)


@every_set
@settings(max_examples=15, deadline=None)
@given(network=switchable_networks(bits=(Bits.INT16, Bits.INT8)))
def test_random_networks_equal_the_reference(isa: str, network: object) -> None:
    tree = LabelTree(("a", "b", "c", "d"), ("leaf",), ((),) * 4)
    artifact = export_network(network, name="random", labels=tree, provenance={})  # type: ignore[arg-type]
    case = Case(artifact, random_images(3))
    plans = random_plans(artifact.layers, min(4, 2 ** len(artifact.layers)), seed=0)
    case.check(*map(Effort, plans), isa=isa)


@every_set
def test_resnet8_equals_the_reference(isa: str) -> None:
    plans = [PrecisionPlan.uniform(RESNET8.layers, b) for b in RESNET8.bits]
    plans += random_plans(RESNET8.layers, 3, seed=1)
    images = images_for(RESNET8.source.shape, 2)
    Case(RESNET8, images).check(*map(Effort, plans), isa=isa, threads=2)


def test_sums_beyond_32_bits_are_exact() -> None:
    source = Signal((1, 50, 1000), 1.0, CODE_MIN)
    graph = (
        Flatten(name="flat", inputs=("input",)),
        Linear(name="head", inputs=("flat",), features=3, scale=1.0, zero=0, relu=False),
    )
    artifact = make_artifact(graph, source, np.random.default_rng(0))
    artifact.tensors["head"].weight[0] = WEIGHT_MAX
    Case(artifact, np.full((1, *source.shape), 255, np.uint8)).check()


@every_set
@pytest.mark.parametrize("weight", [127, 128, -32512, -WEIGHT_MAX])
@pytest.mark.parametrize(("zero", "code"), [(CODE_MIN, CODE_MAX), (127 * 256, CODE_MIN)])
def test_sums_are_exact_where_all_products_are_alike_and_far_from_zero(
    isa: str, weight: int, zero: int, code: int
) -> None:
    same = {"stride": (1, 1), "groups": 1, "scale": 1.0, "relu": False}
    graph = (
        Conv2d(name="first", inputs=("input",), channels=64, kernel=(1, 1), padding=(0, 0),
               zero=zero, **same),
        Conv2d(name="conv", inputs=("first",), channels=20, kernel=(3, 3), padding=(1, 1),
               zero=0, **same),
    )  # fmt: skip
    source = Signal((7, 7, 3), 1.0, CODE_MIN)
    artifact = make_artifact(graph, source, np.random.default_rng(0))

    def layer(name: str, weights: int, ratio: float) -> LayerTensors:
        tensors = artifact.tensors[name]
        count, node_zero = len(tensors.weight), zero if name == "first" else 0
        constants = Requantiser.from_real(
            np.full(count, ratio), np.zeros(count), bits=Bits.INT16, zero=node_zero, relu=False
        )
        return replace(
            tensors,
            weight=np.full_like(tensors.weight, weights),
            requantisers={**tensors.requantisers, Bits.INT16: constants},
        )

    farthest = 64 * 9 * abs(code - zero) * abs(weight)
    tensors = {
        "first": layer("first", WEIGHT_MAX if code > zero else -WEIGHT_MAX, 1.0),
        "conv": layer("conv", weight, 0.9 * CODE_MAX / farthest),
    }
    case = Case(replace(artifact, tensors=tensors), np.full((1, *source.shape), 255, np.uint8))
    effort = Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT16))
    codes = ReferenceEngine(case.artifact).trace(case.images, effort)
    assert np.unique(codes["first"]).tolist() == [code]
    assert abs(codes["conv"][0, 3, 3, 0]) == pytest.approx(0.9 * CODE_MAX, rel=1e-3)
    case.check(effort, isa=isa)


def fast_sum(artifact_weight: np.ndarray, codes: np.ndarray, zero: int) -> np.ndarray:
    """Sum a linear layer without low x low, by its definition."""
    high = Arithmetic.AFFINE.narrow_codes(codes, Bits.INT8)
    low = codes - 256 * high
    weight = artifact_weight.astype(np.int64)
    weight_high = (weight + 128) >> 8
    weight_low = weight - 256 * weight_high
    return (codes - zero) @ weight.T - low @ weight_low.T


@every_set
def test_the_fast_mode_leaves_out_low_times_low_and_nothing_else(isa: str) -> None:
    source = Signal((1, 1, 37), 1.0, CODE_MIN)
    graph = (
        Flatten(name="flat", inputs=("input",)),
        Linear(name="hidden", inputs=("flat",), features=50, scale=1.0, zero=4096, relu=False),
        Linear(name="head", inputs=("hidden",), features=33, scale=1.0, zero=0, relu=False),
    )
    artifact = make_artifact(graph, source, np.random.default_rng(0))
    effort = Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT16))
    images = images_for(source.shape, 20)
    hidden = ReferenceEngine(artifact).trace(images, effort)["hidden"].astype(np.int64)
    tensors = artifact.tensors["head"]
    expected = tensors.requantisers[Bits.INT16].apply(fast_sum(tensors.weight, hidden, 4096))
    fast = NativeEngine(artifact, isa=isa, mode="fast").run(images, effort)
    np.testing.assert_array_equal(fast, expected)
    assert np.any(fast != ReferenceEngine(artifact).run(images, effort))


@settings(max_examples=10, deadline=None)
@given(case=convolutions(), threads=st.integers(2, 4))
def test_threads_change_nothing(case: Case, threads: int) -> None:
    case.check(threads=threads)


def test_a_plan_may_change_between_two_calls_from_any_thread() -> None:
    artifact = small_artifact()
    engine, images = NativeEngine(artifact, threads=2), small_images(3)
    efforts = [Effort(plan) for plan in all_plans(artifact.layers)]
    expected = dict(ReferenceEngine(artifact).run_all(images, efforts))
    work = efforts * 40
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda effort: engine.run(images, effort), work))
    for effort, codes in zip(work, found, strict=True):
        np.testing.assert_array_equal(codes, expected[effort])


def test_switching_plans_a_thousand_times_leaks_nothing() -> None:
    engine, images = NativeEngine(RESNET8), images_for(RESNET8.source.shape, 1)
    plans = random_plans(RESNET8.layers, 1000, seed=0)
    for plan in plans[: PLANS_KEPT + 20]:
        engine.arena(Effort(plan))
    engine.run(images, Effort(plans[0]))
    gc.collect()
    before = psutil.Process().memory_info().rss
    for plan in plans:
        engine.arena(Effort(plan))
    gc.collect()
    # Far below one copy of the weights, which are 77,360 bytes a plane.
    assert psutil.Process().memory_info().rss - before < 2**16


def test_an_engine_that_is_no_longer_used_gives_its_memory_back() -> None:
    images = small_images(1)
    effort = Effort(next(all_plans(small_artifact().layers)))
    threads = psutil.Process().num_threads()
    for _ in range(20):
        NativeEngine(small_artifact(), threads=3).run(images, effort)
    gc.collect()
    assert psutil.Process().num_threads() <= threads


def test_the_arena_is_no_larger_than_what_is_alive_on_a_chain() -> None:
    engine = NativeEngine(RESNET8)
    for plan in random_plans(RESNET8.layers, 5, seed=0):
        size = engine.arena(Effort(plan))
        assert size.alive <= size.held <= 1.25 * size.alive


def test_a_profile_names_the_steps_and_counts_their_work() -> None:
    engine = NativeEngine(RESNET8)
    steps = engine.profile(Effort(PrecisionPlan.uniform(RESNET8.layers, Bits.INT8)), repeats=3)
    assert sum(step.macs for step in steps) == sum(work.macs for work in RESNET8.work)
    assert {step.name for step in steps} >= set(RESNET8.layers)
    assert all(step.bytes > 0 and step.time_s >= 0.0 for step in steps)
    assert sum("add" in step.operation for step in steps) == 3


@pytest.mark.parametrize("name", ["numpy", "native"])
def test_an_engine_is_chosen_by_its_name(name: str) -> None:
    artifact = small_artifact()
    effort = Effort(next(all_plans(artifact.layers)))
    engine = make_engine(name, artifact)  # type: ignore[arg-type]
    reference = ReferenceEngine(artifact)
    np.testing.assert_array_equal(
        engine.probabilities(small_images(4), effort),
        reference.probabilities(small_images(4), effort),
    )
    assert default_engine() == "native"


def test_what_cannot_run_is_refused_by_name() -> None:
    artifact = small_artifact()
    plan = PrecisionPlan.uniform(artifact.layers, Bits.INT8)
    with pytest.raises(EngineError, match="expected one of numpy, native"):
        make_engine("float", artifact)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=r"kernel set is 'none', expected one of .*portable"):
        NativeEngine(artifact, isa="none")
    with pytest.raises(EngineError, match="threads is 100, expected 1 to 64"):
        NativeEngine(artifact, threads=100)
    with pytest.raises(EngineError, match="threads is 0"):
        NativeEngine(artifact, threads=0)
    with pytest.raises(EngineError, match="mode is 'loose'"):
        NativeEngine(artifact, mode="loose")  # type: ignore[arg-type]
    engine = NativeEngine(artifact)
    engine.prepare([Effort(plan)])
    with pytest.raises(ArtifactError, match="carries widths"):
        engine.run(small_images(1), Effort(plan, width=0.5))
    with pytest.raises(ArtifactError, match="carries 16, 8 bits"):
        engine.run(small_images(1), Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT4)))
    with pytest.raises(ValueError, match="expected uint8 of shape"):
        engine.run(small_images(1)[0], Effort(plan))


def test_the_variable_chooses_the_kernel_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTIVE_ISA", "portable")
    assert NativeEngine(small_artifact()).isa == "portable"
    monkeypatch.setenv("ADAPTIVE_ISA", "mmx")
    with pytest.raises(EngineError, match="kernel set is 'mmx'"):
        NativeEngine(small_artifact())


def test_no_images_give_no_answers() -> None:
    artifact = small_artifact()
    effort = Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT8))
    assert NativeEngine(artifact).run(small_images(0), effort).shape == (0, 4)
    assert isinstance(artifact.graph[0], Conv2d)
