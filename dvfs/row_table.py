"""Row-assigned circuits as voltage islands that a governor can use.

A governor knows one voltage per island. The *effective voltage* of a row-assigned circuit at a
clock is the single voltage at which it would draw the same power, so OPPs made of it, together
with `RowTable.block_power`, give the governor the right watts from its ordinary power model.
"""

from dataclasses import dataclass, replace

from dvfs.circuit import CircuitMode, Rails, Technology
from dvfs.islands import IslandMap, VoltageIsland
from dvfs.opp import Opp, OppTable
from dvfs.power import BlockPower


@dataclass(frozen=True, slots=True)
class RowPoint:
    """A row-assigned circuit at one clock.

    Attributes
    ----------
    frequency_hz
        Clock [Hz].
    rails
        Its two voltages.
    low_rows
        The rows on the low rail.
    power_w
        Power, crossing leakage and area overhead included [W].

    Raises
    ------
    ValueError
        If the clock or the power is not positive.
    """

    frequency_hz: float
    rails: Rails
    low_rows: tuple[int, ...]
    power_w: float

    def __post_init__(self) -> None:
        for name in ("frequency_hz", "power_w"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected above 0")


@dataclass(frozen=True, slots=True, eq=False)
class RowTable:
    """The clocks of a row-assigned circuit in one mode, slowest first.

    Attributes
    ----------
    block
        Name of the block the circuit is.
    mode
        The circuit in its mode.
    technology
        Models its powers were computed with.
    points
        One for each clock.

    Raises
    ------
    ValueError
        If empty or the clocks do not rise.

    Notes
    -----
    Limits: effective voltages hold at the technology's temperature and at full activity; elsewhere
    leakage and switching mix differently.
    """

    block: str
    mode: CircuitMode
    technology: Technology
    points: tuple[RowPoint, ...]

    def __post_init__(self) -> None:
        clocks = [point.frequency_hz for point in self.points]
        if not clocks or clocks != sorted(set(clocks)):
            raise ValueError(f"points has the clocks {clocks}, expected rising ones, at least one")

    def effective_voltage_v(self, point: RowPoint) -> float:
        """Return the single voltage at which the circuit would draw a point's power [V]."""
        low, high = 0.0, 2.0 * point.rails.high_v
        while low < (middle := 0.5 * (low + high)) < high:
            power = self.technology.power_w(
                self.mode.switched_f.sum(),
                self.mode.width.sum(),
                voltage_v=middle,
                f=point.frequency_hz,
            )
            low, high = (low, middle) if power >= point.power_w else (middle, high)
        return high

    def block_power(self) -> BlockPower:
        """Return the power parameters that go with the effective voltages, all gates as one."""
        leakage = self.technology.leakage
        return BlockPower(
            C_active=float(self.mode.switched_f.sum()),
            C_idle=0.0,
            leakage=replace(leakage, I_0=leakage.I_0 * float(self.mode.width.sum())),
        )

    def island(self) -> VoltageIsland:
        """Return the block's island, its OPPs at effective voltages."""
        opps = tuple(Opp(p.frequency_hz, self.effective_voltage_v(p)) for p in self.points)
        return VoltageIsland(self.block, (self.block,), OppTable(opps))


def island_map(tables: tuple[RowTable, ...]) -> IslandMap:
    """Return one island for each row-assigned block; ValueError if two are of the same name."""
    return IslandMap(tuple(table.island() for table in tables))
