"""What a governor may choose from, as arrays, and the best of it at a price of power."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from adaptive.governor.objective import Objective
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Array, Plant
from adaptive.point_power import PointPower
from thermal.network import Vector

Indices = NDArray[np.intp]


_LEVELS = 100  # rates of frames that are told apart, up to the fastest point's
_MOST_PRICES = 32


@dataclass(frozen=True, slots=True, eq=False)
class Menu:
    """Operating points worth choosing, and the best of them at any price of power and demand.

    Attributes
    ----------
    points
        The coolest of all, which answers nothing if it idles, then those that no other one beats.
    latency_s, duty, worth_hz
        Times to answer a frame [s], duties [0..1] and worth a second of work [1/s], shape (N,).
    power
        What they draw.
    idle_w, work_w
        Their board power with nothing to do and what work adds, leakage at one temperature,
        shape (N,) [W].
    unit_hz
        Step of the rates of frames that are told apart [Hz].
    prices
        Prices of power, falling, shape (K,) [1/J].
    best
        The best point at each price and each rate, shape (K, L).
    """

    points: tuple[OperatingPoint, ...]
    latency_s: Vector
    duty: Vector
    worth_hz: Vector
    power: PointPower
    idle_w: Vector
    work_w: Vector
    unit_hz: float
    prices: Vector
    best: Indices

    @classmethod
    def of(
        cls,
        points: Sequence[OperatingPoint],
        plant: Plant,
        *,
        objective: Objective,
        temp_degc: float,
    ) -> Self:
        """Collect the points that an objective admits and none beats, and the coolest of all.

        One point beats another of its cluster if it needs no more power to stand ready and no more
        energy a frame, is as fast, and its frames are worth as much. Duty-cycled points are beaten
        by time shared with the coolest one.

        Parameters
        ----------
        points, plant, objective
            Candidates, the board they run on and what is wanted of them.
        temp_degc
            Temperature that leakage is taken at [degC].

        Raises
        ------
        ConfigError
            If the objective admits none.
        """
        coolest = min(points, key=lambda point: (point.power_w, point.accuracy))
        admitted = objective.admitted(points)
        worth = np.array([objective.of_frame(point) for point in admitted])
        idle_w, work_w = _board_power(PointPower.of(admitted, plant), temp_degc)
        kept = _unbeaten(admitted, idle_w, work_w, worth)
        chosen = (coolest, *(admitted[index] for index in kept))
        power = PointPower.of(chosen, plant)
        idle_w, work_w = _board_power(power, temp_degc)
        latency_s = np.array([point.latency_s for point in chosen])
        duty = np.array([point.duty for point in chosen])
        worth_hz = np.concatenate([[0.0], worth[kept]]) / latency_s
        unit_hz = max(point.frames_hz for point in chosen) / _LEVELS
        prices = _prices(
            idle_w + duty * work_w, duty * worth_hz, least=max(objective.price_per_j, 1e-12)
        )
        best = np.empty((len(prices), _LEVELS + 1), dtype=np.intp)
        for level in range(_LEVELS + 1):
            busy = np.minimum(duty, level * unit_hz * latency_s)
            gain = busy * worth_hz - np.multiply.outer(prices, idle_w + busy * work_w)
            best[:, level] = gain.argmax(axis=1)
        best[0] = 0
        used, compact = np.unique(best, return_inverse=True)
        return cls(
            points=tuple(chosen[index] for index in used),
            latency_s=latency_s[used],
            duty=duty[used],
            worth_hz=worth_hz[used],
            power=PointPower.of([chosen[index] for index in used], plant),
            idle_w=idle_w[used],
            work_w=work_w[used],
            unit_hz=unit_hz,
            prices=prices,
            best=compact.reshape(best.shape),
        )

    def level(self, demand_hz: Vector) -> Indices:
        """Return the levels that provide for some rates of frames, of the same shape."""
        levels = np.ceil(np.minimum(demand_hz / self.unit_hz, _LEVELS) - 1e-9)
        return np.asarray(levels, dtype=np.intp)

    def dearer(self, factors: Vector) -> Indices:
        """Return which price is closest to each one times each factor, shape (K, F)."""
        wanted = np.log(np.multiply.outer(self.prices, factors))
        far = np.abs(wanted[..., np.newaxis] - np.log(self.prices))
        return np.asarray(far.argmin(axis=2))

    def busy(self, points: Indices, levels: Indices) -> Array:
        """Return how busy points are at levels, of the broadcast shape [0..1]."""
        rate_hz = levels * self.unit_hz
        return np.asarray(np.minimum(self.duty[points], rate_hz * self.latency_s[points]))


def _prices(power_w: Vector, worth_hz: Vector, *, least: float) -> Vector:
    """Return prices of a watt at which the best choice changes, falling to the least, (K,).

    The first is so high that nothing is worth it; most lie between the slopes of the hull of worth
    over power at full load, some below, as at part load a slower clock saves less.
    """
    slopes = _hull_slopes(power_w, worth_hz)
    between = np.sqrt(slopes[:-1] * slopes[1:])
    low = float(slopes[-1]) * np.geomspace(0.7, 1e-2, 6)
    found = np.unique(np.maximum(np.concatenate([[1.5 * slopes[0]], between, low]), least))[::-1]
    if len(found) > _MOST_PRICES:
        found = found[np.linspace(0, len(found) - 1, _MOST_PRICES).round().astype(np.intp)]
    return np.concatenate([[1e3 * found[0]], found])


def _board_power(power: PointPower, temp_degc: float) -> tuple[Vector, Vector]:
    growth = power.growth(np.full(len(power.t_0), temp_degc))
    return (power.idle_w + power.leakage_w * growth).sum(axis=1), power.work_w.sum(axis=1)


def _unbeaten(
    points: Sequence[OperatingPoint], idle_w: Vector, work_w: Vector, worth: Vector
) -> list[int]:
    latency = np.array([point.latency_s for point in points])
    costs = np.stack([idle_w, work_w * latency], axis=1)
    gains = np.stack([np.array([point.frames_hz for point in points]), worth], axis=1)
    clusters = np.array([point.cores for point in points])
    kept = []
    for index in range(len(points)):
        no_worse = (
            (costs <= costs[index] * (1.0 + 1e-9)).all(axis=1)
            & (gains >= gains[index] * (1.0 - 1e-9)).all(axis=1)
            & (clusters == clusters[index])
        )
        better = (costs < costs[index] * (1.0 - 1e-9)).any(axis=1)
        better |= (gains > gains[index] * (1.0 + 1e-9)).any(axis=1)
        if not (no_worse & better).any() and not (no_worse & ~better)[:index].any():
            kept.append(index)
    return kept


def _hull_slopes(power: Vector, worth: Vector) -> Vector:
    """Return the slopes of the upper hull of worth over power, falling, all above 0."""
    hull: list[tuple[float, float]] = []
    for p, w in sorted(zip(power.tolist(), worth.tolist(), strict=True)):
        if hull and w <= hull[-1][1]:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], (p, w)):
            hull.pop()
        if hull and p <= hull[-1][0]:
            hull.pop()
        hull.append((p, w))
    slopes = [_slope(a, b) for a, b in pairwise(hull)]
    return np.array(slopes or [1.0])


def _slope(a: tuple[float, float], b: tuple[float, float]) -> float:
    return (b[1] - a[1]) / max(b[0] - a[0], 1e-12)
