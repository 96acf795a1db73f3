"""Power traces (``.ptrace``)."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from thermal.floorplan import Floorplan
from thermal.hotspot.text import HotSpotInputError, Line, lines, number
from thermal.network import Matrix


@dataclass(frozen=True, slots=True, eq=False)
class PowerTrace:
    """Power of each block over time.

    Attributes
    ----------
    names
        Blocks in the order of the file's columns.
    power_w
        Power during each sample, shape (samples, blocks) [W].
    """

    names: tuple[str, ...]
    power_w: Matrix

    def in_order_of(self, floorplan: Floorplan, *, file: str) -> Matrix:
        """Return the power in a floorplan's order, shape (samples, blocks) [W].

        Names are matched without regard to capitals, as HotSpot does.

        Raises
        ------
        HotSpotInputError
            If trace and floorplan do not have the same blocks.
        """
        column = {name.casefold(): k for k, name in enumerate(self.names)}
        wanted = [name.casefold() for name in floorplan.names]
        missing = [name for name in floorplan.names if name.casefold() not in column]
        unknown = [name for name in self.names if name.casefold() not in wanted]
        if missing or unknown:
            raise HotSpotInputError(
                f"{file}: columns lack {missing} and add {unknown}, "
                "expected exactly the floorplan's blocks"
            )
        return self.power_w[:, [column[name] for name in wanted]]


def parse_ptrace(text: str, file: str) -> PowerTrace:
    """Return the trace of a ``.ptrace`` file: a line of names, then a line of watts a sample.

    Raises
    ------
    HotSpotInputError
        If there are no names or no samples, a name comes twice, or a line is not one finite number
        for each name.
    """
    header, *samples = list(lines(text, file)) or [Line(file, ("",))]
    names = header.words
    if not samples:
        raise HotSpotInputError(f"{file}: no sample, expected a line of names and lines of watts")
    count = Counter(name.casefold() for name in names)
    if repeated := [name for name in names if count[name.casefold()] > 1]:
        raise header.error(f"columns repeat {repeated}, expected each block once")
    rows = []
    for line in samples:
        if len(line.words) != len(names):
            raise line.error(f"{len(line.words)} values, expected one for each of {len(names)}")
        rows.append(
            [number(w, n, where=line.where) for n, w in zip(names, line.words, strict=True)]
        )
    return PowerTrace(names, np.array(rows, dtype=np.float64))
