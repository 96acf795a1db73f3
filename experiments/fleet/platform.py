"""Many simulated boards driven in step: what `adaptive.simulation` is to one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.operating_point import OperatingPointTable
from adaptive.plant import Plant
from adaptive.point_power import PointPower
from experiments.fleet.heat import FleetHeat
from experiments.fleet.sensors import STEP_S, FleetSensors, FleetStreams
from experiments.fleet.service import Counts, FleetAnswered, FleetService
from experiments.mismatch import DrawnBoard
from experiments.workloads import Workload
from thermal.network import Matrix, Vector

Indices = NDArray[np.intp]

_HELD_S = 0.1  # leakage is looked at anew this often


@dataclass(frozen=True, slots=True, eq=False)
class FleetObservation:
    """What N boards measured at one instant; an `adaptive.platform.Observation` of each.

    Attributes
    ----------
    time_s
        Time of the observation [s].
    zones
        Names of the thermal zones.
    temps_degc
        Their readings, shape (N, zones) [degC].
    demand_hz, served_hz, latency_s, backlog
        What the last period saw of each stream, shape (N,) [Hz], [Hz], [s] and [1].
    """

    time_s: float
    zones: tuple[str, ...]
    temps_degc: Matrix
    demand_hz: Vector
    served_hz: Vector
    latency_s: Vector
    backlog: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """What happened to some boards while one point was in effect.

    Attributes
    ----------
    rows
        Which boards.
    points
        Number of each one's operating point, shape (rows,).
    answered
        What became of their frames.
    hottest_degc
        Hottest junction, shape (rows,) [degC].
    energy_j
        Energy drawn, shape (rows,) [J].
    over_cap_s, over_cap_1k_s
        Time some junction was above the cap, and above it by more than 1 K, shape (rows,) [s].
    """

    rows: Indices | slice
    points: Indices
    answered: FleetAnswered
    hottest_degc: Vector
    energy_j: Vector
    over_cap_s: Vector
    over_cap_1k_s: Vector


class FleetPlatform:
    """N boards of one kind, each with its own parameters, stream and sensor errors.

    Parameters
    ----------
    kind
        The board as its file has it.
    boards
        The boards as they are.
    points
        What they can run.
    workloads
        What comes to each; they differ in nothing but the seed of their streams.
    cap_degc
        Junction temperature above which time is counted [degC].
    start_degc
        Node temperatures at the start, shape (N, n) [degC].
    """

    def __init__(
        self,
        kind: Plant,
        boards: Sequence[DrawnBoard],
        *,
        points: OperatingPointTable,
        workloads: Sequence[Workload],
        cap_degc: float,
        start_degc: Matrix,
    ) -> None:
        shared, count = workloads[0], len(boards)
        self._period_steps = max(round(shared.period_s / STEP_S), 1)
        self._at_once = max(round(_HELD_S / STEP_S), 1)
        self.heat = FleetHeat(
            kind,
            boards,
            power=PointPower.of(points.points, kind),
            workload=shared,
            start_degc=start_degc,
            step_s=STEP_S,
            steps=min(self._at_once, self._period_steps),
        )
        self._service = FleetService(count, deadline_s=shared.deadline_s, period_s=shared.period_s)
        self._latency_s = np.array([point.latency_s for point in points])
        self._duty = np.array([point.duty for point in points])
        self._zones = tuple(zone.name for zone in kind.zones)
        self._sensors = FleetSensors(boards, self.heat.temps_degc, kind)
        self._streams = FleetStreams(workloads)
        self._cap_degc = cap_degc
        self._delay_s = np.array([board.actuator_delay_s for board in boards])
        slots = int(np.ceil(self._delay_s.max() / shared.period_s)) + 2
        self._when = np.full((count, slots), np.inf)  # commands in order: when in effect,
        self._what = np.zeros((count, slots), dtype=np.intp)  # and which point
        self._asked = np.full(count, -1, dtype=np.intp)  # commanded last
        self._point = np.full(count, -1, dtype=np.intp)
        self._time_s = 0.0
        zeros = np.zeros(count)
        self._seen = (zeros, zeros, zeros)

    @property
    def waiting(self) -> Counts:
        """Frames not yet answered, shape (N,)."""
        return self._service.waiting

    def observe(self) -> FleetObservation:
        """Return zone readings and what the last period saw of the streams."""
        demand_hz, served_hz, latency_s = self._seen
        return FleetObservation(
            time_s=self._time_s,
            zones=self._zones,
            temps_degc=self._sensors.read(),
            demand_hz=demand_hz,
            served_hz=served_hz,
            latency_s=latency_s,
            backlog=self._service.waiting,
        )

    def apply(self, points: Indices) -> None:
        """Run at these points, by their numbers in the table, shape (N,)."""
        changed = points != self._asked
        at_once = changed & ((self._point < 0) | (self._delay_s == 0.0))
        self._point[at_once] = points[at_once]
        later = np.flatnonzero(changed & ~at_once)
        free = np.isfinite(self._when[later]).sum(axis=1)
        self._when[later, free] = self._time_s + self._delay_s[later]
        self._what[later, free] = points[later]
        self._asked = np.where(changed, points, self._asked)

    def wait_until(self, time_s: float) -> list[Span]:
        """Serve frames and integrate heat up to a time; return what happened, span by span."""
        span_s = time_s - self._time_s
        left = np.full(len(self._point), round(span_s / STEP_S))
        now_s = np.full(len(self._point), self._time_s)
        spans: list[Span] = []
        rows: Indices | slice = slice(None)
        while True:
            self._enter(rows, now_s)
            until_s = self._when[rows, 0] - now_s[rows]
            steps = np.minimum(left[rows], np.maximum(np.rint(until_s / STEP_S), 1.0))
            steps = steps.astype(np.intp)
            whole = steps == left[rows]
            piece_s = np.where(whole, time_s - now_s[rows], steps * STEP_S)
            spans.append(self._advance(rows, now_s[rows], piece_s, steps))
            now_s[rows] += piece_s
            left[rows] -= steps
            if not left.any():
                break
            rows = np.flatnonzero(left)
        self._time_s = time_s
        self._account(spans, span_s)
        return spans

    def _enter(self, rows: Indices | slice, now_s: Vector) -> None:
        """Put the commands into effect whose time has come."""
        while True:
            due = self._when[rows, 0] <= now_s[rows] + 0.5 * STEP_S
            if not due.any():
                return
            which = np.arange(len(self._point))[rows][due]
            self._point[which] = self._what[which, 0]
            self._when[which] = np.roll(self._when[which], -1, axis=1)
            self._when[which, -1] = np.inf
            self._what[which] = np.roll(self._what[which], -1, axis=1)

    def _advance(
        self, rows: Indices | slice, start_s: Vector, span_s: Vector, steps: Indices
    ) -> Span:
        points = self._point[rows].copy()  # it changes within the period
        answered = self._service.serve(
            rows,
            latency_s=self._latency_s[points],
            duty=self._duty[points],
            demand_hz=self._streams.demand_hz(rows, start_s + span_s / 2),
            start_s=start_s,
            span_s=span_s,
            on=self.heat.on[rows],
        )
        hottest = np.full(len(points), -np.inf)
        energy, over, over_1k = (np.zeros(len(points)) for _ in range(3))
        every = np.arange(len(self._point))[rows]
        for done in range(0, int(steps.max()), self._at_once):
            count = np.minimum(steps - done, self._at_once)
            going = slice(None) if (count > 0).all() else np.flatnonzero(count > 0)
            which = rows if isinstance(going, slice) else every[going]
            looks = self.heat.advance(
                which,
                points[going],
                answered.busy[going],
                from_s=start_s[going] + done * STEP_S,
                steps=count[going],
            )
            self._sensors.feel(which, looks.watched_degc[:, :, self.heat.zones], count[going])
            hottest[going] = np.maximum(hottest[going], looks.peaks_degc.max(axis=1))
            energy[going] += looks.energy_j
            over[going] += (looks.peaks_degc > self._cap_degc).sum(axis=1)
            over_1k[going] += (looks.peaks_degc > self._cap_degc + 1.0).sum(axis=1)
        return Span(rows, points, answered, hottest, energy, over * STEP_S, over_1k * STEP_S)

    def _account(self, spans: list[Span], span_s: float) -> None:
        """Sum what happened in a period into what is observed."""
        arrived, served, delay_s = (np.zeros(len(self._point)) for _ in range(3))
        for span in spans:
            arrived[span.rows] += span.answered.arrived
            served[span.rows] += span.answered.served
            delay_s[span.rows] += delay_sum_s(span.answered)
        mean_s = np.divide(delay_s, served, out=np.zeros_like(served), where=served > 0)
        self._seen = (arrived / span_s, served / span_s, mean_s)


def delay_sum_s(answered: FleetAnswered) -> Vector:
    """Return the delays of a span summed over the frames answered, shape (rows,) [s]."""
    return np.asarray((answered.delays_s * answered.counts).sum(axis=1))
