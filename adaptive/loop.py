"""The control loop: the same one for board and simulation."""

from collections.abc import Callable
from dataclasses import dataclass

from adaptive.governor.protocol import Governor
from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation, Platform


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a run: what was seen and what was done about it."""

    observation: Observation
    point: OperatingPoint


def run(
    platform: Platform,
    governor: Governor,
    *,
    period_s: float,
    stop: Callable[[], bool],
    record: Callable[[Sample], None],
) -> None:
    """Observe, decide, apply, record, wait; until `stop` says so.

    Parameters
    ----------
    platform
        What is driven; its context is entered first and left last, whatever happens.
    governor
        The policy.
    period_s
        Control period; deadlines are absolute, so a late period does not shift the next [s].
    stop
        Asked before each period.
    record
        Called once a period with what was seen and done.
    """
    with platform:
        observation = platform.observe()
        deadline_s = observation.time_s
        while not stop():
            point = governor.decide(observation)
            platform.apply(point)
            record(Sample(observation, point))
            deadline_s += period_s
            platform.wait_until(deadline_s)
            observation = platform.observe()
