"""The layer under every governor: without a believable temperature, the coolest point."""

from dataclasses import dataclass

from adaptive.governor.protocol import Governor
from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """When a reading is not believed, or calls for the coolest point at once.

    Attributes
    ----------
    critical_degc
        At or above this reading the governor is overruled [degC].
    lowest_degc, highest_degc
        Readings outside this range, and exactly 0, are sentinels or damage [degC].
    max_age_s
        Older readings are stale [s].
    max_rate_k_per_s
        A reading that moves faster than this is a spike, not a temperature [K/s].
    good_periods
        Periods in a row that must be believable before control is handed over, at the start and
        after every doubt.
    watched
        Whether as many were believed before the first one seen: a simulation begins with a board
        that runs already, a daemon does not.
    """

    critical_degc: float
    lowest_degc: float = -40.0
    highest_degc: float = 150.0
    max_age_s: float = 1.0
    max_rate_k_per_s: float = 200.0
    good_periods: int = 3
    watched: bool = False

    def __post_init__(self) -> None:
        if not self.lowest_degc < self.critical_degc < self.highest_degc:
            raise ValueError(
                f"critical_degc is {self.critical_degc}, expected between "
                f"{self.lowest_degc} and {self.highest_degc}"
            )
        if not (self.max_age_s > 0 and self.max_rate_k_per_s > 0 and self.good_periods >= 1):
            raise ValueError("max_age_s, max_rate_k_per_s and good_periods must be positive")

    @property
    def good_at_first(self) -> int:
        """Believable periods in a row that count as seen at the start."""
        return self.good_periods if self.watched else 0


class SafetyGuard:
    """A governor around a governor: on a missing, stale, absurd or critical reading, coolest.

    The inner governor sees only observations in which every expected zone is believable, so NaN
    never enters a filter. It is asked after `good_periods` good observations in a row.

    Parameters
    ----------
    governor
        The policy that decides while all is well.
    coolest
        The point for everything else.
    zones
        Names of the zones that must answer.
    limits
        What counts as believable.
    """

    def __init__(
        self,
        governor: Governor,
        coolest: OperatingPoint,
        *,
        zones: tuple[str, ...],
        limits: SafetyLimits,
    ) -> None:
        if not zones:
            raise ValueError("a safety guard needs at least one thermal zone to watch")
        self._governor = governor
        self._coolest = coolest
        self._zones = zones
        self._limits = limits
        self._previous: Observation | None = None
        self._good = limits.good_at_first
        self.overruled = 0
        self.in_doubt = False

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the inner governor's point, or the coolest one while readings are in doubt."""
        believable = all(self._believable(observation, zone) for zone in self._zones)
        self._previous = observation
        self._good = self._good + 1 if believable else 0
        # The first good periods of a start are waited for as well, yet nothing is wrong then.
        self.in_doubt = not believable or (self.in_doubt and not self.trusts)
        if self.trusts:
            return self._governor.decide(observation)
        self.overruled += 1
        return self._coolest

    @property
    def trusts(self) -> bool:
        """Whether the governor is asked."""
        return self._good >= self._limits.good_periods

    def _believable(self, observation: Observation, zone: str) -> bool:
        limits = self._limits
        temp = observation.temps_degc.get(zone)
        age = observation.ages_s.get(zone, float("inf"))
        if temp is None or not 0.0 <= age <= limits.max_age_s:
            return False
        # Written so that NaN fails every comparison.
        if not limits.lowest_degc < temp < limits.critical_degc or temp == 0.0:
            return False
        previous = self._previous
        if previous is None or not (before := previous.temps_degc.get(zone)):
            return True
        if not limits.lowest_degc < before < limits.highest_degc:
            return True
        elapsed_s = observation.time_s - previous.time_s
        return abs(temp - before) <= 1.0 + limits.max_rate_k_per_s * max(elapsed_s, 0.0)
