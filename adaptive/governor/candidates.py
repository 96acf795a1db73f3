"""Operating points as arrays, and the power a board can shed for ever.

What the policies that choose by power share: the power of each point at any utilisation, the rule
for ties, and the board power at which the hottest junction settles at a limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from thermal.network import Vector

# Gains below one answer in a hundred thousand do not justify a hotter point.
_TIE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Operating points with their costs as arrays of shape (N,).

    Attributes
    ----------
    points
        The points.
    latency_s
        Their times to answer one frame [s].
    duty, accuracy
        Their duties and accuracies [0..1].
    idle_w
        Power of the whole board at the point's OPP with nothing to do [W].
    work_w
        What keeping the cluster busy adds to it [W].

    Notes
    -----
    Limits: leakage is taken at one temperature for all nodes; at the highest temperature allowed
    it bounds the power from above.
    """

    points: tuple[OperatingPoint, ...]
    latency_s: Vector
    duty: Vector
    accuracy: Vector
    idle_w: Vector
    work_w: Vector

    @classmethod
    def of(cls, points: Sequence[OperatingPoint], plant: Plant, *, temp_degc: float) -> Self:
        """Collect points of a board, with every node at one temperature [degC]."""
        if not points:
            raise ValueError("points is empty, expected at least one operating point")
        temps = np.full(len(plant.network.nodes), temp_degc)
        idle, busy = (
            np.array([plant.node_power_w(p.islands, {p.cores: u}, temps).sum() for p in points])
            for u in (0.0, 1.0)
        )
        return cls(
            points=tuple(points),
            latency_s=np.array([p.latency_s for p in points]),
            duty=np.array([p.duty for p in points]),
            accuracy=np.array([p.accuracy for p in points]),
            idle_w=idle,
            work_w=busy - idle,
        )

    def utilisation(self, wanted_hz: float, *, slowdown: float = 1.0) -> Vector:
        """Return how busy each point would be at a frame rate [Hz], at most its duty [0..1]."""
        busy: Vector = np.minimum(self.duty, wanted_hz * self.latency_s * slowdown)
        return busy

    def power_w(self, utilisation: Vector) -> Vector:
        """Return the mean power of the board at each point, so busy [W]."""
        power: Vector = self.idle_w + utilisation * self.work_w
        return power

    def best(self, score: Vector, power_w: Vector, allowed: NDArray[np.bool_]) -> OperatingPoint:
        """Return the allowed point of highest score, the one of least power on a tie.

        Where none is allowed, return the point of least power.
        """
        if not allowed.any():
            return self.points[int(power_w.argmin())]
        score = np.where(allowed, score, -np.inf)
        tied = score >= score.max() * (1.0 - _TIE)
        return self.points[int(np.where(tied, power_w, np.inf).argmin())]


def sustainable_power_w(
    plant: Plant, cores: str, *, ambient_degc: float, limit_degc: float
) -> float:
    r"""Return the board power at which the hottest junction settles at a limit [W].

    .. math:: P = \sum P_{other} + \min_j \frac{T_{limit} - T_{amb} - R_{j,other} P_{other}}{R_j}

    over junctions j, with the working cluster's power spread evenly over its blocks and every
    other block idle at its slowest OPP.

    Parameters
    ----------
    plant
        The board.
    cores
        The cluster that works.
    ambient_degc
        Ambient temperature [degC].
    limit_degc
        Where the hottest junction is to settle [degC].

    Notes
    -----
    Limits: the other blocks leak as if at the limit, so the figure is a little low. Where the
    board passes the limit without any work, it is the power of the idle blocks.
    """
    nodes = plant.network.nodes
    rows = [plant.network.index(block) for block in plant.cluster(cores).blocks]
    spread, others = (
        np.zeros(len(nodes)),
        plant.node_power_w({}, {}, np.full(len(nodes), limit_degc)),
    )
    spread[rows] = 1.0 / len(rows)
    others[rows] = [plant.constant_w.get(nodes[row], 0.0) for row in rows]
    rise_k, gain_k_per_w = (
        plant.junctions(np.linalg.solve(plant.network.laplacian, power))
        for power in (others, spread)
    )
    own_w = float(((limit_degc - ambient_degc - rise_k) / gain_k_per_w).min())
    return float(others.sum()) + max(own_w, 0.0)
