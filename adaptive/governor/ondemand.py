"""The kernel's ondemand cpufreq governor: full speed above a load, in proportion to it below.

Arithmetic after Linux ``drivers/cpufreq/cpufreq_ondemand.c`` as of 2025, re-implemented from its
description: a load above the threshold calls for the highest frequency allowed; any other for
``f_min + load (f_max - f_min) / 100``, rounded to the closest frequency of the table.

It knows how busy the cluster was. It does not know heat, precision, deadlines or power; put a
thermal governor over it with `adaptive.governor.throttled.Throttled`, as the kernel does.
"""

from collections.abc import Sequence

from adaptive.governor.kernel_tables import as_ladder, closest, frequency_khz
from adaptive.governor.observed import busy_share
from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation


class Ondemand:
    """Frequency in proportion to the load, and full speed above a threshold.

    Parameters
    ----------
    ladder
        Points of one effort on one cluster, one a frequency.
    up_threshold
        Load above which the highest frequency is chosen, 1..100 [%].

    Notes
    -----
    Limits: one decision a control period, where the kernel samples by the transition latency
    (140 ms on the Odroid-XU4); no powersave bias, and no sampling-down factor above its default 1.
    """

    def __init__(self, ladder: Sequence[OperatingPoint], *, up_threshold: int = 80) -> None:
        if not 1 <= up_threshold <= 100:
            raise ValueError(f"up_threshold is {up_threshold}, expected 1..100")
        self._ladder = as_ladder(ladder)
        self._up_threshold = up_threshold
        self._running = self._ladder[0]

    @property
    def running(self) -> OperatingPoint:
        """The point chosen last."""
        return self._running

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point that the load calls for."""
        return self.decide_within(observation, self._ladder[-1])

    def decide_within(self, observation: Observation, ceiling: OperatingPoint) -> OperatingPoint:
        """Return the point that the load calls for, no faster than a ceiling of the same ladder."""
        load = int(100.0 * busy_share(observation, self._running))
        slowest, fastest = frequency_khz(self._ladder[0]), frequency_khz(self._ladder[-1])
        wanted = (
            ceiling
            if load > self._up_threshold
            else closest(self._ladder, slowest + load * (fastest - slowest) // 100)
        )
        self._running = min(wanted, ceiling, key=frequency_khz)
        return self._running
