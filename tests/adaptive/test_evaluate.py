import random
from itertools import product

import numpy as np
import pytest
from graphs import random_images, switchable_networks
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import small_artifact, small_images

from adaptive.artifact import Artifact, load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ArtifactError
from adaptive.evaluate import cones, correctness, run_schedule, schedule
from adaptive.labels import LabelTree
from adaptive.precision import Bits, Effort, PrecisionPlan, all_plans, random_plans
from models.export import export_network
from models.network import SwitchableNetwork

TREE = LabelTree(("a", "b", "c", "d"), ("leaf",), ((), (), (), ()))


def everything(artifact: Artifact) -> list[Effort]:
    return [Effort(plan) for plan in all_plans(artifact.layers, artifact.bits)]


def assert_same_codes(artifact: Artifact, efforts: list[Effort], images: np.ndarray) -> None:
    engine = ReferenceEngine(artifact)
    found = dict(run_schedule(engine, images, schedule(artifact, efforts)))
    assert sorted(found) == list(range(len(efforts)))
    for position, effort in enumerate(efforts):
        assert np.array_equal(found[position], engine.run(images, effort))


@settings(max_examples=15)
@given(switchable_networks((Bits.INT16, Bits.INT8)), st.randoms(use_true_random=False))
def test_any_efforts_in_any_order_answer_as_one_by_one(
    network: SwitchableNetwork, draw: random.Random
) -> None:
    artifact = export_network(network, name="drawn", labels=TREE, provenance={})
    efforts = everything(artifact)
    draw.shuffle(efforts)
    assert_same_codes(artifact, efforts[: draw.randint(1, 12)], random_images(3))


def test_an_effort_asked_for_twice_is_answered_twice_and_run_once() -> None:
    artifact = small_artifact()
    once = Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT8))
    assert_same_codes(artifact, [once, once], small_images(2))
    assert schedule(artifact, [once, once]).layer_forwards == len(artifact.layers)


def test_all_plans_of_a_chain_cost_each_prefix_once() -> None:
    artifact = small_artifact()
    layers = len(artifact.layers)
    plan = schedule(artifact, everything(artifact))
    assert plan.layer_forwards == 2 ** (layers + 1) - 2
    assert plan.layer_forwards_one_by_one == layers * 2**layers


def test_a_branch_that_sees_no_change_is_not_run_again() -> None:
    artifact = load_artifact("resnet8_cifar10")
    plan = schedule(artifact, everything(artifact))
    chain = 2 ** (len(artifact.layers) + 1) - 2
    assert plan.layer_forwards < chain
    passes = [step.node.name for step in plan.steps]
    # The shortcut of block 2 depends on stem, block 1 and itself: 2^4 ways, not 2^6.
    assert passes.count("block2_shortcut") == 2**4
    assert passes.count("block2_conv2") == 2**5
    assert plan.layer_forwards_one_by_one / plan.layer_forwards > 0.45 * len(artifact.layers)


def test_only_the_live_cut_is_held() -> None:
    artifact = load_artifact("resnet8_cifar10")
    one = schedule(artifact, everything(artifact)[:1])
    everyone = schedule(artifact, everything(artifact))
    trace = sum(4 * np.prod(signal.shape) for signal in artifact.signals.values())
    assert one.peak_bytes < 4 * 4 * 32 * 32 * 16
    assert everyone.peak_bytes < 1.2 * trace


def test_memory_bounds_the_batch_and_changes_nothing() -> None:
    artifact, images = small_artifact(), small_images(7)
    labels = np.arange(7) % 4
    plan = schedule(artifact, everything(artifact))
    engine = ReferenceEngine(artifact)
    assert plan.batch_size(3 * plan.peak_bytes) == 3
    assert plan.batch_size(1) == 1
    shares: list[float] = []
    whole = correctness(engine, images, labels, plan)
    parts = correctness(
        engine, images, labels, plan, memory=3 * plan.peak_bytes, progress=shares.append
    )
    assert np.array_equal(whole, parts)
    assert shares == [3 / 7, 6 / 7, 1.0]


def test_right_answers_are_those_of_the_engine_at_every_level() -> None:
    artifact, images = small_artifact(), small_images(9)
    labels = np.arange(9) % 4
    engine = ReferenceEngine(artifact)
    efforts = everything(artifact)
    right = correctness(engine, images, labels, schedule(artifact, efforts))
    for (k, effort), (n, level) in product(enumerate(efforts), enumerate(artifact.labels.levels)):
        shares = engine.probabilities(images, effort)
        expected = artifact.labels.correct(shares, labels, level=level)
        assert np.array_equal(right[k, n], expected)


def test_cones_hold_what_a_node_descends_from() -> None:
    found = cones(load_artifact("resnet8_cifar10"))
    assert found["block2_shortcut"].layers == (0, 1, 2, 5)
    assert found["head"].layers == tuple(range(10))
    assert "block2_conv1" not in found["block2_shortcut"].nodes


@given(st.integers(1, 16), st.integers(0, 3))
def test_a_schedule_never_costs_more_than_one_by_one(count: int, seed: int) -> None:
    artifact = small_artifact()
    count = min(count, 2 ** len(artifact.layers))
    efforts = [Effort(plan) for plan in random_plans(artifact.layers, count, seed=seed)]
    plan = schedule(artifact, efforts)
    assert plan.layer_forwards <= plan.layer_forwards_one_by_one


def test_no_efforts_and_foreign_efforts_are_refused() -> None:
    artifact = small_artifact()
    with pytest.raises(ValueError, match="efforts is empty"):
        schedule(artifact, [])
    with pytest.raises(ArtifactError, match="carries 16, 8 bits"):
        schedule(artifact, [Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT4))])
