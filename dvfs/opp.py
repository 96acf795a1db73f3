"""Operating performance points (OPPs): the frequency/voltage pairs a rail may run at."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True, order=True)
class Opp:
    """One frequency and the voltage the rail is set to at it.

    Attributes
    ----------
    frequency_hz
        Clock frequency [Hz].
    voltage_v
        Supply voltage [V].

    Raises
    ------
    ValueError
        If either is not a finite positive number.
    """

    frequency_hz: float
    voltage_v: float

    def __post_init__(self) -> None:
        for field, value in (("frequency_hz", self.frequency_hz), ("voltage_v", self.voltage_v)):
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{field} is {value!r}, expected a finite number above 0")


@dataclass(frozen=True, slots=True)
class OppTable:
    """The OPPs of one voltage island, slowest first.

    A voltage that falls as the frequency rises is kept: real tables have it (the kernel's Exynos
    5422 table asks 1.25 V at 1.6 and 1.7 GHz and 1.2375 V at 1.8 GHz). `falling` names those OPPs.

    Raises
    ------
    ValueError
        If empty, or if the frequency does not rise along the table.
    """

    opps: tuple[Opp, ...]

    def __post_init__(self) -> None:
        if not self.opps:
            raise ValueError("opps is empty, expected at least one OPP")
        for slow, fast in pairwise(self.opps):
            if fast.frequency_hz <= slow.frequency_hz:
                raise ValueError(
                    f"opps has {fast.frequency_hz!r} Hz after {slow.frequency_hz!r} Hz, "
                    "expected frequencies that strictly rise"
                )

    def __iter__(self) -> Iterator[Opp]:
        return iter(self.opps)

    def __len__(self) -> int:
        return len(self.opps)

    @property
    def slowest(self) -> Opp:
        """The OPP of lowest frequency."""
        return self.opps[0]

    @property
    def fastest(self) -> Opp:
        """The OPP of highest frequency."""
        return self.opps[-1]

    @property
    def falling(self) -> tuple[Opp, ...]:
        """The OPPs that ask for more volts than some faster OPP: never worth running at."""
        return tuple(
            opp
            for index, opp in enumerate(self.opps)
            if any(faster.voltage_v < opp.voltage_v for faster in self.opps[index + 1 :])
        )

    def at_most(self, frequency_hz: float) -> Opp:
        """Return the fastest OPP not above a frequency, or the slowest OPP if none is."""
        return max((o for o in self.opps if o.frequency_hz <= frequency_hz), default=self.slowest)

    def at_least(self, frequency_hz: float) -> Opp:
        """Return the slowest OPP not below a frequency, or the fastest OPP if none is."""
        return min((o for o in self.opps if o.frequency_hz >= frequency_hz), default=self.fastest)
