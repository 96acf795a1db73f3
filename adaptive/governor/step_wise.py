"""The kernel's step_wise thermal governor, acting on one ladder of operating points.

Arithmetic after Linux ``drivers/thermal/gov_step_wise.c`` as of 2025 (behaviour re-implemented
from its description): while the zone is at or above its threshold, a rising temperature adds one
cooling state and a falling one removes one; below the threshold a falling temperature releases the
limit. The threshold is the trip on the way up and the trip less its hysteresis on the way down.
The policy knows neither the workload nor its precision.
"""

from collections.abc import Sequence

from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation


class StepWise:
    """Walk down a ladder while the hottest zone is above its trip and rising, and back up.

    Parameters
    ----------
    ladder
        Operating points by rising frequency; cooling state 0 is the last.
    trip_degc
        Passive trip point [degC].
    hysteresis_k
        How far below the trip the hottest zone must fall before the limit is released [K].
    """

    def __init__(
        self, ladder: Sequence[OperatingPoint], *, trip_degc: float, hysteresis_k: float
    ) -> None:
        if not ladder:
            raise ValueError("step_wise needs at least one operating point")
        if not hysteresis_k >= 0.0:
            raise ValueError(f"hysteresis_k is {hysteresis_k}, expected 0 or more")
        self._ladder = tuple(sorted(ladder, key=lambda point: point.frequency_hz))
        self._trip_degc = trip_degc
        self._hysteresis_k = hysteresis_k
        self._crossed = False
        self._state = 0
        self._last_degc: float | None = None

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point of the cooling state that the hottest zone calls for."""
        upper = len(self._ladder) - 1
        temp = max(observation.temps_degc.values(), default=float("inf"))
        trend = (
            0 if self._last_degc is None else (temp > self._last_degc) - (temp < self._last_degc)
        )
        self._last_degc = temp
        threshold = self._trip_degc - (self._hysteresis_k if self._crossed else 0.0)
        self._crossed = temp >= threshold
        if self._crossed and trend > 0:
            self._state = min(self._state + 1, upper)
        elif self._crossed and trend < 0:
            self._state = max(self._state - 1, min(1, upper))
        elif not self._crossed and trend < 0:
            self._state = 0
        return self._ladder[upper - self._state]
