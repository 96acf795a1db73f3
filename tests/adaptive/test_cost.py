import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import two_node_plant

from adaptive.artifact import LayerWork, load_artifact
from adaptive.cost import (
    build_points,
    efficient_efforts,
    frame_latency_s,
    layer_cycles,
    plan_cycles,
)
from adaptive.errors import ConfigError
from adaptive.precision import Bits, PrecisionPlan

CLUSTER = two_node_plant().clusters[0]
WORK = LayerWork(name="conv", macs=8000, weights=100, inputs=200, outputs=300)


def test_cycles_are_arithmetic_plus_bytes_as_by_hand() -> None:
    assert layer_cycles(WORK, Bits.INT8, CLUSTER) == 8000 / 8 + 600 / 4
    assert layer_cycles(WORK, Bits.INT16, CLUSTER) == 8000 / 4 + 1200 / 4


def test_a_precision_the_board_has_no_rate_for_is_named() -> None:
    with pytest.raises(ConfigError, match="no rate at 4 bits, which layer conv asks for"):
        layer_cycles(WORK, Bits.INT4, CLUSTER)


@given(st.lists(st.sampled_from([Bits.INT8, Bits.INT16]), min_size=1, max_size=6))
def test_lowering_a_layer_never_costs_cycles(bits: list[Bits]) -> None:
    work = [LayerWork(f"l{i}", 1000 * (i + 1), 10, 20, 30) for i in range(len(bits))]
    names = tuple(layer.name for layer in work)
    cost = plan_cycles(work, PrecisionPlan(names, tuple(bits)), CLUSTER)
    for i in range(len(bits)):
        lower = (*bits[:i], Bits.INT8, *bits[i + 1 :])
        assert plan_cycles(work, PrecisionPlan(names, lower), CLUSTER) <= cost


def test_latency_falls_with_the_clock() -> None:
    plan = PrecisionPlan(("conv",), (Bits.INT8,))
    slow, fast = (
        frame_latency_s([WORK], plan, CLUSTER, hz, images_per_frame=64) for hz in (0.5e9, 2.0e9)
    )
    assert slow == pytest.approx(4 * fast)
    assert slow == pytest.approx(64 * 1150 / 0.5e9)


def test_the_table_crosses_efforts_opps_and_duties_with_one_idle_point() -> None:
    plant, artifact = two_node_plant(), load_artifact("digits")
    table = build_points(plant, artifact, images_per_frame=64)
    efforts = efficient_efforts(artifact, plant.clusters[0])
    assert len(table) == len(efforts) * 4 * 4 + 1
    assert sum(point.duty == 0.0 for point in table) == 1
    assert table.checksum == artifact.checksum
    for point in table:
        assert point.accuracy in {m.accuracy["leaf"] for m in artifact.measured}


def test_power_rises_with_frequency_and_with_duty() -> None:
    plant, artifact = two_node_plant(), load_artifact("digits")
    table = build_points(plant, artifact, images_per_frame=64)
    effort = table.points[-1].effort
    mine = [p for p in table if p.effort == effort and p.duty]
    for point in mine:
        for other in mine:
            if point.frequency_hz <= other.frequency_hz and point.duty <= other.duty:
                assert point.power_w <= other.power_w


def test_no_measured_effort_lies_above_the_hull_of_the_efficient_ones() -> None:
    artifact = load_artifact("digits")
    accuracy = {m.effort: m.accuracy["leaf"] for m in artifact.measured}
    cycles = {e: plan_cycles(artifact.work, e.plan, CLUSTER) for e in accuracy}
    hull = efficient_efforts(artifact, CLUSTER)
    assert set(hull[0].plan.bits) == {Bits.INT8}
    assert [cycles[e] for e in hull] == sorted(cycles[e] for e in hull)
    assert accuracy[hull[-1]] == max(accuracy.values())
    for effort in accuracy:
        bound = np.interp(cycles[effort], [cycles[e] for e in hull], [accuracy[e] for e in hull])
        assert accuracy[effort] <= bound + 1e-12


def test_efforts_can_be_named_instead() -> None:
    artifact = load_artifact("digits")
    chosen = [artifact.measured[3].effort]
    table = build_points(two_node_plant(), artifact, images_per_frame=1, efforts=chosen)
    assert {point.effort for point in table} == set(chosen)
