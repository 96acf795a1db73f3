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
from numpy.typing import NDArray

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.point_power import PointPower
from thermal.discretise import discretise
from thermal.network import Matrix, Vector
from thermal.observer import Observer

Indices = NDArray[np.intp]


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
        self.horizon = Horizon(
            undominated(points),
            plant,
            ambient_degc=ambient_degc,
            cap_degc=cap_degc,
            limit_degc=cap_degc - margin_k,
            near_s=_instants_s(period_s, horizon_s),
            far_s=_instants_s(2.0 * horizon_s, sustain_s),
        )
        self._names = tuple(zone.name for zone in plant.zones)
        self._period_s = period_s
        self._temps: Vector | None = None
        self._time_s = 0.0
        self._number = 0  # of the point chosen last

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the admissible point that answers most frames rightly, the cooler one on a tie."""
        readings = np.array([observation.temps_degc[name] for name in self._names])
        elapsed_s, self._time_s = observation.time_s - self._time_s, observation.time_s
        served_hz = np.asarray(observation.served_hz)
        if self._temps is None or lost(np.asarray(elapsed_s), self._period_s):
            temps = self.horizon.unknown(readings)
        else:
            temps = self.horizon.predict(self._temps, np.asarray(self._number), served_hz)
        self._temps = self.horizon.correct(temps, readings)
        wanted_hz = observation.demand_hz + observation.backlog / CLEAR_S
        self._number = int(self.horizon.choose(self._temps, np.asarray(wanted_hz)))
        return self.horizon.points[self._number]


CLEAR_S = 1.0
"""A backlog is worth clearing within this time [s]."""


def lost(elapsed_s: Vector, period_s: float) -> NDArray[np.bool_]:
    """Say whether so much or little time has passed that the estimate of a board is lost."""
    return np.asarray(np.abs(elapsed_s / period_s - 1.0) > 0.5)


class Horizon:
    """What a board's model says of its points: for one board, or for many along leading axes.

    Parameters
    ----------
    points
        Candidates.
    plant
        The board's model.
    ambient_degc, cap_degc
        Ambient, and temperature that leakage is taken at [degC].
    limit_degc
        Highest junction temperature allowed [degC].
    near_s, far_s
        Instants at which a point must be below it to be admissible, and to last; the first of them
        is the control period [s].
    """

    def __init__(
        self,
        points: Sequence[OperatingPoint],
        plant: Plant,
        *,
        ambient_degc: float,
        cap_degc: float,
        limit_degc: float,
        near_s: Sequence[float],
        far_s: Sequence[float],
    ) -> None:
        self.points = tuple(points)
        self._ambient_degc = ambient_degc
        self._limit_degc = limit_degc
        self._near = len(near_s) * len(plant.power.blocks)
        self._free, forced = _horizon_maps(plant, [*near_s, *far_s])
        self._latency_s = np.array([p.latency_s for p in points])
        self._duty = np.array([p.duty for p in points])
        self._accuracy = np.array([p.accuracy for p in points])
        self._power = PointPower.of(points, plant)
        at_cap = np.full(len(plant.network.nodes), cap_degc)
        idle = self._power.idle_w + self._power.leakage_w * self._power.growth(at_cap)
        # Everything a unit of utilisation adds is linear: idle + utilisation x work.
        self._idle_w, self._work_w = idle.sum(axis=1), self._power.work_w.sum(axis=1)  # (C,)
        self._idle_rise: Matrix = idle @ forced  # (C, instants x junctions)
        self._work_rise: Matrix = self._power.work_w @ forced
        zones = [plant.network.index(zone.node) for zone in plant.zones]
        self._zones = np.array(zones)
        self._observer = Observer(
            discretise(plant.network, near_s[0]),
            zones=tuple(zones),
            process_k=_PROCESS_K,
            noise_k=max(zone.resolution_k for zone in plant.zones) / 12**0.5 + 0.05,
        )

    def unknown(self, readings_degc: Vector) -> Vector:
        """Return node temperatures when nothing is known of what the zones do not see.

        All nodes are taken to be as hot as the hottest zone; shapes (..., zones) and (..., n).
        """
        hottest = readings_degc.max(axis=-1, keepdims=True)
        return np.asarray(np.repeat(hottest, len(self._observer.model.nodes), axis=-1))

    def predict(self, temps_degc: Vector, numbers: Indices, served_hz: Vector) -> Vector:
        """Return node temperatures a period later, shape (..., n) [degC].

        Parameters
        ----------
        temps_degc
            Node temperatures before, shape (..., n) [degC].
        numbers, served_hz
            The point that ran, and the frames it answered a second, shape (...) [Hz].
        """
        power, busy = self._power, np.minimum(served_hz * self._latency_s[numbers], 1.0)
        drawn = power.idle_w[numbers] + busy[..., np.newaxis] * power.work_w[numbers]
        drawn = drawn + power.leakage_w[numbers] * power.growth(temps_degc)
        return self._observer.predict(temps_degc, drawn, self._ambient_degc)

    def correct(self, temps_degc: Vector, readings_degc: Vector) -> Vector:
        """Return node temperatures corrected by zone readings, shape (..., n) [degC]."""
        error = readings_degc - temps_degc[..., self._zones]
        return np.asarray(temps_degc + error @ self._observer.gain.T)

    def choose(self, temps_degc: Vector, wanted_hz: Vector) -> Indices:
        """Return the number of the best point, shape (...).

        Parameters
        ----------
        temps_degc
            Node temperatures, shape (..., n) [degC].
        wanted_hz
            Frame rate worth providing, shape (...) [Hz].
        """
        utilisation = np.minimum(self._duty, wanted_hz[..., np.newaxis] * self._latency_s)
        near_peak, peak = self._peaks_degc(temps_degc, utilisation)  # (..., C)
        admissible = near_peak <= self._limit_degc
        lasting = peak <= self._limit_degc
        accuracy = np.where(lasting, self._accuracy, self._accuracy.min())
        right_hz = np.where(admissible, utilisation / self._latency_s * accuracy, -1.0)
        # Gains below one answer in a hundred thousand do not justify a hotter point.
        best = right_hz >= right_hz.max(axis=-1, keepdims=True) * (1.0 - 1e-5)
        power = self._idle_w + utilisation * self._work_w
        cheapest = np.where(best, power, np.inf).argmin(axis=-1)
        return np.asarray(np.where(admissible.any(axis=-1), cheapest, near_peak.argmin(axis=-1)))

    def _peaks_degc(self, temps: Vector, utilisation: Vector) -> tuple[Vector, Vector]:
        """Return each candidate's hottest junction, near and over all instants [degC]."""
        free = (temps - self._ambient_degc) @ self._free.T  # (..., instants x junctions)
        hottest = utilisation[..., np.newaxis] * self._work_rise
        hottest += self._idle_rise
        hottest += free[..., np.newaxis, :]
        near = hottest[..., : self._near].max(axis=-1)
        whole = np.maximum(near, hottest[..., self._near :].max(axis=-1))
        return self._ambient_degc + near, self._ambient_degc + whole


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
