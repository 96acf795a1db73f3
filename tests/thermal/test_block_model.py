from dataclasses import replace

import numpy as np
import pytest
from dies import PACKAGE, full_dies
from hypothesis import given

from thermal.block_model import build_block_model
from thermal.floorplan import Block, Floorplan

TWO = Floorplan((Block("a", 2e-3, 4e-3, 0.0, 0.0), Block("b", 3e-3, 4e-3, 2e-3, 0.0)))
LAYERS = (PACKAGE.chip, PACKAGE.interface, PACKAGE.spreader, PACKAGE.sink)


def link(model, one, other):
    return -model.G[model.nodes.index(one), model.nodes.index(other)]


def test_neighbours_conduct_through_half_of_each():
    model = build_block_model(TWO, PACKAGE)
    for prefix, layer in zip(("", "iface_", "hsp_", "hsink_"), LAYERS, strict=True):
        slab = layer.conductivity_w_per_m_k * layer.thickness_m * 4e-3
        assert link(model, f"{prefix}a", f"{prefix}b") == pytest.approx(slab / 2.5e-3)


def test_layers_conduct_downwards_through_the_upper_one():
    model = build_block_model(TWO, PACKAGE)
    area = 8e-6
    assert link(model, "a", "iface_a") == pytest.approx(120.0 * area / 2e-4)
    assert link(model, "iface_a", "hsp_a") == pytest.approx(2.5 * area / 5e-5)
    assert link(model, "hsp_a", "hsink_a") == pytest.approx(390.0 * area / 5e-4)


def test_rims_conduct_as_computed_by_hand():
    model = build_block_model(TWO, PACKAGE)
    # Spreader of 8 mm under a die of 5 mm by 4 mm: 0.75 mm outwards in x, 1 mm in y.
    west_half = 390.0 * 5e-4 * 4e-3 / 1e-3
    west_rim = 0.75e-3 / (390.0 * 5e-4 * (8e-3 + 12e-3) / 4)
    assert link(model, "hsp_a", "sp_w") == pytest.approx(1 / (1 / west_half + west_rim))
    halves = {"a": 390.0 * 5e-4 * 2e-3 / 2e-3, "b": 390.0 * 5e-4 * 3e-3 / 2e-3}
    north_rim = 1e-3 / (390.0 * 5e-4 * (8e-3 + 15e-3) / 4)
    shared = 1 + north_rim * sum(halves.values())
    for name, half in halves.items():
        assert link(model, f"hsp_{name}", "sp_n") == pytest.approx(half / shared)
    area = (8e-3 + 4e-3) * (8e-3 - 5e-3) / 4
    assert link(model, "sp_e", "sink_e") == pytest.approx(390.0 * area / 5e-4)
    outer = 3e-3 / (400.0 * 2e-3 * (20e-3 + 24e-3) / 4)
    inner = 0.75e-3 / (400.0 * 2e-3 * (24e-3 + 4e-3) / 4)
    assert link(model, "sink_e", "outer_e") == pytest.approx(1 / (outer + inner))
    assert link(model, "sp_e", "sp_n") == 0.0
    assert link(model, "hsp_a", "sp_e") == 0.0


@given(full_dies())
def test_the_sink_as_a_whole_meets_the_air_through_its_thickness_and_convection(plan):
    model = build_block_model(plan, PACKAGE)
    through = 2e-3 / (400.0 * 0.02**2)
    assert model.to_ambient.sum() == pytest.approx(1 / (through + 12.0), rel=1e-9)


@given(full_dies())
def test_no_heat_capacity_is_lost_or_found(plan):
    outline = plan.outline
    die = outline.die_width_m * outline.die_height_m
    areas = (die, die, 0.008**2, 0.02**2)
    slabs = sum(
        layer.capacity_j_per_m3_k * layer.thickness_m * area
        for layer, area in zip(LAYERS, areas, strict=True)
    )
    assert build_block_model(plan, PACKAGE).C.sum() == pytest.approx(0.333 * (slabs + 8.0))


