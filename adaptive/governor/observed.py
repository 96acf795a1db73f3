"""What simple policies read from an observation: the hottest zone, the load, the frames wanted.

An observation is handed over as it came. So a policy that is run without the safety guard still
gets numbers it can calculate with: no believable zone reads as infinitely hot, an unknown load as
full, an unknown demand as unlimited.
"""

import math

from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation

_CLEAR_S = 1.0  # a backlog is worth clearing within this time
_MOST_HZ = 1e9  # no stream of frames is faster
_LOWEST_DEGC, _HIGHEST_DEGC = -273.15, 1000.0  # what the temperature of a chip can be at all


def is_temperature(reading_degc: float) -> bool:
    """Say whether a reading can be a temperature at all; NaN cannot."""
    return _LOWEST_DEGC <= reading_degc <= _HIGHEST_DEGC


def hottest_degc(observation: Observation) -> float:
    """Return the hottest reading; infinite if there is none or one is no temperature [degC]."""
    temps = observation.temps_degc.values()
    if not all(is_temperature(temp) for temp in temps):
        return math.inf
    return max(temps, default=math.inf)


def busy_share(observation: Observation, point: OperatingPoint) -> float:
    """Return the share of the last period that the working cluster was busy [0..1].

    Parameters
    ----------
    observation
        What the last period saw; frames left over mean that there was no idle time.
    point
        The point that ran.
    """
    if observation.backlog > 0:
        return 1.0
    share = observation.served_hz * point.latency_s
    return 1.0 if math.isnan(share) else min(max(share, 0.0), 1.0)


def wanted_hz(observation: Observation) -> float:
    """Return the frame rate worth providing: what arrives, and the backlog within a second [Hz]."""
    demand_hz = observation.demand_hz
    if not demand_hz <= _MOST_HZ:  # NaN is not
        return math.inf
    return max(demand_hz, 0.0) + max(observation.backlog, 0) / _CLEAR_S
