"""Look ahead with the exact thermal model; run the best point that stays below the cap.

Each period the policy estimates every node's temperature and predicts where each candidate point
would take the junctions. A point is admissible if it stays below the cap over a short horizon: so
headroom is there to be sprinted through. Among those it picks the one that answers most frames
rightly, but counts accuracy only for points that could be kept over a long horizon: so headroom is
spent on frames that would be lost, not on precision that cannot last.

Two facts make the prediction safe rather than merely good:

- leakage is taken at the cap, where it is largest among the temperatures allowed, so predicted
  power is never below the true power while the cap holds;
- an RC network is a positive system: more power never makes any node cooler, so the true
  temperatures stay below the predicted ones.
"""

from collections.abc import Sequence

import numpy as np

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from thermal.discretise import discretise
from thermal.network import Matrix, Vector
from thermal.observer import Observer


class LookAhead:
    """Best point whose predicted peak over a horizon stays below the cap.

    Parameters
    ----------
    points
        Candidates; those that another one beats in power, speed and accuracy are left out.
    plant
        The board's model.
    ambient_degc
        Ambient the model heats up from [degC].
    cap_degc
        Highest junction temperature allowed [degC].
    period_s
        Control period [s].
    horizon_s
        How long a point must stay below the cap to be admissible [s].
    sustain_s
        How long it must do so for its accuracy to count above the least accurate point's [s].
    margin_k
        Distance kept from the cap for what the model and the zones do not know [K].

    Notes
    -----
    Limits: the ambient is given, not estimated; demand is expected to stay as it is; peaks are
    checked at instants spaced by factors of two from one period on.
    """

    def __init__(
        self,
        points: Sequence[OperatingPoint],
        plant: Plant,
        *,
        ambient_degc: float,
        cap_degc: float,
        period_s: float,
        horizon_s: float = 3.0,
        sustain_s: float = 120.0,
        margin_k: float = 0.5,
    ) -> None:
        if not horizon_s >= period_s > 0.0:
            raise ValueError(f"horizon_s is {horizon_s}, expected at least period_s = {period_s}")
        if not sustain_s >= horizon_s:
            raise ValueError(f"sustain_s is {sustain_s}, expected at least horizon_s = {horizon_s}")
        if not margin_k >= 0.0:
            raise ValueError(f"margin_k is {margin_k}, expected 0 or more")
        self._points = undominated(points)
        self._plant = plant
        self._ambient_degc = ambient_degc
        self._limit_degc = cap_degc - margin_k
        self._estimate = _StateEstimate(plant, ambient_degc=ambient_degc, period_s=period_s)
        near, far = _instants_s(period_s, horizon_s), _instants_s(2.0 * horizon_s, sustain_s)
        self._near = len(near)
        self._free, forced = _horizon_maps(plant, [*near, *far])

        self._latency_s = np.array([p.latency_s for p in self._points])
        self._duty = np.array([p.duty for p in self._points])
        self._accuracy = np.array([p.accuracy for p in self._points])
        at_cap = np.full(len(plant.network.nodes), cap_degc)
        idle, busy = (
            np.stack([plant.node_power_w(p.islands, {p.cores: u}, at_cap) for p in self._points])
            for u in (0.0, 1.0)
        )
        # Everything a unit of utilisation adds is linear: idle + utilisation x work.
        self._idle_w, self._work_w = idle.sum(axis=1), (busy - idle).sum(axis=1)  # (N,)
        self._idle_rise: Matrix = idle @ forced  # (N, instants x junctions)
        self._work_rise: Matrix = (busy - idle) @ forced
        self._point: OperatingPoint | None = None

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the admissible point that answers most frames rightly, the cooler one on a tie."""
        temps = self._estimate.update(observation, self._point)
        wanted_hz = observation.demand_hz + observation.backlog / _CLEAR_S
        utilisation = np.minimum(self._duty, wanted_hz * self._latency_s)  # (N,)
        near_peak, peak = self._peaks_degc(temps, utilisation)
        admissible = near_peak <= self._limit_degc
        if not admissible.any():
            self._point = self._points[int(near_peak.argmin())]
            return self._point
        lasting = peak <= self._limit_degc
        accuracy = np.where(lasting, self._accuracy, self._accuracy.min())
        right_hz = np.where(admissible, utilisation / self._latency_s * accuracy, -1.0)
        # Gains below one answer in a hundred thousand do not justify a hotter point.
        best = right_hz >= right_hz.max() * (1.0 - 1e-5)
        power = self._idle_w + utilisation * self._work_w
        self._point = self._points[int(np.where(best, power, np.inf).argmin())]
        return self._point

    def _peaks_degc(self, temps: Vector, utilisation: Vector) -> tuple[Vector, Vector]:
        """Return each candidate's hottest junction, near and over all instants, (N,) [degC]."""
        free = self._free @ (temps - self._ambient_degc)  # (instants x junctions,)
        rise = self._idle_rise + utilisation[:, np.newaxis] * self._work_rise
        hottest = (free + rise).reshape(len(rise), -1, len(self._plant.power.blocks)).max(axis=2)
        near: Vector = self._ambient_degc + hottest[:, : self._near].max(axis=1)
        whole: Vector = self._ambient_degc + hottest.max(axis=1)
        return near, whole