@given(full_dies())
def test_heat_that_enters_leaves_by_the_air(plan):
    model = build_block_model(plan, PACKAGE)
    assert np.array_equal(model.G, model.G.T)
    assert model.G.sum(axis=1) == pytest.approx(model.to_ambient, abs=1e-9 * model.G.max())
    network = model.network()
    rise = np.linalg.solve(network.laplacian, np.ones(len(network.nodes)))
    assert network.to_ambient @ rise == pytest.approx(len(network.nodes), rel=1e-6)


@given(full_dies())
def test_a_mirrored_die_has_a_mirrored_model(plan):
    mirrored = Floorplan(
        tuple(replace(block, left_m=-block.left_m - block.width_m) for block in plan.blocks)
    )
    here, there = build_block_model(plan, PACKAGE), build_block_model(mirrored, PACKAGE)
    west, east = (
        [here.nodes.index(f"{rim}_{side}") for rim in ("sp", "sink", "outer")] for side in "we"
    )
    order = np.arange(len(here.nodes))
    order[west], order[east] = east, west
    assert there.G[np.ix_(order, order)] == pytest.approx(here.G, rel=1e-6)


def test_lateral_heat_in_the_silicon_can_be_left_out():
    model = build_block_model(TWO, replace(PACKAGE, omit_lateral=True))
    assert link(model, "a", "b") == 0.0
    assert link(model, "hsp_a", "hsp_b") > 0.0


def test_nodes_come_layer_by_layer_and_the_rims_last():
    assert build_block_model(TWO, PACKAGE).nodes == (
        *("a", "b", "iface_a", "iface_b", "hsp_a", "hsp_b", "hsink_a", "hsink_b"),
        *(f"{rim}_{side}" for rim in ("sp", "sink", "outer") for side in "wens"),
    )


def test_rims_of_no_width_are_eliminated_exactly():
    die = Floorplan((Block("a", 8e-3, 4e-3, 0.0, 0.0), Block("b", 8e-3, 4e-3, 0.0, 4e-3)))
    model = build_block_model(die, PACKAGE)
    assert set(np.array(model.nodes)[model.C == 0.0]) == {
        f"{r}_{s}" for r in ("sp", "sink") for s in "wens"
    }
    network = model.network()
    assert len(network.nodes) == len(model.nodes) - 8
    power = np.zeros(len(model.nodes))
    power[0] = 2.0
    steady = 25.0 + np.linalg.solve(model.G, power)
    kept = [model.nodes.index(node) for node in network.nodes]
    settled = 25.0 + np.linalg.solve(network.laplacian, power[kept])
    assert settled == pytest.approx(steady[kept], abs=1e-9)
    assert model.all_degc(settled, 25.0) == pytest.approx(steady, abs=1e-9)


def test_a_rim_as_wide_as_a_rounding_error_changes_nothing():
    side = np.nextafter(8e-3, 1.0)
    die = Floorplan((Block("a", 8e-3, 8e-3, 0.0, 0.0),))
    none = build_block_model(die, PACKAGE).network()
    sliver = build_block_model(die, replace(PACKAGE, spreader_side_m=side)).network()
    assert sliver.nodes == none.nodes
    assert sliver.laplacian == pytest.approx(none.laplacian, rel=1e-9, abs=1e-12)


def test_a_sink_as_small_as_the_spreader_has_no_outer_rim():
    network = build_block_model(TWO, replace(PACKAGE, sink_side_m=0.008)).network()
    assert not [node for node in network.nodes if node.startswith("outer")]


def test_all_nodes_of_an_ordinary_die_hold_heat():
    model = build_block_model(TWO, PACKAGE)
    assert model.network().nodes == model.nodes
    assert model.network().laplacian == pytest.approx(model.G, rel=1e-15)


def test_a_die_larger_than_the_spreader_is_refused():
    with pytest.raises(ValueError, match=r"0\.009 m wide .* spreader's side of 0\.008 m"):
        build_block_model(Floorplan((Block("a", 9e-3, 1e-3, 0.0, 0.0),)), PACKAGE)


def test_a_stack_of_one_side_throughout_is_refused():
    die = Floorplan((Block("a", 8e-3, 4e-3, 0.0, 0.0),))
    with pytest.raises(ValueError, match="expected a rim around the die"):
        build_block_model(die, replace(PACKAGE, sink_side_m=0.008))
