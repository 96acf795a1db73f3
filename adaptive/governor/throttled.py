"""A cpufreq governor under a thermal governor, as the kernel combines them.

The thermal governor sets the highest frequency allowed; the cpufreq governor chooses at or below
it. What runs is the slower of what the two would choose.
"""

from collections.abc import Callable
from typing import Protocol

from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation


class CpufreqGovernor(Protocol):
    """A policy that picks a frequency by load, within a ceiling."""

    @property
    def running(self) -> OperatingPoint:
        """The point chosen last."""
        ...

    def decide_within(self, observation: Observation, ceiling: OperatingPoint) -> OperatingPoint:
        """Return the point to run, no faster than the ceiling."""
        ...


class Throttled:
    """Let one policy choose by load below the ceiling another one sets by heat.

    Parameters
    ----------
    cpufreq
        Chooses by load.
    ceiling
        Returns the fastest point allowed, given the observation and the point that ran. A thermal
        governor that does not ask what ran fits in as ``lambda seen, _ran: governor.decide(seen)``.

    Notes
    -----
    Limits: both see the same instant; in the kernel they run on timers of their own.
    """

    def __init__(
        self,
        cpufreq: CpufreqGovernor,
        ceiling: Callable[[Observation, OperatingPoint], OperatingPoint],
    ) -> None:
        self._cpufreq = cpufreq
        self._ceiling = ceiling

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return what the load calls for, no faster than heat allows."""
        ceiling = self._ceiling(observation, self._cpufreq.running)
        return self._cpufreq.decide_within(observation, ceiling)
