"""Compact RC thermal networks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def frozen_array(values: object, *, field: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a read-only float64 copy of a field; ValueError on another shape or a non-finite."""
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{field} has shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{field} is {array.tolist()}, expected finite numbers")
    array.setflags(write=False)
    return array


def check_nodes(nodes: tuple[str, ...]) -> None:
    """Raise ValueError unless node names are present and unique."""
    if not nodes:
        raise ValueError("nodes is empty, expected at least one")
    if repeated := sorted(name for name, count in Counter(nodes).items() if count > 1):
        raise ValueError(f"nodes repeats {repeated}, expected unique names")


@dataclass(frozen=True, slots=True, eq=False)
class RcNetwork:
    r"""Nodes with heat capacity, joined by thermal conductances and to the ambient.

    .. math:: C \dot T = P - G (T - T_{ambient})

    Attributes
    ----------
    nodes
        Node names; index `i` below is the position in this tuple.
    capacitance
        Heat capacity of each node, shape (n,) [J/K].
    conductance
        Symmetric conductance between nodes, zero diagonal, shape (n, n) [W/K].
    to_ambient
        Conductance of each node to the ambient, shape (n,) [W/K].

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, a capacity is not positive, a conductance is
        negative or not mutual, or some node has no path to the ambient.

    Notes
    -----
    Limits: heat flows in proportion to temperature differences. Natural convection and radiation
    carry more per kelvin as they grow, so one set of conductances holds around one temperature
    and one fan state.
    """

    nodes: tuple[str, ...]
    capacitance: Vector
    conductance: Matrix
    to_ambient: Vector

    def __post_init__(self) -> None:
        check_nodes(self.nodes)
        n = len(self.nodes)
        for field, shape in (("capacitance", (n,)), ("conductance", (n, n)), ("to_ambient", (n,))):
            array = frozen_array(getattr(self, field), field=field, shape=shape)
            object.__setattr__(self, field, array)
        if (self.capacitance <= 0.0).any():
            raise ValueError(f"capacitance is {self.capacitance.tolist()}, expected all above 0")
        if (self.conductance < 0.0).any() or np.diagonal(self.conductance).any():
            raise ValueError(
                f"conductance is {self.conductance.tolist()}, "
                "expected no negative entry and a zero diagonal"
            )
        if not np.array_equal(self.conductance, self.conductance.T):
            raise ValueError(f"conductance is {self.conductance.tolist()}, expected symmetric")
        if (self.to_ambient < 0.0).any():
            raise ValueError(f"to_ambient is {self.to_ambient.tolist()}, expected none below 0")
        if stranded := self._stranded():
            raise ValueError(f"nodes {stranded} have no path to the ambient: heat has no way out")

    def _stranded(self) -> list[str]:
        reached = self.to_ambient > 0.0
        joined = self.conductance > 0.0
        for _ in self.nodes:
            reached = reached | joined[:, reached].any(axis=1)
        return [name for name, ok in zip(self.nodes, reached, strict=True) if not ok]

    @property
    def laplacian(self) -> Matrix:
        """Matrix G of the equation above: symmetric, positive definite, shape (n, n) [W/K]."""
        degree = self.conductance.sum(axis=1) + self.to_ambient
        return np.asarray(np.diag(degree) - self.conductance)

    def index(self, node: str) -> int:
        """Return the position of a node; ValueError if there is none of that name."""
        if node not in self.nodes:
            raise ValueError(f"node is {node!r}, expected one of {self.nodes}")
        return self.nodes.index(node)


def network_from_resistances(
    capacitance_j_per_k: Mapping[str, float],
    links_k_per_w: Mapping[tuple[str, str], float],
    *,
    to_ambient_k_per_w: Mapping[str, float],
) -> RcNetwork:
    """Return the network of given heat capacities and thermal resistances.

    Parameters
    ----------
    capacitance_j_per_k
        Heat capacity of each node; its order is the order of the nodes [J/K].
    links_k_per_w
        Thermal resistance between two nodes, each pair named once [K/W].
    to_ambient_k_per_w
        Thermal resistance of a node to the ambient [K/W].

    Returns
    -------
    RcNetwork
        The network.

    Raises
    ------
    ValueError
        If a link names an unknown node, joins a node to itself or is given twice, or a resistance
        is not positive; and whatever `RcNetwork` refuses.
    """
    nodes = tuple(capacitance_j_per_k)
    conductance = np.zeros((len(nodes), len(nodes)))
    to_ambient = np.zeros(len(nodes))
    for (one, other), resistance in links_k_per_w.items():
        i, j = _index(nodes, one), _index(nodes, other)
        if i == j or conductance[i, j] != 0.0:
            raise ValueError(f"link {one!r} to {other!r}: expected two nodes, each pair once")
        conductance[i, j] = conductance[j, i] = _conductance(resistance, f"{one!r} to {other!r}")
    for node, resistance in to_ambient_k_per_w.items():
        to_ambient[_index(nodes, node)] = _conductance(resistance, f"{node!r} to the ambient")
    capacitance = np.array(list(capacitance_j_per_k.values()), dtype=np.float64)
    return RcNetwork(nodes, capacitance, conductance, to_ambient)


def _index(nodes: tuple[str, ...], node: str) -> int:
    if node not in nodes:
        raise ValueError(f"node is {node!r}, expected one of {nodes}")
    return nodes.index(node)


def _conductance(resistance: float, path: str) -> float:
    # The bounds keep the reciprocal finite; no board comes near them.
    if not 1e-9 <= resistance <= 1e9:
        raise ValueError(f"resistance of {path} is {resistance!r} K/W, expected 1e-9 to 1e9")
    return 1.0 / resistance
