from pathlib import Path

import msgspec
import numpy as np
import pytest
from networks import WIDTHS, nested_artifact, nested_graph, small_images

from adaptive.artifact import Artifact, decode_artifact, save_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.evaluate import run_schedule, schedule
from adaptive.graph import Concat, Flatten, LayerTensors, Node, Signal
from adaptive.nesting import channels_at, narrowed
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from adaptive.shapes import infer_signals

ARTIFACT = nested_artifact()
SOURCE = Signal((6, 6, 2), 1 / 65280, -32768)
ALL_16 = PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT16)
IMAGES = small_images(3)


def efforts(count: int = 3) -> list[Effort]:
    plans = random_plans(ARTIFACT.layers, count, seed=3)
    return [Effort(p, width, head) for p in plans for width in WIDTHS for head in ARTIFACT.heads]


def test_channels_are_cut_in_steps_of_four() -> None:
    assert [channels_at(16, width) for width in WIDTHS] == [16, 12, 8, 4]
    assert [channels_at(40, width) for width in (0.7, 0.45, 0.01)] == [28, 20, 4]
    assert [channels_at(3, width) for width in (1.0, 0.5)] == [3, 3]


def test_a_narrower_network_reads_the_first_weights_without_a_copy() -> None:
    half = ARTIFACT.subnetworks[0.5]
    assert half.tensors["mix"].weight.shape == (8, 3, 3, 8)
    assert half.tensors["depthwise"].weight.shape == (8, 3, 3, 1)
    assert half.tensors["head"].weight.shape == (4, 8)
    assert half.signals["sum"].shape == (6, 6, 8)
    for layer in ARTIFACT.layers:
        ours = half.tensors[layer].weight
        assert np.shares_memory(ours, ARTIFACT.tensors[layer].weight)
        whole = ARTIFACT.tensors[layer].weight
        np.testing.assert_array_equal(ours, whole[tuple(map(slice, ours.shape))])


def alone(width: float, head: str) -> Artifact:
    """Build an artifact that has one width and one head only, with weights of its own."""
    cut = ARTIFACT.subnetworks[width]
    graph = cut.needed(ARTIFACT.heads[head])
    names = {node.name for node in graph}
    tensors = {
        name: LayerTensors(t.weight.copy(), t.weight_scale, t.requantisers)
        for name, t in cut.tensors.items()
        if name in names
    }
    return Artifact(
        name="alone",
        bits=ARTIFACT.bits,
        heads={"leaf": graph[-1].name},
        source=SOURCE,
        graph=graph,
        labels=ARTIFACT.labels_of(head),
        tensors=tensors,
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("head", ARTIFACT.heads)
def test_an_effort_answers_as_a_network_that_has_nothing_else(width: float, head: str) -> None:
    single = alone(width, head)
    for plan in random_plans(ARTIFACT.layers, 3, seed=1):
        own = PrecisionPlan(single.layers, tuple(plan.bits_of(name) for name in single.layers))
        expected = ReferenceEngine(single).run(IMAGES, Effort(own))
        found = ReferenceEngine(ARTIFACT).run(IMAGES, Effort(plan, width, head))
        np.testing.assert_array_equal(found, expected)
        assert ARTIFACT.work_of(Effort(plan, width, head)) == single.work


def test_the_order_of_efforts_does_not_change_answers() -> None:
    engine, wanted = ReferenceEngine(ARTIFACT), efforts()
    shuffled = [wanted[k] for k in np.random.default_rng(0).permutation(len(wanted))]
    for effort, codes in engine.run_all(IMAGES, shuffled):
        np.testing.assert_array_equal(codes, engine.run(IMAGES, effort))


def test_the_prefix_tree_shares_within_a_width_and_between_heads() -> None:
    engine, wanted = ReferenceEngine(ARTIFACT), efforts()
    plan = schedule(ARTIFACT, wanted)
    found = dict(run_schedule(engine, IMAGES, plan))
    assert sorted(found) == list(range(len(wanted)))
    for position, codes in found.items():
        np.testing.assert_array_equal(codes, engine.run(IMAGES, wanted[position]))
    pair = [Effort(ALL_16, 0.5), Effort(ALL_16, 0.5, "early")]
    both = schedule(ARTIFACT, pair)
    assert (both.layer_forwards, both.layer_forwards_one_by_one) == (5, 6)
    assert both.peak_bytes < schedule(ARTIFACT, [Effort(ALL_16)]).peak_bytes


def test_a_head_runs_what_it_needs_and_no_more() -> None:
    early = schedule(ARTIFACT, [Effort(ALL_16, head="early")])
    assert [step.node.name for step in early.steps] == ["stem", "early_mean", "early"]
    leaf = schedule(ARTIFACT, [Effort(ALL_16)])
    assert "early" not in [step.node.name for step in leaf.steps]
    macs = [sum(w.macs for w in ARTIFACT.work_of(Effort(ALL_16, head=h))) for h in ARTIFACT.heads]
    assert macs[1] < macs[0] < sum(work.macs for work in ARTIFACT.work)


def test_an_early_head_tells_its_levels_only() -> None:
    own = ARTIFACT.labels_of("early")
    assert (own.levels, own.leaves) == (("group",), ("low", "high"))
    probabilities = ReferenceEngine(ARTIFACT).probabilities(IMAGES, Effort(ALL_16, head="early"))
    assert probabilities.shape == (3, 2)


def test_an_artifact_with_efforts_comes_back_as_it_was(tmp_path: Path) -> None:
    save_artifact(ARTIFACT, tmp_path / "nested.npz")
    back = decode_artifact((tmp_path / "nested.npz").read_bytes(), where="nested.npz")
    assert back.checksum == ARTIFACT.checksum
    assert back.head_levels == {"early": "group"}
    effort = Effort(ALL_16, 0.25)
    np.testing.assert_array_equal(
        ReferenceEngine(back).run(IMAGES, effort), ReferenceEngine(ARTIFACT).run(IMAGES, effort)
    )


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Concat(name="join", inputs=("stem", "mix"), scale=1.0, zero=0, relu=False), "joins"),
        (Flatten(name="flat", inputs=("mix",)), "flattens"),
        (
            msgspec.structs.replace(nested_graph()[0], name="by_two", inputs=("mix",), groups=2),
            "has 2 groups",
        ),
    ],
)
def test_channels_that_do_not_nest_are_refused(node: Node, message: str) -> None:
    graph = (*nested_graph()[:5], node)
    with pytest.raises(ValueError, match=rf"{message}.*where there are widths"):
        narrowed(graph, infer_signals(SOURCE, graph), width=0.5)
