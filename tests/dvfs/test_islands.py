import pytest

from dvfs.islands import IslandMap, VoltageIsland
from dvfs.opp import Opp, OppTable

TABLE = OppTable((Opp(1e9, 1.0),))


def island(name: str, *blocks: str) -> VoltageIsland:
    return VoltageIsland(name, blocks, TABLE)


def test_every_block_is_found_on_its_island() -> None:
    chip = IslandMap((island("big", "b0", "b1"), island("little", "l0")))
    assert chip.names == ("big", "little")
    assert chip.blocks == ("b0", "b1", "l0")
    assert chip.island_of("b1").name == "big"
    assert chip.named("little").blocks == ("l0",)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    chip = IslandMap((island("big", "b0"),))
    with pytest.raises(ValueError, match="'gpu', expected one of \\('b0',\\)"):
        chip.island_of("gpu")
    with pytest.raises(ValueError, match="'gpu', expected one of \\('big',\\)"):
        chip.named("gpu")


def test_a_block_has_one_rail() -> None:
    with pytest.raises(ValueError, match=r"\['b0'\] are in more than one voltage island"):
        IslandMap((island("big", "b0"), island("little", "b0")))


def test_island_names_are_unique() -> None:
    with pytest.raises(ValueError, match=r"repeats the names \['big'\]"):
        IslandMap((island("big", "b0"), island("big", "b1")))


def test_a_map_needs_an_island() -> None:
    with pytest.raises(ValueError, match="at least one voltage island"):
        IslandMap(())


@pytest.mark.parametrize(
    ("name", "blocks", "message"),
    [("", ("b0",), "name of the rail"), ("big", (), "is empty"), ("big", ("b0", "b0"), "repeats")],
)
def test_an_island_needs_a_name_and_unique_blocks(
    name: str, blocks: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        VoltageIsland(name, blocks, TABLE)
