"""A platform made of models: frames make power, power makes heat, heat makes leakage."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.point_power import PointPower
from adaptive.sensing import EXACT, SensorErrors, Sensors
from adaptive.service import Answered, Served, Service
from adaptive.surroundings import Surroundings
from thermal.network import Vector, frozen_array

_HELD_S = 0.1  # leakage is looked at anew this often


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened in one period: known to the simulation, never to a governor.

    Attributes
    ----------
    time_s
        End of the period [s].
    hottest_degc
        Hottest junction during the period [degC].
    power_w
        Mean power of the board [W].
    over_cap_s
        Time some junction spent above the cap [s].
    arrived, dropped
        Frames that arrived, and frames whose deadline passed unanswered.
    served
        What was answered.
    backlog
        Frames left waiting at the end.
    """

    time_s: float
    hottest_degc: float
    power_w: float
    over_cap_s: float
    arrived: int
    dropped: int
    served: tuple[Served, ...]
    backlog: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """What happened while one point was in effect."""

    answered: Answered
    hottest_degc: float
    energy_j: float
    over: int  # steps that ended above the cap


class SimulatedPlatform:
    """Serves frames and integrates the board's model whenever the loop waits.

    A board whose junction reaches its critical temperature shuts itself down, as the kernel would
    do: from then on it draws nothing and answers nothing.

    Parameters
    ----------
    plant
        The board.
    ambient_degc
        Ambient temperature, fixed or as a function of time [degC].
    cap_degc
        Junction temperature above which time is counted [degC].
    demand_hz
        Frames a second as a function of time [Hz].
    deadline_s
        How long a frame may wait [s].
    step_s
        Time between looks at the junctions [s].
    start_degc
        Node temperatures at the start, shape (n,); the ambient by default [degC].
    heat_w
        Heat from outside into nodes, by name, as a function of time [W].
    cooling
        Conductance to the ambient over the board's own, as a function of time [1].
    sensing
        What the zones get wrong.
    actuator_delay_s
        How long after `apply` a point takes effect; the first one does at once [s].
    switch_s
        How long nothing is answered after a point has taken effect [s].

    Notes
    -----
    Limits: those of `adaptive.service.Service` and `Sensors`; applying a point takes no energy;
    leakage follows a straight line over 0.1 s, or over a step if that is longer.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        ambient_degc: float | Callable[[float], float],
        cap_degc: float,
        demand_hz: Callable[[float], float],
        deadline_s: float = 0.5,
        step_s: float = 0.02,
        start_degc: Vector | None = None,
        heat_w: Callable[[float], Mapping[str, float]] | None = None,
        cooling: Callable[[float], float] | None = None,
        sensing: SensorErrors = EXACT,
        actuator_delay_s: float = 0.0,
        switch_s: float = 0.0,
    ) -> None:
        for name, value in (("actuator_delay_s", actuator_delay_s), ("switch_s", switch_s)):
            if not value >= 0.0:
                raise ValueError(f"{name} is {value}, expected 0 or more")
        self._plant = plant
        self._around = Surroundings(
            plant.network, ambient_degc, step_s=step_s, heat_w=heat_w, cooling=cooling
        )
        self._cap_degc = cap_degc
        self._demand_hz = demand_hz
        self._step_s = step_s
        n = len(plant.network.nodes)
        start: Vector = np.full(n, self._around.ambient_degc(0.0))
        if start_degc is not None:
            start = frozen_array(start_degc, field="start_degc", shape=(n,))
        self._temps = start
        self._sensors = Sensors(plant, sensing, start, step_s=step_s)
        self._delay_s = actuator_delay_s
        self._switch_s = switch_s
        self._lost_s = 0.0  # still to be lost to the last switch
        self._commands: deque[tuple[float, OperatingPoint]] = deque()  # (when in effect, point)
        self._service = Service(deadline_s)
        self._time_s = 0.0
        self._point: OperatingPoint | None = None
        self._rows = [plant.network.index(block) for block in plant.power.blocks]
        self._steps_at_once = max(round(_HELD_S / step_s), 1)
        self._powers: dict[int, tuple[OperatingPoint, PointPower]] = {}  # by the point's id
        self._seen = (0.0, 0.0, 0.0)  # demand, served, latency of the last period
        self.shut_down = False
        self.truth: list[Truth] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def observe(self) -> Observation:
        """Return zone readings and what the last period saw of the stream."""
        temps = self._sensors.read()
        demand_hz, served_hz, latency_s = self._seen
        return Observation(
            time_s=self._time_s,
            temps_degc=temps,
            ages_s=dict.fromkeys(temps, 0.0),
            power_w=None,
            demand_hz=demand_hz,
            served_hz=served_hz,
            latency_s=latency_s,
            backlog=self._service.waiting,
            caps={},
            fan_state=None,
        )

    def apply(self, point: OperatingPoint) -> None:
        """Run at this point from now on, or from when the actuator's delay is over."""
        if point is (self._commands[-1][1] if self._commands else self._point):
            return
        if self._point is None or self._delay_s == 0.0:
            self._enter(point)
        else:
            self._commands.append((self._time_s + self._delay_s, point))

    def _enter(self, point: OperatingPoint) -> None:
        self._lost_s = 0.0 if self._point is None else self._switch_s
        self._point = point
        if id(point) not in self._powers:  # the point is kept, so its id stays its own
            self._powers[id(point)] = (point, PointPower.of([point], self._plant))

    def wait_until(self, time_s: float) -> None:
        """Serve frames and integrate heat up to a time [s]."""
        if self._point is None:
            raise RuntimeError("wait_until before apply: a board runs at some operating point")
        span_s = time_s - self._time_s
        left = round(span_s / self._step_s)
        if left < 1:
            return
        pieces = []
        while left:
            while self._commands and self._commands[0][0] <= self._time_s + 0.5 * self._step_s:
                self._enter(self._commands.popleft()[1])
            steps = left
            if self._commands:
                until_s = self._commands[0][0] - self._time_s
                steps = min(left, max(round(until_s / self._step_s), 1))
            piece_s = time_s - self._time_s if steps == left else steps * self._step_s
            pieces.append(self._advance(self._point, piece_s, steps))
            left -= steps
        self._time_s = time_s
        self._account(pieces, span_s)

    def _account(self, pieces: list[_Piece], span_s: float) -> None:
        """Sum what happened in a period into what is observed and what is true."""
        arrived = sum(piece.answered.arrived for piece in pieces)
        served = tuple(batch for piece in pieces for batch in piece.answered.served)
        count = sum(batch.count for batch in served)
        delay_s = sum(batch.delay_s * batch.count for batch in served)
        self._seen = (arrived / span_s, count / span_s, delay_s / count if count else 0.0)
        self.truth.append(
            Truth(
                time_s=self._time_s,
                hottest_degc=max(piece.hottest_degc for piece in pieces),
                power_w=sum(piece.energy_j for piece in pieces) / span_s,
                over_cap_s=sum(piece.over for piece in pieces) * self._step_s,
                arrived=arrived,
                dropped=sum(piece.answered.dropped for piece in pieces),
                served=served,
                backlog=self._service.waiting,
            )
        )

    def _advance(self, point: OperatingPoint, span_s: float, steps: int) -> _Piece:
        """Answer what one point can in a span, and integrate."""
        lost_s = min(self._lost_s, span_s)
        self._lost_s -= lost_s
        answered = self._service.serve(
            point,
            demand_hz=self._demand_hz(self._time_s + span_s / 2),
            start_s=self._time_s,
            span_s=span_s,
            on=not self.shut_down,
            lost_s=lost_s,
        )
        hottest, energy_j, over = self._heat(point, answered.busy, steps)
        self._time_s += span_s
        return _Piece(answered, hottest, energy_j, over)

    def _heat(self, point: OperatingPoint, busy: float, steps: int) -> tuple[float, float, int]:
        """Integrate; return hottest junction, energy [J] and steps ending above the cap."""
        hottest, energy_j, over = -np.inf, 0.0, 0
        power = self._powers[id(point)][1]
        fixed = power.idle_w[0] + busy * power.work_w[0]
        leakage = power.leakage_w[0]

        def power_w(temps: Vector) -> Vector:
            return np.asarray(fixed + leakage * power.growth(temps))

        done = 0
        while done < steps:
            if self.shut_down:
                fixed = leakage = np.zeros(len(self._temps))
            count = min(self._steps_at_once, steps - done)
            from_s = self._time_s + done * self._step_s
            temps, drawn = self._around.follow(self._temps, power_w, from_s=from_s, steps=count)
            self._temps = temps[-1]
            self._sensors.feel(temps)
            peaks = temps[:, self._rows].max(axis=1)
            hottest = max(hottest, float(peaks.max()))
            over += int(np.count_nonzero(peaks > self._cap_degc))
            energy_j += float(drawn.sum()) * count * self._step_s
            self.shut_down = self.shut_down or hottest >= self._plant.critical_degc
            done += count
        return hottest, energy_j, over
