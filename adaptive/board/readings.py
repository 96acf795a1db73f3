"""Which readings to believe: pure judgement, without a clock or a file.

A zone that answers nonsense or an error keeps its last good value for two periods, then it has
failed and the safety guard takes over. A zone that is gone, or closed to us, is stood in for by the
hottest of the others.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_MDEGC = 1000.0
_WHOLE_DEGREES = 200  # a smaller number of millidegrees is a sensor that counts degrees


class Problem(StrEnum):
    """Why an attempt to read a zone gave no temperature to believe."""

    GONE = "gone"
    DENIED = "denied"
    ERROR = "error"
    GARBAGE = "garbage"
    SENTINEL = "sentinel"
    ABSURD = "absurd"
    SPIKE = "spike"
    STUCK = "stuck"
    LATE = "late"
    HUNG = "hung"


class Trust(StrEnum):
    """How far a zone is believed."""

    GOOD = "good"
    HELD = "held"
    ABSENT = "absent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Believable:
    """Bounds of what a temperature can be.

    Attributes
    ----------
    lowest_degc, highest_degc
        Readings outside are absurd [degC].
    max_rate_k_per_s
        A reading that moves faster is a spike until the next one confirms it [K/s].
    step_k
        What a reading may move at once beside that: its resolution and noise [K].
    hold_periods
        Periods for which a bad zone keeps its last good value.
    """

    lowest_degc: float = -40.0
    highest_degc: float = 150.0
    max_rate_k_per_s: float = 100.0
    step_k: float = 5.0
    hold_periods: int = 2

    def __post_init__(self) -> None:
        if not self.lowest_degc < self.highest_degc:
            raise ValueError(
                f"lowest_degc is {self.lowest_degc}, expected below {self.highest_degc}"
            )
        if not (self.max_rate_k_per_s > 0.0 and self.step_k > 0.0 and self.hold_periods >= 0):
            raise ValueError("max_rate_k_per_s and step_k must be positive, hold_periods 0 or more")


def parse_mdegc(text: str) -> float | Problem:
    """Return the temperature a zone's text tells [degC], or why it tells none.

    Notes
    -----
    Limits: exactly 0 and -128 degC are what broken sensors say, and so never believed; nor is
    anything within 0.2 K of 0, which is a kernel that counts whole degrees.
    """
    try:
        mdegc = int(text)
    except ValueError:
        return Problem.GARBAGE
    if abs(mdegc) < _WHOLE_DEGREES or mdegc in (-128_000, -32_768_000, -274_000):
        return Problem.SENTINEL
    return mdegc / _MDEGC


@dataclass(frozen=True, slots=True)
class ZoneState:
    """What is believed of a zone now.

    Attributes
    ----------
    trust
        How far.
    temp_degc
        Its temperature, the last good one while held; None where there is none [degC].
    age_s
        Age of that temperature [s].
    problem
        What was wrong with the last attempt, if anything was.
    """

    trust: Trust
    temp_degc: float | None
    age_s: float
    problem: Problem | None


class ZoneFilter:
    """Judges the readings of one zone, one a period.

    Parameters
    ----------
    bounds
        What is believable.
    """

    def __init__(self, bounds: Believable) -> None:
        self._bounds = bounds
        self._good: tuple[float, float] | None = None  # (time, temperature)
        self._doubted: tuple[float, float] | None = None  # the same of a reading that jumped
        self._bad = 0

    def reset(self) -> None:
        """Forget what was read: after a gap nothing of it holds."""
        self._good = self._doubted = None
        self._bad = 0

    def update(self, time_s: float, attempt: float | Problem) -> ZoneState:
        """Return what to believe after an attempt to read at a time [s]."""
        problem = attempt if isinstance(attempt, Problem) else self._doubt(time_s, attempt)
        if problem is None:
            self._good, self._doubted, self._bad = (time_s, float(attempt)), None, 0
            return ZoneState(Trust.GOOD, self._good[1], 0.0, None)
        if problem is not Problem.SPIKE:
            self._doubted = None
        if problem in (Problem.GONE, Problem.DENIED):
            self.reset()
            return ZoneState(Trust.ABSENT, None, math.inf, problem)
        self._bad += 1
        surely = problem in (Problem.HUNG, Problem.STUCK)
        if surely or self._good is None or self._bad > self._bounds.hold_periods:
            # What comes back after a failure is judged by itself, not by what was before.
            self._good = None
            return ZoneState(Trust.FAILED, None, math.inf, problem)
        return ZoneState(Trust.HELD, self._good[1], time_s - self._good[0], problem)

    def _doubt(self, time_s: float, temp_degc: float) -> Problem | None:
        """Return why a number is not believed, or None."""
        if not self._bounds.lowest_degc <= temp_degc <= self._bounds.highest_degc:
            return Problem.ABSURD  # NaN too
        if self._good is None or self._near(self._good, time_s, temp_degc):
            return None
        doubted, self._doubted = self._doubted, (time_s, temp_degc)
        if doubted is not None and self._near(doubted, time_s, temp_degc):
            return None
        return Problem.SPIKE

    def _near(self, before: tuple[float, float], time_s: float, temp_degc: float) -> bool:
        elapsed_s = max(time_s - before[0], 0.0)
        allowed_k = self._bounds.step_k + self._bounds.max_rate_k_per_s * elapsed_s
        return abs(temp_degc - before[1]) <= allowed_k


class StuckWatch:
    """Suspects a zone whose reading never moves while the load does.

    Parameters
    ----------
    window_s
        How long it must not have moved [s].
    swing_w
        How far the power must have moved within that time, each way for a quarter of it [W].

    Notes
    -----
    Limits: a zone read in whole degrees, on a board whose heat sink takes the swing up within a
    degree, is suspected without cause; then the swing is to be set higher.
    """

    _SLICES = 60

    def __init__(self, *, window_s: float = 60.0, swing_w: float = 1.5) -> None:
        self._window_s = window_s
        self._swing_w = swing_w
        self._since: tuple[float, float] | None = None  # (time, reading) since it last moved
        self._slices: deque[tuple[float, float]] = deque()  # (time, mean power)
        self._open: tuple[float, float, int] = (-math.inf, 0.0, 0)  # (start, sum, count)
        self._swung = False  # in the slices that are complete

    def update(self, time_s: float, temp_degc: float, power_w: float) -> bool:
        """Return whether the zone is suspect."""
        if self._since is None or self._since[1] != temp_degc:
            self._since = (time_s, temp_degc)
            self._slices.clear()
            self._open = (time_s, 0.0, 0)
            self._swung = False
        self._add(time_s, power_w)
        return self._swung and time_s - self._since[0] >= self._window_s

    def reset(self) -> None:
        """Forget what was seen."""
        self._since = None

    def _add(self, time_s: float, power_w: float) -> None:
        start_s, total, count = self._open
        if count and time_s - start_s >= self._window_s / self._SLICES:
            self._slices.append((start_s, total / count))
            while self._slices and self._slices[0][0] < time_s - self._window_s:
                self._slices.popleft()
            self._swung = self._has_swung()
            start_s, total, count = time_s, 0.0, 0
        self._open = (start_s, total + power_w, count + 1)

    def _has_swung(self) -> bool:
        powers = sorted(power for _, power in self._slices)
        quarter = len(powers) // 4
        return bool(quarter) and powers[-quarter] - powers[quarter - 1] >= self._swing_w


def fuse(states: Mapping[str, ZoneState]) -> tuple[dict[str, float], dict[str, float]]:
    """Return temperatures [degC] and ages [s] for a governor that expects every zone.

    A zone that is absent is given the hottest of the others, which is never too cool for the
    hottest junction; a zone that failed is left out, so that the guard knows.
    """
    temps = {name: s.temp_degc for name, s in states.items() if s.temp_degc is not None}
    ages = {name: states[name].age_s for name in temps}
    if temps:
        hottest = max(temps, key=temps.__getitem__)
        for name, state in states.items():
            if state.trust is Trust.ABSENT:
                temps[name], ages[name] = temps[hottest], ages[hottest]
    return temps, ages


def hotter(states: list[ZoneState]) -> ZoneState:
    """Return the state of several sensors of one place: the hottest that is believed."""
    known = [state for state in states if state.temp_degc is not None]
    if known:
        return max(known, key=lambda state: state.temp_degc or -math.inf)
    failed = [state for state in states if state.trust is Trust.FAILED]
    return (failed or states)[0]
