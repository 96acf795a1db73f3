from dataclasses import replace
from pathlib import Path

import pytest
from networks import nested_artifact

from adaptive.artifact import Artifact, load_artifact, save_artifact
from adaptive.config import load_board
from adaptive.cost import (
    build_points,
    bytes_of,
    efficient_efforts,
    effort_cycles,
    macs_of,
    plan_cycles,
)
from adaptive.cost_table import Objective, board_costs, load_costs
from adaptive.errors import ConfigError
from adaptive.link.plan import plan_of
from adaptive.measured import MeasuredEffort
from adaptive.operating_point import load_points, save_points
from adaptive.precision import Bits, Effort, Onward, PrecisionPlan

ARTIFACT = nested_artifact()
PLANT = load_board("odroid-xu4")
ALL_8 = PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT8)
LEAF = Effort(ALL_8)


def test_work_falls_with_width_bits_and_an_early_head() -> None:
    for of in (macs_of, bytes_of):
        falling = [of(ARTIFACT, Effort(ALL_8, width)) for width in ARTIFACT.widths]
        assert falling == sorted(falling, reverse=True)
        assert len(set(falling)) == len(falling)
        assert of(ARTIFACT, Effort(ALL_8, head="early")) < falling[0]
    wide = PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT16)
    assert bytes_of(ARTIFACT, Effort(wide)) == 2 * bytes_of(ARTIFACT, Effort(ALL_8))


def test_cost_tables_price_the_layers_of_the_width_that_the_head_needs() -> None:
    cluster = PLANT.clusters[0]
    opp = PLANT.islands.named(cluster.island).table.fastest
    table = board_costs(ARTIFACT, PLANT, cluster, opp)
    for effort in (Effort(ALL_8, 0.5), Effort(ALL_8, 0.25, "early")):
        cycles = plan_cycles(ARTIFACT.work_of(effort), effort.plan, cluster)
        assert table.of(effort, Objective.CYCLES) == pytest.approx(cycles)
    machine = load_costs("accelerator", ARTIFACT)
    energies = [machine.of(Effort(ALL_8, w), Objective.ENERGY) for w in ARTIFACT.widths]
    assert energies == sorted(energies, reverse=True)


def test_points_of_efforts_come_back_from_their_file_and_reach_an_application(
    tmp_path: Path,
) -> None:
    table = build_points(PLANT, ARTIFACT, images_per_frame=1)
    widths = {point.effort.width for point in table}
    assert widths == {1.0, 0.5}
    save_points(table, tmp_path / "points.json")
    assert load_points(tmp_path / "points.json") == table
    narrow = next(p for p in table if p.effort.width == 0.5 and p.duty == 1.0)
    assert "/all-8-w0.5/" in narrow.name
    told = plan_of(narrow, sequence=1, cpus=())
    assert told.effort(ARTIFACT.layers) == narrow.effort
    whole = next(
        p for p in table if p.effort.width == 1.0 and p.islands == narrow.islands and p.duty == 1.0
    )
    assert narrow.latency_s < whole.latency_s


def escalating(share: float = 0.25) -> tuple[MeasuredEffort, Artifact]:
    early = Effort(ALL_8, head="early", onward=Onward(Effort(ALL_8), 0.75, share))
    entry = MeasuredEffort(early, 50, {"group": 44})
    return entry, replace(ARTIFACT, measured=(*ARTIFACT.measured, entry))


def test_an_escalation_is_an_operating_point_with_its_expected_cost(tmp_path: Path) -> None:
    entry, artifact = escalating()
    save_artifact(artifact, tmp_path / "nested.npz")
    assert load_artifact(tmp_path / "nested.npz").measured == artifact.measured
    table = build_points(
        PLANT, artifact, images_per_frame=1, level="group", efforts=[entry.effort, LEAF]
    )
    save_points(table, tmp_path / "points.json")
    assert load_points(tmp_path / "points.json") == table
    pairs = zip(
        [p for p in table if p.effort == entry.effort and p.duty == 1.0],
        [p for p in table if p.effort == LEAF and p.duty == 1.0],
        strict=True,
    )
    cluster = {c.name: c for c in PLANT.clusters}
    for point, whole in pairs:
        assert point.accuracy == 0.88
        assert point.latency_s < whole.latency_s
        cycles = effort_cycles(artifact, entry.effort, cluster[point.cores])
        hertz = cluster[point.cores].cores * point.frequency_hz
        assert point.latency_s == pytest.approx(cycles / hertz)
        told = plan_of(point, sequence=1, cpus=())
        assert told.effort(artifact.layers) == entry.effort


def test_a_board_and_a_cost_table_expect_the_same_of_an_escalation() -> None:
    entry, artifact = escalating(0.5)
    cluster = PLANT.clusters[0]
    table = board_costs(artifact, PLANT, cluster, PLANT.islands.named(cluster.island).table.fastest)
    cycles = effort_cycles(artifact, entry.effort, cluster)
    assert table.of(entry.effort, Objective.CYCLES) == pytest.approx(cycles)
    one, whole = (effort_cycles(artifact, e, cluster) for e in (entry.effort.first, LEAF))
    assert one < cycles < one + 0.5 * whole  # the stem runs once


def test_an_escalation_is_measured_at_one_level_that_both_heads_tell() -> None:
    entry, _ = escalating()
    for correct in ({"leaf": 30}, {"leaf": 30, "group": 44}):
        wrong = replace(entry, correct=correct)
        with pytest.raises(ValueError, match="expected one that both heads tell"):
            replace(ARTIFACT, measured=(wrong,))
    other = Effort(ALL_8, 0.3)
    foreign = replace(entry, effort=replace(entry.effort, onward=Onward(other, 0.5, 0.5)))
    with pytest.raises(ValueError, match=r"carries widths .* not 0.3"):
        replace(ARTIFACT, measured=(foreign,))


def test_points_at_a_coarse_level_may_use_the_early_head() -> None:
    table = build_points(PLANT, ARTIFACT, images_per_frame=1, level="group")
    assert {point.level for point in table} == {"group"}
    assert "early" in {point.effort.head for point in table}
    chosen = efficient_efforts(ARTIFACT, PLANT.clusters[0], level="group")
    macs = [macs_of(ARTIFACT, effort) for effort in chosen]
    assert macs == sorted(macs)
    with pytest.raises(ConfigError, match="level is 'kind'"):
        build_points(PLANT, ARTIFACT, images_per_frame=1, level="kind")
    with pytest.raises(ConfigError, match=r"none of .* was measured at level leaf"):
        build_points(PLANT, replace(ARTIFACT, measured=ARTIFACT.measured[2:]), images_per_frame=1)
