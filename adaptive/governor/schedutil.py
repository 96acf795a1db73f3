"""The kernel's schedutil cpufreq governor: a quarter more than the utilisation asks for.

Arithmetic after Linux ``kernel/sched/cpufreq_schedutil.c`` as of 2025, with frequency-invariant
utilisation, re-implemented from its description: ``f = 1.25 f_max u / 1024`` in whole kHz, rounded
up to the table. The utilisation u is what the scheduler's per-entity load tracking (PELT) makes of
the load: an average that forgets half of the past every 32 ms.

It knows how busy the cluster was. It does not know heat, precision, deadlines or power; put a
thermal governor over it with `adaptive.governor.throttled.Throttled`, as the kernel does.
"""

from collections.abc import Sequence

from adaptive.governor.kernel_tables import as_ladder, frequency_khz, lowest_at_least
from adaptive.governor.observed import busy_share
from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation

CAPACITY = 1024  # utilisation of a CPU that is always busy at its highest frequency
HALF_LIFE_S = 0.032


class Schedutil:
    """Frequency by the utilisation at the highest frequency, with a quarter of margin.

    Parameters
    ----------
    ladder
        Points of one effort on one cluster, one a frequency.

    Notes
    -----
    Limits: one decision a control period, where the kernel decides at every scheduler event some
    milliseconds apart; no boost for tasks that wait for input, and no hold for a busy lone CPU.
    """

    def __init__(self, ladder: Sequence[OperatingPoint]) -> None:
        self._ladder = as_ladder(ladder)
        self._running = self._ladder[0]
        self._utilisation = 0.0
        self._time_s: float | None = None

    @property
    def running(self) -> OperatingPoint:
        """The point chosen last."""
        return self._running

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point that the utilisation calls for."""
        return self.decide_within(observation, self._ladder[-1])

    def decide_within(self, observation: Observation, ceiling: OperatingPoint) -> OperatingPoint:
        """Return the point that is called for, no faster than a ceiling of the same ladder."""
        fastest = frequency_khz(self._ladder[-1])
        self._track(observation)
        wanted_khz = (fastest + (fastest >> 2)) * int(self._utilisation) // CAPACITY
        wanted = lowest_at_least(self._ladder, wanted_khz)
        self._running = min(wanted, ceiling, key=frequency_khz)
        return self._running

    def _track(self, observation: Observation) -> None:
        """Average the utilisation of the last period into that of the ones before."""
        before_s, self._time_s = self._time_s, observation.time_s
        if before_s is None or not observation.time_s > before_s:
            return
        speed = self._running.frequency_hz / self._ladder[-1].frequency_hz
        now = CAPACITY * speed * busy_share(observation, self._running)
        kept = 0.5 ** ((observation.time_s - before_s) / HALF_LIFE_S)
        self._utilisation = kept * self._utilisation + (1.0 - kept) * now
