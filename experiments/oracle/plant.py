"""The board as the offline bound sees it: activities to share time among."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from dvfs.power import leakage_power
from thermal.network import Matrix, Vector

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Activities:
    r"""What a board can do at an instant: every point kept busy, and idle at every setting.

    Activity `a` at node temperatures `T` draws, in node `i`,
    :math:`D_{ai} + L_{ai} e^{k_i (T_i - T_{0i})}`.

    Attributes
    ----------
    frames_hz
        Frames answered a second, shape (a,) [Hz].
    worth
        Reward of one of those frames, shape (a,).
    dynamic_w, leakage_w
        `D` and `L`, shape (a, n) [W].
    rate_per_k, at_degc
        `k` and `T_0` of each node, shape (n,) [1/K] and [degC].
    """

    frames_hz: Vector
    worth: Vector
    dynamic_w: Matrix
    leakage_w: Matrix
    rate_per_k: Vector
    at_degc: Vector

    def of(self, chosen: Indices) -> "Activities":
        """Return some of the activities."""
        return Activities(
            frames_hz=self.frames_hz[chosen],
            worth=self.worth[chosen],
            dynamic_w=self.dynamic_w[chosen],
            leakage_w=self.leakage_w[chosen],
            rate_per_k=self.rate_per_k,
            at_degc=self.at_degc,
        )

    def growth(self, temps_degc: Matrix) -> Matrix:
        """Return leakage over `leakage_w` at node temperatures, shape (..., n)."""
        return np.asarray(np.exp(self.rate_per_k * (temps_degc - self.at_degc)))

    def under(self, slope_w_per_k: Matrix, low_degc: Matrix, high_degc: Vector) -> Matrix:
        r"""Return the largest constants that keep a line below each activity's leakage.

        .. math:: \ell = \min_{T \in [low, high]} L e^{k (T - T_0)} - \sigma T

        Leakage is convex, so the minimum lies where its slope is `sigma`, or at an end.

        Parameters
        ----------
        slope_w_per_k
            `sigma` in each step, not negative, shape (k, n) [W/K].
        low_degc
            Temperatures no schedule can go below in each step, shape (k, n) [degC].
        high_degc
            Temperatures none may go above, shape (n,) [degC].

        Returns
        -------
        ndarray
            `ell`, shape (k, a, n) [W].
        """
        slope = slope_w_per_k[:, np.newaxis, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            turn = self.at_degc + np.log(slope / (self.leakage_w * self.rate_per_k)) / (
                self.rate_per_k
            )
        # Without leakage, or where it does not grow, an end of the range is the minimum.
        turn = np.where(np.isnan(turn), np.inf, turn)
        at = np.clip(turn, low_degc[:, np.newaxis, :], high_degc)
        return np.asarray(self.leakage_w * self.growth(at) - slope * at)


def list_activities(
    points: Sequence[OperatingPoint],
    plant: Plant,
    *,
    worth: Callable[[OperatingPoint], float],
    deadline_s: float,
) -> Activities:
    """Return the activities whose time shares make up whatever a governor may do.

    A point of less duty is a share of time of the same point at its highest duty and of idling at
    its clocks, so only the highest duty of each is kept. Plain idling, every island at its slowest,
    comes first. A point slower than the deadline answers nothing in time.
    """
    busiest: dict[object, OperatingPoint] = {}
    for point in points:
        key = (point.effort, point.level, point.cores, tuple(sorted(point.islands.items())))
        if key not in busiest or point.duty > busiest[key].duty:
            busiest[key] = point
    work = [point for point in busiest.values() if point.duty > 0.0]
    settings = {tuple(sorted(p.islands.items())): dict(p.islands) for p in points}
    idle = [{}, *settings.values()]
    islands = [*idle, *(dict(p.islands) for p in work)]
    utilisation = [*({} for _ in idle), *({p.cores: p.duty} for p in work)]
    voltage, frequency = plant.block_arrays(islands)
    parts = plant.power.parts
    at_degc = np.array([part.leakage.T_0 for part in parts])
    leakage = np.stack(
        [leakage_power(voltage[:, b], at_degc[b], leakage=p.leakage) for b, p in enumerate(parts)],
        axis=1,
    )
    total = plant.power.power_w(
        voltage,
        frequency,
        utilisation=plant.utilisation_array(utilisation),
        temps_degc=at_degc,
    )
    rows = junction_rows(plant)
    in_time = [p.latency_s <= deadline_s for p in work]
    none = [0.0] * len(idle)
    return Activities(
        frames_hz=np.array(
            none + [p.frames_hz if ok else 0.0 for p, ok in zip(work, in_time, strict=True)]
        ),
        worth=np.array(none + [worth(p) for p in work]),
        dynamic_w=_spread(total - leakage, rows, plant),
        leakage_w=_spread(leakage, rows, plant),
        rate_per_k=_spread(np.array([p.leakage.k_T for p in parts]), rows, plant),
        at_degc=_spread(at_degc, rows, plant),
    )


def _spread(blocks: Matrix, rows: Indices, plant: Plant) -> Matrix:
    """Put what belongs to blocks at their nodes; zero elsewhere."""
    nodes = np.zeros((*blocks.shape[:-1], len(plant.network.nodes)))
    nodes[..., rows] = blocks
    return nodes


def junction_rows(plant: Plant) -> Indices:
    """Return the node of each power block, shape (blocks,)."""
    return np.array([plant.network.index(block) for block in plant.power.blocks])


def likely(activities: Activities, plant: Plant, *, at_degc: float) -> Indices:
    """Return activities that are the best at some price of heat and of frames, in order.

    A start for a linear program, which prices then extend; nothing is proved by leaving one out.
    """
    reach = np.linalg.inv(plant.network.laplacian)[junction_rows(plant)].mean(axis=0)  # [K/W]
    leakage = activities.leakage_w * activities.growth(np.full(len(reach), at_degc))
    rise = (activities.dynamic_w + leakage) @ reach
    gain = activities.frames_hz * activities.worth
    best = activities.worth.max()
    prices = gain.max() / rise[gain.argmax()] * np.geomspace(1e-3, 10.0, 30)
    found = {0}
    for frame in (0.0, 0.5, 0.9, 0.99):
        profit = activities.frames_hz * (activities.worth - frame * best) - np.outer(prices, rise)
        found.update(profit.argmax(axis=1).tolist())
    return np.array(sorted(found), dtype=np.intp)
