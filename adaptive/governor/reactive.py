"""Reactive thermal-aware DVFS: one V/F level down when too hot, one up when cool again.

After the reactive policy of V. Peluso, R. G. Rizzo and A. Calimera, "Performance profiling of
embedded ConvNets under thermal-aware DVFS," *Electronics*, vol. 8, no. 12, 1423, 2019 (what the
abstract describes; levels and thresholds are parameters here).

It knows the hottest zone. It does not know the load, the demand, precision, or any model.
"""

from collections.abc import Sequence

from adaptive.governor.kernel_tables import as_ladder
from adaptive.governor.observed import hottest_degc
from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation


class Reactive:
    """Step down at or above a threshold, up below the threshold less a hysteresis.

    Parameters
    ----------
    ladder
        Points on one cluster, one a frequency.
    trip_degc
        The threshold [degC].
    hysteresis_k
        How far below it the hottest zone must be before the next step up [K].

    Notes
    -----
    Limits: it acts after the fact, so the junction passes the threshold by what it heats up within
    a period, and by what the zone rounds away.
    """

    def __init__(
        self, ladder: Sequence[OperatingPoint], *, trip_degc: float, hysteresis_k: float
    ) -> None:
        if not hysteresis_k >= 0.0:
            raise ValueError(f"hysteresis_k is {hysteresis_k}, expected 0 or more")
        self._ladder = as_ladder(ladder)
        self._trip_degc = trip_degc
        self._hysteresis_k = hysteresis_k
        self._rung = len(self._ladder) - 1

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point one level down, one level up, or the same."""
        temp = hottest_degc(observation)
        if temp >= self._trip_degc:
            self._rung = max(self._rung - 1, 0)
        elif temp < self._trip_degc - self._hysteresis_k:
            self._rung = min(self._rung + 1, len(self._ladder) - 1)
        return self._ladder[self._rung]
