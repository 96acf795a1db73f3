"""Topology-voltage-frequency scaling: the frequency follows heat, the network keeps the latency.

After topology-voltage-frequency scaling (TVFS) of R. G. Rizzo, V. Peluso and A. Calimera (by its
idea, not by its code; the same authors measure the sizes in "Efficacy of topology scaling for
temperature and latency constrained embedded ConvNets," *J. Low Power Electron. Appl.*, vol. 10,
no. 1, 10, 2020): as the clock falls a smaller network is run, so that the time to answer a frame
stays at a target. There the sizes are separate networks; here they are the efforts of one.

It knows the hottest zone and each effort's latency and accuracy. It does not know the demand, the
load, or any model of power and heat.
"""

from collections.abc import Sequence

from adaptive.governor.kernel_tables import Ladder, as_ladder
from adaptive.governor.reactive import Reactive
from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation


def fixed_latency_ladder(
    points: Sequence[OperatingPoint], *, cores: str, target_latency_s: float
) -> Ladder:
    """Return, for each frequency, the most accurate point in time, else the fastest one.

    Parameters
    ----------
    points
        Candidates; those of other clusters, or that idle part of the time, are left out.
    cores
        The cluster.
    target_latency_s
        Time allowed to answer a frame [s].

    Raises
    ------
    ValueError
        If no point is left.
    """
    rungs: dict[float, OperatingPoint] = {}
    for point in points:
        if point.cores == cores and point.duty == 1.0:
            best = rungs.setdefault(point.frequency_hz, point)
            rungs[point.frequency_hz] = max(
                best, point, key=lambda p: _preference(p, target_latency_s)
            )
    return as_ladder(rungs.values())


def _preference(point: OperatingPoint, target_latency_s: float) -> tuple[bool, float, float]:
    in_time = point.latency_s <= target_latency_s
    return in_time, point.accuracy if in_time else 0.0, -point.latency_s


class Tvfs:
    """Step the frequency by heat as `Reactive` does; at each, run what keeps the latency.

    Parameters
    ----------
    points
        Candidates.
    cores
        The cluster to run on.
    target_latency_s
        Time allowed to answer a frame [s].
    trip_degc, hysteresis_k
        As of `Reactive` [degC] [K].

    Notes
    -----
    Limits: those of `Reactive`; where the efforts differ little in cycles, there is little to keep
    the latency with.
    """

    def __init__(
        self,
        points: Sequence[OperatingPoint],
        *,
        cores: str,
        target_latency_s: float,
        trip_degc: float,
        hysteresis_k: float,
    ) -> None:
        ladder = fixed_latency_ladder(points, cores=cores, target_latency_s=target_latency_s)
        self._frequency = Reactive(ladder, trip_degc=trip_degc, hysteresis_k=hysteresis_k)

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point of the frequency that heat allows."""
        return self._frequency.decide(observation)
