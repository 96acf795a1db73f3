"""What operating points draw, node by node: switching power and leakage apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Array, Plant
from thermal.network import Vector


@dataclass(frozen=True, slots=True, eq=False)
class PointPower:
    r"""Power of N operating points into n nodes, split so that only leakage needs temperatures.

    .. math:: P = P_{idle} + u P_{work} + P_{leak} e^{k_T (T - T_0)}

    with `u` the share of the time that the point's cluster works.

    Attributes
    ----------
    idle_w
        Power but for leakage with nothing to do, constant power included, shape (N, n) [W].
    work_w
        What keeping the cluster busy adds, shape (N, n) [W].
    leakage_w
        Leakage at `T_0`, shape (N, n) [W].
    k_t, t_0
        Growth of leakage and the temperature it is given at, shape (n,) [1/K] and [degC].
    """

    idle_w: Array
    work_w: Array
    leakage_w: Array
    k_t: Vector
    t_0: Vector

    @classmethod
    def of(cls, points: Sequence[OperatingPoint], plant: Plant) -> Self:
        """Collect the power of some points of a board."""
        nodes, blocks = plant.network.nodes, plant.power.blocks
        k_t, t_0 = np.zeros(len(nodes)), np.zeros(len(nodes))
        for block, part in zip(blocks, plant.power.parts, strict=True):
            k_t[nodes.index(block)] = part.leakage.k_T
            t_0[nodes.index(block)] = part.leakage.T_0
        voltage, frequency = plant.block_arrays([point.islands for point in points])
        idle, busy = (
            plant.node_power(
                voltage,
                frequency,
                utilisation=plant.utilisation_array([{p.cores: u} for p in points]),
                temps_degc=t_0,
            )
            for u in (0.0, 1.0)
        )
        leakage = np.zeros_like(idle)
        growing = k_t > 0.0
        slope = plant.node_slope(voltage, temps_degc=t_0)
        leakage[:, growing] = slope[:, growing] / k_t[growing]
        return cls(idle - leakage, busy - idle, leakage, k_t, t_0)

    def growth(self, temps_degc: Vector) -> Vector:
        """Return leakage over `leakage_w` at node temperatures, shape (..., n)."""
        return np.asarray(np.exp(self.k_t * (temps_degc - self.t_0)))
