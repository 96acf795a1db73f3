"""Drives a board through its OPPs, idle and at work, and records what heat makes of it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from selectors import DefaultSelector

from adaptive.board.attribute import read_or_none
from adaptive.board.borrowed import BorrowedSettings
from adaptive.board.clock import Clock
from adaptive.board.frequency import FrequencyControl
from adaptive.board.roots import Roots
from adaptive.board.sensors import BoardSensors
from adaptive.errors import PlatformError

_MHZ = 1e6
_EVERY_S = 1.0
_READ_S = 0.5
_COOL_SHARE = 0.75  # a stage that was cut short is followed by idling for this much of a stage


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of time at one frequency, idle or at work.

    Attributes
    ----------
    frequency_hz
        Clock to hold [Hz].
    busy
        Whether the network is run.
    length_s
        For how long [s].
    """

    frequency_hz: float
    busy: bool
    length_s: float

    @property
    def name(self) -> str:
        """What the trace calls it."""
        return f"{'busy' if self.busy else 'idle'}-{self.frequency_hz / _MHZ:.0f}MHz"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the trace, columns as sbc-bench's monitor has them.

    Attributes
    ----------
    t_s
        Time since the start [s].
    clock_hz
        Clock held [Hz].
    used
        Share of the processors' time worked since the row before [0..1].
    temp_degc
        The hottest zone, NaN where none is believed [degC].
    power_w
        What the meter read, None without one [W].
    phase
        Name of the stage.
    """

    t_s: float
    clock_hz: float
    used: float
    temp_degc: float
    power_w: float | None
    phase: str


def plan_stages(frequencies_hz: Iterable[float], *, most: int, length_s: float) -> list[Stage]:
    """Return idle, up through OPPs spread over the range, each followed by less idling."""
    table = sorted(frequencies_hz)
    count = min(most, len(table))
    chosen = [table[round(i * (len(table) - 1) / max(count - 1, 1))] for i in range(count)]
    stages = [Stage(table[0], busy=False, length_s=length_s)]
    for frequency in chosen:
        stages.append(Stage(frequency, busy=True, length_s=length_s))
        stages.append(Stage(table[0], busy=False, length_s=0.5 * length_s))
    return stages


class Calibration:
    """Runs stages on a board, and gives its settings back whatever happens.

    Parameters
    ----------
    control
        The policy to drive.
    sensors
        What is read.
    borrowed
        Keeps and gives back the settings.
    load
        Makes a context in which the network works without pause.
    roots
        Where the processors' use is read.
    clock
        Time.
    hot_degc
        A reading at or above this ends a stage at once [degC].
    """

    def __init__(
        self,
        control: FrequencyControl,
        sensors: BoardSensors,
        borrowed: BorrowedSettings,
        *,
        load: Callable[[], AbstractContextManager[object]],
        roots: Roots,
        clock: Clock,
        hot_degc: float,
    ) -> None:
        self._control, self._sensors, self._borrowed = control, sensors, borrowed
        self._load, self._roots, self._clock = load, roots, clock
        self._hot_degc = hot_degc
        self._used = _Use(roots)
        self.cut_short: list[str] = []

    def run(self, stages: Iterable[Stage]) -> Iterator[Row]:
        """Yield a row a second; PlatformError if settings cannot be kept, or no zone is believed.

        Closing the iterator early gives the settings back as well.
        """
        if not self._borrowed.take():
            raise PlatformError("the original settings cannot be kept, so nothing is changed")
        start_s = self._clock.now_s()
        with DefaultSelector() as nothing:
            try:
                for stage in stages:
                    yield from self._stage(stage, start_s, nothing)
                    if self.cut_short and self.cut_short[-1] == stage.name:
                        length_s = _COOL_SHARE * stage.length_s
                        rest = Stage(0.0, busy=False, length_s=length_s)
                        yield from self._stage(rest, start_s, nothing)
            finally:
                self._borrowed.settle()
                self._sensors.close()

    def _stage(self, stage: Stage, start_s: float, nothing: DefaultSelector) -> Iterator[Row]:
        self._control.hold(stage.frequency_hz, self._clock.now_s())
        held_hz = self._control.intent_hz
        if held_hz is None:
            raise PlatformError(
                f"{self._control.policy.name}: the clock cannot be held; another daemon, or no "
                "permission to write (try as root)"
            )
        end_s = self._clock.now_s() + stage.length_s
        with self._load() if stage.busy else _Nothing():
            while self._clock.now_s() < end_s:
                self._clock.wait(nothing, _EVERY_S)
                row = self._row(stage, held_hz, start_s)
                yield row
                if math.isnan(row.temp_degc):
                    raise PlatformError("no zone is believed: calibration ends, settings go back")
                if stage.busy and row.temp_degc >= self._hot_degc:
                    self.cut_short.append(stage.name)
                    return

    def _row(self, stage: Stage, held_hz: float, start_s: float) -> Row:
        sensed = self._sensors.sense(_READ_S, power_w=0.0)
        hottest = max(sensed.temps_degc.values(), default=math.nan)
        now_s = self._clock.now_s()
        used = self._used.since_last()
        return Row(now_s - start_s, held_hz, used, hottest, sensed.power_w, stage.name)


def trace_text(rows: Iterable[Row]) -> str:
    """Return rows as the CSV that `adaptive identify` reads."""
    lines = ["t_s,freq_mhz_fake_real_or_clusters,loadavg,cpu_pct,temp_c,vcore_v,pmic_w,dc_v,"
             "wall_mw,phase"]  # fmt: skip
    for row in rows:
        temp = "" if math.isnan(row.temp_degc) else f"{row.temp_degc:.3f}"
        power = "" if row.power_w is None else f"{row.power_w:.4f}"
        clock = f"{row.clock_hz / _MHZ:.0f}"
        lines.append(f"{row.t_s:.2f},{clock},,{100.0 * row.used:.1f},{temp},,{power},,,{row.phase}")
    return "\n".join(lines) + "\n"


class _Nothing:
    """A context in which nothing works."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


class _Use:
    """Share of the processors' time that was worked, from /proc/stat."""

    def __init__(self, roots: Roots) -> None:
        self._path: Path = roots.proc / "stat"
        self._before = self._read()

    def since_last(self) -> float:
        before, self._before = self._before, self._read()
        total = self._before["total"] - before["total"]
        idle = self._before["idle"] - before["idle"]
        return 0.0 if total <= 0 else min(max(1.0 - idle / total, 0.0), 1.0)

    def _read(self) -> Mapping[str, int]:
        words = (read_or_none(self._path) or "cpu 0").split("\n", 1)[0].split()[1:]
        ticks = [int(word) for word in words if word.isdigit()]
        return {"total": sum(ticks), "idle": sum(ticks[3:5])}
