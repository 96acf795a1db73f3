"""What node power over stretches of time to come does to the junctions: linear maps, made once."""

from dataclasses import dataclass

import numpy as np

from adaptive.plant import Array, Plant
from thermal.modes import decompose
from thermal.network import Matrix, Vector


def stretches_s(first_s: float, horizon_s: float, longest_s: float) -> Vector:
    """Return ends of stretches that double in length up to the longest, shape (B + 1,) [s]."""
    edges = [0.0, first_s]
    while edges[-1] < horizon_s - 1e-9:
        step = min(edges[-1], longest_s)
        edges.append(min(edges[-1] + step, horizon_s))
    return np.array(edges)


@dataclass(frozen=True, slots=True, eq=False)
class Prospect:
    """Junction temperatures at the ends of stretches.

    Attributes
    ----------
    edges_s
        Ends of the stretches, from 0, shape (B + 1,) [s].
    free
        What the rise of nodes leaves at junctions, shape (n, B, J) [1].
    driven
        What constant power into nodes in each stretch adds, shape (B, n, B, J) [K/W].
    """

    edges_s: Vector
    free: Array
    driven: Array

    @classmethod
    def of(cls, plant: Plant, edges_s: Vector) -> "Prospect":
        """Return the maps of a board."""
        modes = decompose(plant.network)
        rows = [plant.network.index(block) for block in plant.power.blocks]
        read: Matrix = modes.left[rows]  # (J, modes)
        ends, n = edges_s[1:], len(plant.network.nodes)
        kept = np.exp(-np.outer(ends, modes.rate))  # (B, modes)
        free = np.einsum("jm,bm,mn->nbj", read, kept, modes.right)
        driven = np.zeros((len(ends), n, len(ends), len(rows)))
        for b, (begin, end) in enumerate(zip(edges_s[:-1], ends, strict=True)):
            pushed = -np.expm1(-modes.rate * (end - begin)) / modes.rate
            later = np.exp(-np.outer(ends[b:] - end, modes.rate)) * pushed
            driven[b, :, b:] = np.einsum("jm,bm,nm->nbj", read, later, modes.left)
        return cls(edges_s, free, driven)

    def junctions_k(self, rise_k: Vector, power_w: Array) -> Array:
        """Return how far junctions are above the ambient at the ends, shape (K, B, J) [K].

        Parameters
        ----------
        rise_k
            Nodes above the ambient now, shape (n,) [K].
        power_w
            Power into each node in each stretch for K plans, shape (K, B, n) [W].
        """
        plans, stretches, n = power_w.shape
        shape = self.driven.shape[2:]
        left = rise_k @ self.free.reshape(n, -1)
        forced = power_w.reshape(plans, -1) @ self.driven.reshape(stretches * n, -1)
        return np.asarray((left + forced).reshape(plans, *shape))
