"""Voltage islands: groups of blocks that share one rail and one clock."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from dvfs.opp import OppTable


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


@dataclass(frozen=True, slots=True)
class VoltageIsland:
    """Blocks fed by one rail; they always share an OPP.

    Raises
    ------
    ValueError
        If the island has no block or names one twice.
    """

    name: str
    blocks: tuple[str, ...]
    table: OppTable

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name is '', expected the name of the rail")
        if not self.blocks:
            raise ValueError(f"blocks of island {self.name!r} is empty, expected at least one")
        if repeated := _repeated(self.blocks):
            raise ValueError(f"blocks of island {self.name!r} repeats {repeated}")


@dataclass(frozen=True, slots=True)
class IslandMap:
    """A partition of the chip's blocks into voltage islands.

    Raises
    ------
    ValueError
        If empty, if two islands share a name, or if a block belongs to two islands.
    """

    islands: tuple[VoltageIsland, ...]

    def __post_init__(self) -> None:
        if not self.islands:
            raise ValueError("islands is empty, expected at least one voltage island")
        if repeated := _repeated(island.name for island in self.islands):
            raise ValueError(f"islands repeats the names {repeated}, expected unique names")
        if shared := _repeated(self.blocks):
            raise ValueError(f"blocks {shared} are in more than one voltage island, expected one")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the islands, in the map's order."""
        return tuple(island.name for island in self.islands)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Every block of the chip, island by island."""
        return tuple(block for island in self.islands for block in island.blocks)

    def island_of(self, block: str) -> VoltageIsland:
        """Return the island that feeds a block; ValueError if none does."""
        for island in self.islands:
            if block in island.blocks:
                return island
        raise ValueError(f"block is {block!r}, expected one of {self.blocks}")

    def named(self, name: str) -> VoltageIsland:
        """Return the island of a name; ValueError if there is none."""
        for island in self.islands:
            if island.name == name:
                return island
        raise ValueError(f"island is {name!r}, expected one of {self.names}")