_CLEAR_S = 1.0  # a backlog is worth clearing within this time


class _StateEstimate:
    """Temperatures of all nodes, from the model corrected by the zones."""

    def __init__(self, plant: Plant, *, ambient_degc: float, period_s: float) -> None:
        self._plant = plant
        self._ambient_degc = ambient_degc
        self._period_s = period_s
        self._names = tuple(zone.name for zone in plant.zones)
        self._observer = Observer(
            discretise(plant.network, period_s),
            zones=tuple(plant.network.index(zone.node) for zone in plant.zones),
            process_k=_PROCESS_K,
            noise_k=max(zone.resolution_k for zone in plant.zones) / 12**0.5 + 0.05,
        )
        self._temps: Vector | None = None
        self._time_s = 0.0

    def update(self, observation: Observation, point: OperatingPoint | None) -> Vector:
        """Return node temperatures now, given what ran since the last update [degC]."""
        readings = np.array([observation.temps_degc[name] for name in self._names])
        elapsed_s = observation.time_s - self._time_s
        self._time_s = observation.time_s
        if self._temps is None or point is None or abs(elapsed_s / self._period_s - 1.0) > 0.5:
            # Nothing is known of what the zones do not see: take it as hot as the hottest of them.
            self._temps = np.full(len(self._plant.network.nodes), readings.max())
        else:
            busy = min(observation.served_hz * point.latency_s, 1.0)
            power = self._plant.node_power_w(point.islands, {point.cores: busy}, self._temps)
            self._temps = self._observer.predict(self._temps, power, self._ambient_degc)
        self._temps = self._observer.correct(self._temps, readings)
        return self._temps


_PROCESS_K = 0.02  # how far the model may drift from the board in one period


def undominated(points: Sequence[OperatingPoint]) -> tuple[OperatingPoint, ...]:
    """Return the points no other beats in power, frames a second and accuracy at once."""
    power = np.array([p.power_w for p in points])
    gain = np.array([(p.frames_hz, p.accuracy) for p in points])
    keep = []
    for index, point in enumerate(points):
        no_worse = (power <= power[index]) & (gain >= gain[index]).all(axis=1)
        better = (power < power[index]) | (gain > gain[index]).any(axis=1)
        equal_before = no_worse[:index] & ~better[:index]
        if not (no_worse & better).any() and not equal_before.any():
            keep.append(point)
    return tuple(keep)


def _instants_s(first_s: float, last_s: float) -> list[float]:
    """Return instants that double from the first, the last one included [s]."""
    if first_s >= last_s:
        return [last_s]
    return [first_s, *_instants_s(2.0 * first_s, last_s)]


def _horizon_maps(plant: Plant, instants_s: Sequence[float]) -> tuple[Matrix, Matrix]:
    """Return what the state and constant node power do to the junctions at some instants.

    Shapes (instants x junctions, nodes) and (nodes, instants x junctions) [1] and [K/W].
    """
    models = [discretise(plant.network, instant) for instant in instants_s]
    rows = [plant.network.index(block) for block in plant.power.blocks]
    free = np.concatenate([model.A[rows] for model in models])
    forced = np.concatenate([model.B[rows] for model in models]).T
    return free, forced
