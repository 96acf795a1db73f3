"""The look-ahead governor for many boards at once: the same horizon, arrays of estimates."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from adaptive.governor.look_ahead import CLEAR_S, LookAhead, lost
from experiments.fleet.platform import FleetObservation
from thermal.network import Matrix, Vector

Indices = NDArray[np.intp]

_AT_ONCE = 16  # boards whose candidates stay within a processor's cache


class FleetLookAhead:
    """`adaptive.governor.look_ahead.LookAhead` on N boards.

    Parameters
    ----------
    policy
        The policy for one board; its horizon is that of all.
    period_s
        Control period [s].
    number
        Number of each point in the table, by name.
    """

    def __init__(self, policy: LookAhead, *, period_s: float, number: Mapping[str, int]) -> None:
        self._horizon = policy.horizon
        self._number = np.array([number[point.name] for point in policy.horizon.points])
        self._period_s = period_s
        self._temps: Matrix | None = None

    def decide(self, seen: FleetObservation, asked: NDArray[np.bool_]) -> Indices:
        """Return each board's admissible point that answers most frames rightly."""
        readings = seen.temps_degc
        if self._temps is None:
            self._temps = self._horizon.unknown(readings)
            self._known = np.zeros(len(readings), dtype=bool)
            self._time_s: Vector = np.zeros(len(readings))
            self._chosen = np.zeros(len(readings), dtype=np.intp)
        gone = ~self._known | lost(seen.time_s - self._time_s, self._period_s)
        predicted = self._horizon.predict(self._temps, self._chosen, seen.served_hz)
        before = np.where(gone[:, np.newaxis], self._horizon.unknown(readings), predicted)
        temps = self._horizon.correct(before, readings)
        wanted_hz = seen.demand_hz + seen.backlog / CLEAR_S
        chosen = np.empty(len(temps), dtype=np.intp)
        for first in range(0, len(temps), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            chosen[some] = self._horizon.choose(temps[some], wanted_hz[some])
        self._temps = np.where(asked[:, np.newaxis], temps, self._temps)
        self._time_s = np.where(asked, seen.time_s, self._time_s)
        self._chosen = np.where(asked, chosen, self._chosen)
        self._known |= asked
        return self._number[self._chosen]
