"""Look ahead with the exact thermal model; run the best point that stays below the cap.

Each period the policy estimates every node's temperature, predicts where each candidate point
would take the junctions over a horizon, and picks the admissible one that answers most frames
rightly. Two facts make the prediction safe rather than merely good:

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
    """Best point whose predicted peak over the horizon stays below the cap.

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
        How long a point must stay admissible if it were kept [s].
    margin_k
        Distance kept from the cap for what the model and the zones do not know [K].

    Notes
    -----
    Limits: the ambient is given, not estimated; demand is expected to stay as it is; the peak is
    checked at instants spaced by factors of two from one period to the horizon.
    """

    def __init__(
        self,
        points: Sequence[OperatingPoint],
        plant: Plant,
        *,
        ambient_degc: float,
        cap_degc: float,
        period_s: float,
        horizon_s: float = 20.0,
        margin_k: float = 0.5,
    ) -> None:
        if not horizon_s >= period_s > 0.0:
            raise ValueError(f"horizon_s is {horizon_s}, expected at least period_s = {period_s}")
        if not margin_k >= 0.0:
            raise ValueError(f"margin_k is {margin_k}, expected 0 or more")
        self._points = undominated(points)
        self._plant = plant
        self._ambient_degc = ambient_degc
        self._limit_degc = cap_degc - margin_k
        self._estimate = _StateEstimate(plant, ambient_degc=ambient_degc, period_s=period_s)
        self._free, self._forced = _horizon_maps(plant, period_s, horizon_s)

        self._latency_s = np.array([p.latency_s for p in self._points])
        self._duty = np.array([p.duty for p in self._points])
        self._accuracy = np.array([p.accuracy for p in self._points])
        at_cap = np.full(len(plant.network.nodes), cap_degc)
        idle, busy = (
            np.stack([plant.node_power_w(p.islands, {p.cores: u}, at_cap) for p in self._points])
            for u in (0.0, 1.0)
        )
        self._idle_w: Matrix = idle  # (N, nodes)
        self._work_w: Matrix = busy - idle  # (N, nodes), added by each unit of utilisation
        self._idle_rise: Matrix = idle @ self._forced  # (N, instants x junctions)
        self._work_rise: Matrix = self._work_w @ self._forced
        self._point: OperatingPoint | None = None

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the admissible point that answers most frames rightly, the cooler one on a tie."""
        temps = self._estimate.update(observation, self._point)
        wanted_hz = observation.demand_hz + observation.backlog / _CLEAR_S
        utilisation = np.minimum(self._duty, wanted_hz * self._latency_s)  # (N,)
        peak = self._peak_degc(temps, utilisation)
        admissible = peak <= self._limit_degc
        if not admissible.any():
            self._point = self._points[int(peak.argmin())]
            return self._point
        power = self._idle_w.sum(axis=1) + utilisation * self._work_w.sum(axis=1)
        right_hz = utilisation / self._latency_s * self._accuracy
        right_hz = np.where(admissible, right_hz, -1.0)
        # Gains below one answer in a hundred thousand do not justify a hotter point.
        best = right_hz >= right_hz.max() * (1.0 - 1e-5)
        self._point = self._points[int(np.where(best, power, np.inf).argmin())]
        return self._point

    def _peak_degc(self, temps: Vector, utilisation: Vector) -> Vector:
        """Return each candidate's hottest junction over the horizon, shape (N,) [degC]."""
        free = self._free @ (temps - self._ambient_degc)  # (instants x junctions,)
        rise = self._idle_rise + utilisation[:, np.newaxis] * self._work_rise
        peak: Vector = self._ambient_degc + (free + rise).max(axis=1)
        return peak


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


def _horizon_maps(plant: Plant, period_s: float, horizon_s: float) -> tuple[Matrix, Matrix]:
    """Return what the state and constant node power do to the junctions along the horizon.

    Shapes (instants x junctions, nodes) and (nodes, instants x junctions) [1] and [K/W].
    """
    count = 1 + int(np.ceil(np.log2(horizon_s / period_s)))
    instants_s = np.minimum(period_s * 2.0 ** np.arange(count), horizon_s)
    rows = [plant.network.index(block) for block in plant.islands.blocks]
    models = [discretise(plant.network, float(instant)) for instant in instants_s]
    free = np.concatenate([model.A[rows] for model in models])
    forced = np.concatenate([model.B[rows] for model in models]).T
    return free, forced
