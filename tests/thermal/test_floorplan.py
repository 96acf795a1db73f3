import numpy as np
import pytest
from dies import full_dies
from hypothesis import given

from thermal.floorplan import SAME_EDGE_M, Block, Floorplan


def pair(*, gap_m: float = 0.0, rise_m: float = 0.0) -> Floorplan:
    return Floorplan(
        (
            Block("left", 0.002, 0.001, 0.0, 0.0),
            Block("right", 0.001, 0.001, 0.002 + gap_m, rise_m),
        )
    )


def test_neighbours_in_x_share_the_overlap_of_their_sides():
    across, upwards = pair(rise_m=0.0004).outline.shared_edges_m()
    assert across == pytest.approx(np.array(((0.0, 0.0006), (0.0006, 0.0))), abs=1e-15)
    assert not upwards.any()


def test_neighbours_in_y_share_the_overlap_of_their_sides():
    plan = Floorplan(
        (Block("low", 0.002, 0.001, 0.0, 0.0), Block("high", 0.0015, 0.001, 0.001, 0.001))
    )
    across, upwards = plan.outline.shared_edges_m()
    assert not across.any()
    assert upwards[0, 1] == pytest.approx(0.001)


def test_blocks_that_meet_at_a_corner_share_nothing():
    for edges in pair(rise_m=0.001).outline.shared_edges_m():
        assert not edges.any()


def test_a_gap_below_a_micrometre_is_none():
    across, _ = pair(gap_m=0.9e-6).outline.shared_edges_m()
    assert across[0, 1] == pytest.approx(0.001)


def test_a_gap_of_a_micrometre_and_a_rounding_error_separates():
    # As written in decimal the gap is one micrometre; the sum of doubles is a little wider.
    plan = Floorplan(
        (
            Block("left", 0.001033, 0.0007, 0.005933, 0.0124),
            Block("right", 0.001033, 0.0007, 0.006967, 0.0124),
            Block("origin", 0.004900, 0.0062, 0.0, 0.0098),
        )
    )
    outline = plan.outline
    assert outline.left_m[1] - outline.right_m[0] == pytest.approx(SAME_EDGE_M, rel=1e-9)
    assert outline.left_m[1] - outline.right_m[0] > SAME_EDGE_M
    assert not outline.shared_edges_m()[0][0, 1]


def test_the_outline_starts_at_the_origin_and_knows_the_die():
    plan = Floorplan((Block("a", 1e-3, 2e-3, 4e-3, -5e-3), Block("b", 1e-3, 1e-3, 5e-3, -5e-3)))
    outline = plan.outline
    assert (outline.left_m.min(), outline.bottom_m.min()) == (0.0, 0.0)
    assert (outline.die_width_m, outline.die_height_m) == pytest.approx((2e-3, 2e-3))
    assert outline.on_border().tolist() == [[True, False], [False, True], [True, False], [True] * 2]


@given(full_dies())
def test_shared_edges_are_mutual_and_no_longer_than_either_side(plan):
    outline = plan.outline
    for edges, sides in zip(
        outline.shared_edges_m(), (outline.height_m, outline.width_m), strict=True
    ):
        assert np.array_equal(edges, edges.T)
        assert (edges <= sides * (1 + 1e-9)).all()


@given(full_dies())
def test_the_sides_of_a_full_die_are_all_shared_or_on_its_border(plan):
    outline = plan.outline
    across, _ = outline.shared_edges_m()
    west, east, _, _ = outline.on_border()
    open_sides = 2 * outline.height_m - across.sum(axis=1) - outline.height_m * (west * 1 + east)
    assert np.abs(open_sides).max() < 3 * SAME_EDGE_M


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "no name"),
        ({"width_m": 0.0}, "width_m of block 'a' is 0.0, expected 1e-09 to 100"),
        ({"height_m": float("nan")}, "height_m"),
        ({"left_m": float("inf")}, "left_m"),
        ({"bottom_m": -101.0}, "bottom_m"),
    ],
)
def test_a_block_that_cannot_be_is_refused(change, message):
    fields = {"name": "a", "width_m": 1e-3, "height_m": 1e-3, "left_m": 0.0, "bottom_m": 0.0}
    with pytest.raises(ValueError, match=message):
        Block(**(fields | change))


def test_a_floorplan_without_blocks_is_refused():
    with pytest.raises(ValueError, match="expected at least one"):
        Floorplan(())


def test_names_that_differ_only_in_capitals_are_refused():
    with pytest.raises(ValueError, match=r"\['L2', 'l2'\]"):
        Floorplan((Block("L2", 1e-3, 1e-3, 0.0, 0.0), Block("l2", 1e-3, 1e-3, 1e-3, 0.0)))
