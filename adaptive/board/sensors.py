"""Everything a board senses in one period: zones judged, power, fan, firmware flags."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adaptive.board.attribute import (
    Attribute,
    AttributeDenied,
    AttributeGone,
    AttributeRefused,
)
from adaptive.board.clock import Clock
from adaptive.board.firmware import FirmwareFlags, parse_flags
from adaptive.board.match import MatchedBoard, match_zone
from adaptive.board.reader import Late, Outcome, Reader
from adaptive.board.readings import (
    Believable,
    Problem,
    StuckWatch,
    Trust,
    ZoneFilter,
    ZoneState,
    fuse,
    hotter,
    parse_mdegc,
)
from adaptive.board.roots import Roots
from adaptive.errors import PlatformError
from adaptive.faults import Fault, FaultLog

_HUNG_S = 1.0  # a read that lasts longer is not slow but hung
_SEARCH_S = 1.0  # how often a zone that is gone is looked for
_DISAGREE_K = 10.0  # sensors of one place further apart than this are reported
_METER = "meter"
_FAN = "fan"
_FLAGS = "flags"

ZONE_FAULTS = {
    Problem.GONE: Fault.ZONE_GONE,
    Problem.DENIED: Fault.ZONE_DENIED,
    Problem.ERROR: Fault.ZONE_ERROR,
    Problem.GARBAGE: Fault.ZONE_GARBAGE,
    Problem.SENTINEL: Fault.ZONE_SENTINEL,
    Problem.ABSURD: Fault.ZONE_ABSURD,
    Problem.SPIKE: Fault.ZONE_SPIKE,
    Problem.STUCK: Fault.ZONE_STUCK,
    Problem.LATE: Fault.ZONE_LATE,
    Problem.HUNG: Fault.ZONE_HUNG,
}


@dataclass(frozen=True, slots=True)
class Sensed:
    """What a board's sensors tell at one instant.

    Attributes
    ----------
    temps_degc
        Temperature of each zone that is believed or stood in for [degC].
    ages_s
        Ages of those [s].
    trust
        How far each zone is believed.
    power_w
        Measured power, None without a meter that answers [W].
    fan_state
        Cooling state of the fan, None without one.
    flags
        What the firmware does, None where it does not say.
    """

    temps_degc: Mapping[str, float]
    ages_s: Mapping[str, float]
    trust: Mapping[str, Trust]
    power_w: float | None
    fan_state: int | None
    flags: FirmwareFlags | None


class BoardSensors:
    """Reads and judges the sensors of a matched board.

    Parameters
    ----------
    matched
        What to read.
    roots
        Where a zone that vanished is looked for.
    names
        Kernel name of each zone, for that search.
    clock
        Times readings.
    faults
        Where to report.
    bounds
        What is believable.
    """

    def __init__(
        self,
        matched: MatchedBoard,
        roots: Roots,
        *,
        names: Mapping[str, str],
        clock: Clock,
        faults: FaultLog,
        bounds: Believable,
    ) -> None:
        self._roots, self._names, self._clock, self._faults = roots, names, clock, faults
        self._bounds = bounds
        self._files: dict[str, Attribute] = {}
        self._filters: dict[str, ZoneFilter] = {}
        self._places: dict[str, tuple[str, ...]] = {}  # sensors of each zone, by reader name
        self._stuck = {zone: StuckWatch() for zone in matched.zones}
        self._searched_s = -math.inf
        reads: dict[str, Callable[[], float | str]] = {}
        for zone, sensors in matched.zones.items():
            self._places[zone] = tuple(f"{zone}#{number}" for number in range(len(sensors)))
            for key, sensor in zip(self._places[zone], sensors, strict=True):
                self._files[key] = Attribute(sensor.path)
                self._filters[key] = ZoneFilter(bounds)
                reads[key] = self._files[key].read
        if matched.meter is not None:
            reads[_METER] = matched.meter.open(clock.now_s).power_w
        if matched.fan is not None:
            reads[_FAN] = Attribute(matched.fan.path).read_int
        if matched.flags is not None:
            reads[_FLAGS] = Attribute(matched.flags).read
        self._has_meter = matched.meter is not None
        self._reader = Reader(reads, clock)

    def sense(self, timeout_s: float, *, power_w: float) -> Sensed:
        """Read everything, waiting no longer than a time [s].

        Parameters
        ----------
        timeout_s
            Deadline of the reads [s].
        power_w
            Power the board is expected to have drawn, by which a stuck zone is told [W].
        """
        answers = self._reader.collect(timeout_s)
        now_s = self._clock.now_s()
        states = {
            zone: self._judge(zone, keys, answers, now_s=now_s, power_w=power_w)
            for zone, keys in self._places.items()
        }
        if now_s - self._searched_s >= _SEARCH_S:
            self._searched_s = now_s
            self._search(states)
        temps, ages = fuse(states)
        return Sensed(
            temps_degc=temps,
            ages_s=ages,
            trust={zone: state.trust for zone, state in states.items()},
            power_w=self._power(answers.get(_METER)),
            fan_state=_whole(answers.get(_FAN)),
            flags=_flags(answers.get(_FLAGS)),
        )

    def reset(self) -> None:
        """Forget earlier readings: a gap has passed in which anything may have happened."""
        for judge in self._filters.values():
            judge.reset()
        for watch in self._stuck.values():
            watch.reset()

    def close(self) -> None:
        """Let the reading threads end."""
        self._reader.close()

    def _judge(
        self,
        zone: str,
        keys: tuple[str, ...],
        answers: Mapping[str, Outcome | Late],
        *,
        now_s: float,
        power_w: float,
    ) -> ZoneState:
        states = [self._filters[key].update(now_s, _attempt(answers[key])) for key in keys]
        state = hotter(states)
        if (
            state.trust is Trust.GOOD
            and state.temp_degc is not None
            and self._stuck[zone].update(now_s, state.temp_degc, power_w)
        ):
            state = ZoneState(Trust.FAILED, None, math.inf, Problem.STUCK)
        self._report(zone, [state] if state.problem is Problem.STUCK else states)
        return state

    def _report(self, zone: str, states: list[ZoneState]) -> None:
        problems = {state.problem for state in states}
        for problem, fault in ZONE_FAULTS.items():
            if problem in problems:
                self._faults.met(fault, zone, detail=problem)
            else:
                self._faults.over(fault, zone)
        temps = [state.temp_degc for state in states if state.temp_degc is not None]
        if len(temps) > 1 and max(temps) - min(temps) > _DISAGREE_K:
            self._faults.met(Fault.ZONES_DISAGREE, zone, detail="the hottest one is believed")
        else:
            self._faults.over(Fault.ZONES_DISAGREE, zone)

    def _search(self, states: Mapping[str, ZoneState]) -> None:
        """Find zones again that are gone, or whose number now belongs to another one."""
        for zone, keys in self._places.items():
            gone = states[zone].trust is Trust.ABSENT
            if not gone and not any(self._files[key].moved() for key in keys):
                continue
            try:
                paths = [z.path for z in match_zone(self._roots, self._names.get(zone, zone))]
            except PlatformError:
                paths = []
            for number, key in enumerate(keys):
                path = paths[number] if number < len(paths) else self._files[key].path
                if path != self._files[key].path or self._files[key].moved():
                    # The old descriptor is left to the collector: a thread may be inside a read.
                    self._files[key] = Attribute(path)
                    self._reader.replace(key, self._files[key].read)
                    if paths:
                        self._faults.once(Fault.ZONE_MOVED, zone, detail=str(path))

    def _power(self, answer: Outcome | Late | None) -> float | None:
        if isinstance(answer, float) and 0.0 <= answer < 1e4:
            self._faults.over(Fault.METER_LOST)
            return answer
        if self._has_meter:
            self._faults.met(Fault.METER_LOST, detail="power is estimated by the board's model")
        return None


def _attempt(answer: Outcome | Late) -> float | Problem:
    match answer:
        case Late(since_s):
            return Problem.HUNG if since_s >= _HUNG_S else Problem.LATE
        case str():
            return parse_mdegc(answer)
        case AttributeGone():
            return Problem.GONE
        case AttributeDenied():
            return Problem.DENIED
        case AttributeRefused() | PlatformError():
            return Problem.ERROR
        case _:
            return Problem.GARBAGE


def _whole(answer: Outcome | Late | None) -> int | None:
    return int(answer) if isinstance(answer, int | float) else None


def _flags(answer: Outcome | Late | None) -> FirmwareFlags | None:
    try:
        return parse_flags(answer) if isinstance(answer, str) else None
    except ValueError:
        return None
