"""Which policy decides, and what it may choose from while something is out of our hands."""

from collections.abc import Callable, Iterable

from adaptive.daemon.configuration import GovernorName
from adaptive.faults import Fault, FaultLog
from adaptive.governor.budget import Budget
from adaptive.governor.kernel_tables import ladder_of
from adaptive.governor.look_ahead import LookAhead
from adaptive.governor.objective import Objective
from adaptive.governor.predictive import Predictive
from adaptive.governor.protocol import Governor
from adaptive.governor.reactive import Reactive
from adaptive.governor.static import Static, fastest
from adaptive.operating_point import OperatingPoint, OperatingPointTable
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.safety import SafetyGuard, SafetyLimits

_REACTIVE_HYSTERESIS_K = 2.0
_STALE_PERIODS = 3.0
_STALE_S = 1.0

Points = tuple[OperatingPoint, ...]


class Circumstances:
    """What is in our hands now, asked once a period.

    Parameters
    ----------
    controls_clock
        Returns whether clocks can be set.
    is_ignored
        Returns whether the application does not run its plan.
    """

    def __init__(self, controls_clock: Callable[[], bool], is_ignored: Callable[[], bool]) -> None:
        self._controls_clock, self._is_ignored = controls_clock, is_ignored

    @property
    def name(self) -> str:
        """`all`, `effort only` or `clock only`."""
        if not self._controls_clock():
            return "effort only"
        return "clock only" if self._is_ignored() else "all"


class Deciding:
    """Asks the policy for what is in our hands; with caps respected and no exception let out.

    Parameters
    ----------
    make
        Makes the policy from the points it may choose from.
    table
        Every point.
    circumstances
        What is in our hands.
    faults
        Where a policy that raises is reported.
    """

    def __init__(
        self,
        make: Callable[[Points], Governor],
        table: OperatingPointTable,
        *,
        circumstances: Circumstances,
        faults: FaultLog,
    ) -> None:
        self._table, self._circumstances, self._faults = table, circumstances, faults
        self._make = make
        self._made: dict[str, Governor] = {"all": make(table.points)}

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the policy's point, no faster than the caps; the coolest if the policy raises."""
        name = self._circumstances.name
        try:
            if name not in self._made:
                self._made[name] = self._make(_available(self._table, name))
            point = self._made[name].decide(observation)
        # The last resort below every policy: whatever it raises, the board is kept cool.
        except Exception as error:
            self._faults.met(Fault.GOVERNOR_FAILED, detail=f"{type(error).__name__}: {error}")
            return self._table.coolest
        self._faults.over(Fault.GOVERNOR_FAILED)
        return within_caps(self._table, point, observation)


def within_caps(
    table: OperatingPointTable, point: OperatingPoint, observation: Observation
) -> OperatingPoint:
    """Return a point, or the fastest that differs from it in clock only and respects the cap."""
    cap_hz = observation.caps.get(point.cores)
    if cap_hz is None or point.frequency_hz <= cap_hz:
        return point
    kept = (point.effort, point.level, point.cores, point.duty)
    alike = [p for p in table if (p.effort, p.level, p.cores, p.duty) == kept]
    slower = [p for p in alike if p.frequency_hz <= cap_hz]
    if slower:
        return max(slower, key=lambda p: p.frequency_hz)
    return min(alike, key=lambda p: p.frequency_hz)


def _available(table: OperatingPointTable, circumstances: str) -> Points:
    """Return the points that can be brought about.

    Where clocks are out of our hands they are taken to be the fastest; where the application does
    as it likes it is taken to work without pause.
    """
    if circumstances == "effort only":
        top = {
            cores: max(p.frequency_hz for p in table if p.cores == cores)
            for cores in {p.cores for p in table}
        }
        chosen = [p for p in table if p.frequency_hz == top[p.cores] or p.duty == 0.0]
    else:
        chosen = [p for p in table if p.duty == 1.0]
    return tuple(chosen) or table.points


def make_governor(
    name: GovernorName,
    points: Iterable[OperatingPoint],
    plant: Plant,
    *,
    ambient_degc: float,
    cap_degc: float,
    period_s: float,
    deadline_s: float,
) -> Governor:
    """Return a policy by name, without a guard; the parameters are those of the policies."""
    listed = tuple(points)
    like = fastest(listed)
    match name:
        case "predictive":
            objective = Objective(
                dict.fromkeys((p.level for p in listed), 1.0), deadline_s=deadline_s
            )
            return Predictive(
                listed,
                plant,
                objective=objective,
                ambient_degc=ambient_degc,
                cap_degc=cap_degc,
                period_s=period_s,
            )
        case "look-ahead":
            return LookAhead(
                listed, plant, ambient_degc=ambient_degc, cap_degc=cap_degc, period_s=period_s
            )
        case "budget":
            return Budget(
                listed, plant, cores=like.cores, ambient_degc=ambient_degc, trip_degc=cap_degc
            )
        case "reactive":
            return Reactive(
                ladder_of(listed, like), trip_degc=cap_degc, hysteresis_k=_REACTIVE_HYSTERESIS_K
            )
        case "fastest":
            return Static(like)


def guarded(
    governor: Governor, table: OperatingPointTable, plant: Plant, *, period_s: float
) -> SafetyGuard:
    """Put the safety guard around a policy."""
    return SafetyGuard(
        governor,
        table.coolest,
        zones=tuple(zone.name for zone in plant.zones),
        limits=SafetyLimits(
            critical_degc=plant.critical_degc, max_age_s=max(_STALE_PERIODS * period_s, _STALE_S)
        ),
    )
