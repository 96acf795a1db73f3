"""A platform made of models: frames make power, power makes heat, heat makes leakage."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from thermal.discretise import discretise
from thermal.network import Vector


@dataclass(frozen=True, slots=True)
class Served:
    """Frames of consecutive numbers that one point answered in one period.

    Attributes
    ----------
    point
        The operating point that answered them.
    first
        Number of the first frame.
    count
        How many.
    """

    point: OperatingPoint
    first: int
    count: int


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
    """

    time_s: float
    hottest_degc: float
    power_w: float
    over_cap_s: float
    arrived: int
    dropped: int
    served: tuple[Served, ...]


class FrameQueue:
    """Frames in order of arrival, each with the same time to live.

    Parameters
    ----------
    deadline_s
        A frame not taken within this time of its arrival is dropped [s].
    """

    def __init__(self, deadline_s: float) -> None:
        if not deadline_s > 0.0:
            raise ValueError(f"deadline_s is {deadline_s}, expected a positive number")
        self._deadline_s = deadline_s
        self._batches: deque[tuple[float, int, int]] = deque()  # (arrival, first number, count)
        self._next = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def arrive(self, time_s: float, count: int) -> None:
        """Add frames that arrived at a time."""
        if count:
            self._batches.append((time_s, self._next, count))
            self._next += count
            self._waiting += count

    def expire(self, time_s: float) -> int:
        """Drop the frames whose deadline has passed; return how many."""
        dropped = 0
        while self._batches and self._batches[0][0] + self._deadline_s < time_s:
            dropped += self._batches.popleft()[2]
        self._waiting -= dropped
        return dropped

    def take(self, limit: int) -> list[tuple[float, int, int]]:
        """Remove up to `limit` frames, oldest first, as (arrival, first number, count)."""
        taken = []
        while limit > 0 and self._batches:
            arrival_s, first, count = self._batches.popleft()
            used = min(count, limit)
            taken.append((arrival_s, first, used))
            if used < count:
                self._batches.appendleft((arrival_s, first + used, count - used))
            limit -= used
            self._waiting -= used
        return taken


class SimulatedPlatform:
    """Serves frames and integrates the board's model whenever the loop waits.

    A board whose junction reaches its critical temperature shuts itself down, as the kernel would
    do: from then on it draws nothing and answers nothing.

    Parameters
    ----------
    plant
        The board.
    ambient_degc
        Ambient temperature [degC].
    cap_degc
        Junction temperature above which time is counted [degC].
    demand_hz
        Frames a second as a function of time [Hz].
    deadline_s
        How long a frame may wait [s].
    step_s
        Integration step; power is held over a step, so leakage lags by at most one [s].

    Notes
    -----
    Limits: service is fluid within a period (whole frames, no per-frame schedule); applying a
    point takes no time and no energy; the ambient is constant; zones have no lag.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        ambient_degc: float,
        cap_degc: float,
        demand_hz: Callable[[float], float],
        deadline_s: float = 0.5,
        step_s: float = 0.02,
    ) -> None:
        self._plant = plant
        self._ambient_degc = ambient_degc
        self._cap_degc = cap_degc
        self._demand_hz = demand_hz
        self._step_s = step_s
        self._model = discretise(plant.network, step_s)
        self._temps: Vector = np.full(len(plant.network.nodes), ambient_degc)
        self._queue = FrameQueue(deadline_s)
        self._time_s = 0.0
        self._due = 0.0  # frames demanded so far, fraction included
        self._credit = 0.0  # frames that could have been served, fraction carried
        self._point: OperatingPoint | None = None
        self._voltage_v, self._frequency_hz = plant.block_arrays([{}])
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
        """Return quantised zone readings and what the last period saw of the stream."""
        temps = {
            zone.name: zone.reading_degc(float(self._temps[self._plant.network.index(zone.node)]))
            for zone in self._plant.zones
        }
        demand_hz, served_hz, latency_s = self._seen
        return Observation(
            time_s=self._time_s,
            temps_degc=temps,
            ages_s=dict.fromkeys(temps, 0.0),
            power_w=None,
            demand_hz=demand_hz,
            served_hz=served_hz,
            latency_s=latency_s,
            backlog=len(self._queue),
            caps={},
            fan_state=None,
        )

    def apply(self, point: OperatingPoint) -> None:
        """Run at this point from now on."""
        if point is not self._point:
            self._point = point
            self._voltage_v, self._frequency_hz = self._plant.block_arrays([point.islands])

    def wait_until(self, time_s: float) -> None:
        """Serve frames and integrate heat up to a time [s]."""
        if self._point is None:
            raise RuntimeError("wait_until before apply: a board runs at some operating point")
        span_s = time_s - self._time_s
        steps = round(span_s / self._step_s)
        if steps < 1:
            return
        arrived, dropped, served, busy = self._serve(self._point, span_s)
        hottest, energy_j, over = self._heat(self._point, busy, steps)
        self._time_s = time_s
        self.truth.append(
            Truth(
                time_s=time_s,
                hottest_degc=hottest,
                power_w=energy_j / span_s,
                over_cap_s=over * self._step_s,
                arrived=arrived,
                dropped=dropped,
                served=served,
            )
        )

    def _serve(
        self, point: OperatingPoint, span_s: float
    ) -> tuple[int, int, tuple[Served, ...], float]:
        """Answer what one point can in a span; return arrived, dropped, served, busy share."""
        middle_s = self._time_s + span_s / 2
        before = int(self._due)
        self._due += self._demand_hz(middle_s) * span_s
        arrived = int(self._due) - before
        self._queue.arrive(middle_s, arrived)
        self._credit += 0.0 if self.shut_down else point.frames_hz * span_s
        taken = self._queue.take(int(self._credit))
        count = sum(batch[2] for batch in taken)
        self._credit = min(self._credit - count, 1.0)  # idle capacity cannot be saved up
        end_s = self._time_s + span_s
        dropped = self._queue.expire(end_s)
        waited = sum((end_s - arrival_s) * n for arrival_s, _, n in taken)
        latency_s = waited / count + point.latency_s if count else 0.0
        self._seen = (arrived / span_s, count / span_s, latency_s)
        served = tuple(Served(point, first, n) for _, first, n in taken)
        return arrived, dropped, served, min(count * point.latency_s / span_s, point.duty)

    def _heat(self, point: OperatingPoint, busy: float, steps: int) -> tuple[float, float, int]:
        """Integrate; return hottest junction, energy [J] and steps ending above the cap."""
        hottest, energy_j, over = -np.inf, 0.0, 0
        utilisation = self._plant.utilisation_array([{point.cores: busy}])
        for _ in range(steps):
            power = self._node_power(utilisation)
            self._temps = self._model.step(self._temps, power, self._ambient_degc)
            energy_j += float(power.sum()) * self._step_s
            peak = float(self._plant.junctions(self._temps).max())
            hottest = max(hottest, peak)
            over += peak > self._cap_degc
            self.shut_down = self.shut_down or peak >= self._plant.critical_degc
        return hottest, energy_j, over

    def _node_power(self, utilisation: Vector) -> Vector:
        if self.shut_down:
            return np.zeros(len(self._temps))
        power: Vector = self._plant.node_power(
            self._voltage_v, self._frequency_hz, utilisation=utilisation, temps_degc=self._temps
        )[0]
        return power
