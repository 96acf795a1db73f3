import numpy as np
import pytest
from searching import space_of

from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.search.space import SearchSpace

B16, B8, B4 = Bits.INT16, Bits.INT8, Bits.INT4


def test_layers_of_a_group_switch_together() -> None:
    space = SearchSpace(("a", "b", "c"), (("a", "c"), ("b",)), (B16, B8))
    assert space.options == (2, 2)
    assert space.names == ("a..c", "b")
    assert space.effort((1, 0)) == Effort(PrecisionPlan(("a", "b", "c"), (B8, B16, B8)))


def test_widths_and_heads_are_genes_where_there_is_a_choice() -> None:
    space = SearchSpace(("a",), (("a",),), (B16, B8), (1.0, 0.5), ("leaf", "coarse"))
    assert space.options == (2, 2, 2)
    assert space.names == ("a", "width", "head")
    assert space.effort((0, 1, 1)) == Effort(PrecisionPlan(("a",), (B16,)), 0.5, "coarse")
    assert space.effort(space.cheapest) == Effort(PrecisionPlan(("a",), (B8,)), 0.5, "coarse")


def test_layers_that_no_head_runs_are_no_genes_and_follow_the_last_group() -> None:
    space = SearchSpace(("a", "b", "c"), (("a",), ("c",)), (B16, B8), idle=("b",))
    assert space.names == ("a", "c")
    assert space.effort((0, 1)).plan.bits == (B16, B8, B8)


def test_mixes_and_table_agree() -> None:
    space = space_of(3, (B16, B8, B4))
    assert space.size == 27
    assert np.array_equal(space.table(), np.array(list(space.mixes())))
    assert len({space.effort(mix) for mix in space.mixes()}) == 27


def test_singles_are_all_changes_of_one_gene() -> None:
    space = space_of(2, (B16, B8, B4))
    assert space.singles() == ((0, 1), (0, 2), (1, 1), (1, 2))
    assert space.changed(space.dearest, 1, 2) == (0, 2)


@pytest.mark.parametrize(
    "groups", [(("a",),), (("a", "b"), ("b",)), (("a",), ("b",), ()), (("a",), ("z",))]
)
def test_groups_that_do_not_split_the_layers_are_refused(groups: tuple[tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="exactly one group"):
        SearchSpace(("a", "b"), groups, (B16, B8))


@pytest.mark.parametrize("bits", [(B16,), (B8, B16), (B8, B8)])
def test_bits_without_a_choice_are_refused(bits: tuple[Bits, ...]) -> None:
    with pytest.raises(ValueError, match="two or more, falling"):
        SearchSpace(("a",), (("a",),), bits)


@pytest.mark.parametrize("mix", [(0,), (0, 2), (0, -1)])
def test_a_mix_of_other_genes_is_refused(mix: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected a choice below each of"):
        space_of(2).effort(mix)
