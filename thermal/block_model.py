"""HotSpot's block model: one node for each block in each layer, twelve for the rims."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermal.floorplan import Floorplan, Outline
from thermal.network import Matrix, RcNetwork, Vector, frozen_array
from thermal.package import Layer, Package

# HotSpot scales every lumped capacity by this to match a distributed one (its C_FACTOR).
_CAPACITY_FACTOR = 0.333
# A rim with a shorter time constant is narrower than a nanometre: a rounding error of its edges.
_MASSLESS_S = 1e-8
_RIMS = tuple(f"{part}_{side}" for part in ("sp", "sink", "outer") for side in "wens")


@dataclass(frozen=True, slots=True, eq=False)
class BlockModel:
    r"""Conductances and capacities of a die on its package.

    .. math:: C \dot T = P + g_{amb} T_{ambient} - G T

    Attributes
    ----------
    nodes
        Blocks, then the same names under ``iface_``, ``hsp_`` and ``hsink_``, then the rims:
        ``sp_``, ``sink_`` and ``outer_`` with ``w``, ``e``, ``n``, ``s``.
    G
        Conductance matrix, the path to the ambient on its diagonal, shape (4 n + 12,) twice [W/K].
    C
        Heat capacities, shape (4 n + 12,) [J/K]; zero for a rim of no width.
    to_ambient
        Conductance of each node to the ambient, shape (4 n + 12,) [W/K].

    Notes
    -----
    Limits: those of HotSpot's block model. One temperature for a block however large; a rim is four
    nodes; capacities carry its fitted factor 0.333, which slows no mode correctly but the first.
    """

    nodes: tuple[str, ...]
    G: Matrix
    C: Vector
    to_ambient: Vector

    def __post_init__(self) -> None:
        n = len(self.nodes)
        for field, shape in (("G", (n, n)), ("C", (n,)), ("to_ambient", (n,))):
            object.__setattr__(
                self, field, frozen_array(getattr(self, field), field=field, shape=shape)
            )

    def network(self) -> RcNetwork:
        """Return the network of the nodes that hold heat.

        A rim of no width holds none: its temperature follows from its neighbours', and it is
        eliminated exactly (Kron reduction), which HotSpot's own transient solver cannot do.
        """
        kept, shares = self._kept()
        joined = -self.G[np.ix_(kept, kept)] + shares @ -self.G[np.ix_(~kept, kept)]
        np.fill_diagonal(joined, 0.0)
        return RcNetwork(
            tuple(node for node, keep in zip(self.nodes, kept, strict=True) if keep),
            self.C[kept] + shares @ self.C[~kept],
            0.5 * (joined + joined.T),
            self.to_ambient[kept] + shares @ self.to_ambient[~kept],
        )

    def all_degc(self, temps_degc: Matrix, ambient_degc: float) -> Matrix:
        """Return the temperatures of all nodes from those of `network`.

        Parameters
        ----------
        temps_degc
            Temperatures of the network's nodes, shape (..., nodes of the network) [degC].
        ambient_degc
            Ambient temperature [degC].

        Returns
        -------
        ndarray
            Temperatures of `nodes`, shape (..., 4 n + 12) [degC].
        """
        kept, shares = self._kept()
        rise = np.empty((*np.shape(temps_degc)[:-1], len(self.nodes)))
        rise[..., kept] = temps_degc - ambient_degc
        rise[..., ~kept] = rise[..., kept] @ shares
        return np.asarray(ambient_degc + rise)

    def _kept(self) -> tuple[NDArray[np.bool_], Matrix]:
        """Return which nodes hold heat, and how those share in each of the others' temperature."""
        kept = self.C / np.diagonal(self.G) > _MASSLESS_S
        kept[: -len(_RIMS)] = True  # whatever draws power stays, however small
        own = self.G[np.ix_(~kept, ~kept)]
        return kept, -self.G[np.ix_(kept, ~kept)] @ np.linalg.inv(own)


def build_block_model(floorplan: Floorplan, package: Package) -> BlockModel:
    """Return the block model of a floorplan on a package.

    Parameters
    ----------
    floorplan
        The die.
    package
        What it is mounted on.

    Returns
    -------
    BlockModel
        Conductances and capacities as HotSpot 7 builds them, to rounding.

    Raises
    ------
    ValueError
        If the die is wider or higher than the spreader, or die, spreader and sink have one side in
        common, for which HotSpot's formulas divide by zero.

    References
    ----------
    .. [1] W. Huang, S. Ghosh, S. Velusamy, K. Sankaranarayanan, K. Skadron and M. Stan, "HotSpot: a
       compact thermal modeling methodology for early-stage VLSI design," *IEEE Trans. VLSI
       Systems*, vol. 14, no. 5, 2006 (unverified).
    .. [2] https://github.com/uvahotspot/HotSpot, temperature_block.c, temperature.c, flp.c.
    """
    outline = floorplan.outline
    rims = _Rims.around(outline, package)
    n = len(floorplan.blocks)
    G = np.zeros((4 * n + 12, 4 * n + 12))
    silicon, interface, spreader, sink = (slice(k * n, (k + 1) * n) for k in range(4))
    layers = (package.chip, package.interface, package.spreader, package.sink)
    for part, layer in zip((silicon, interface, spreader, sink), layers, strict=True):
        if not (part is silicon and package.omit_lateral):
            G[part, part] = _lateral(outline, layer)
    area = outline.area_m2
    G[silicon, interface] = _down(package.chip, area)
    G[interface, spreader] = _down(package.interface, area)
    G[spreader, sink] = _down(package.spreader, area)
    spreader_rim, inner, outer = (slice(4 * (n + k), 4 * (n + k + 1)) for k in range(3))
    G[spreader, spreader_rim] = rims.from_blocks(outline, package.spreader)
    G[sink, inner] = rims.from_blocks(outline, package.sink)
    G[spreader_rim, inner] = _down(package.spreader, rims.inner_m2)
    G[inner, outer] = rims.outwards(package.sink)
    G = np.triu(G) + np.triu(G, 1).T
    foot = np.concatenate((area, rims.inner_m2, np.full(4, rims.outer_m2)))
    to_ambient = np.zeros(len(G))
    to_ambient[3 * n : 4 * n], to_ambient[4 * n + 4 :] = np.split(_to_air(package, foot), [n])
    names = floorplan.names
    nodes = tuple(f"{prefix}{name}" for prefix in _PREFIXES for name in names) + _RIMS
    return BlockModel(
        nodes, np.diag(G.sum(axis=1) + to_ambient) - G, _capacities(package, area, rims), to_ambient
    )


_PREFIXES = ("", "iface_", "hsp_", "hsink_")


@dataclass(frozen=True, slots=True, eq=False)
class _Rims:
    """The part of spreader and sink that no block covers; arrays go west, east, north, south."""

    across_m: Vector
    """How far heat travels outwards through the spreader's rim: a quarter of its whole width."""
    near_m: Vector
    """Mean breadth of that path in the half near the die."""
    far_m: Vector
    """And in the half away from it."""
    inner_m2: Vector
    outer_m2: float
    outer_across_m: float
    outer_m: float

    @classmethod
    def around(cls, outline: Outline, package: Package) -> "_Rims":
        W, H = outline.die_width_m, outline.die_height_m
        S, K = package.spreader_side_m, package.sink_side_m
        if W > S or H > S:
            raise ValueError(
                f"the die is {W!r} m wide and {H!r} m high, expected neither above the "
                f"spreader's side of {S!r} m"
            )
        if K == S and S in (W, H):
            raise ValueError(
                f"die, spreader and sink share the side {S!r} m, expected a rim around the die"
            )
        x, y = (S - W) / 4.0, (S - H) / 4.0
        return cls(
            across_m=np.array((x, x, y, y)),
            near_m=np.array(((S + 3 * H) / 4.0,) * 2 + ((S + 3 * W) / 4.0,) * 2),
            far_m=np.array(((3 * S + H) / 4.0,) * 2 + ((3 * S + W) / 4.0,) * 2),
            inner_m2=np.array(((S + H) * (S - W) / 4.0,) * 2 + ((S + W) * (S - H) / 4.0,) * 2),
            outer_m2=(K * K - S * S) / 4.0,
            outer_across_m=(K - S) / 4.0,
            outer_m=(K + 3 * S) / 4.0,
        )

    def from_blocks(self, outline: Outline, layer: Layer) -> Matrix:
        """Return the conductance from each block to the rim of each side, shape (n, 4) [W/K].

        The rim's own resistance is shared among the blocks of a border by their conductances.
        """
        gx, gy = _half_blocks(outline, layer)
        half = np.stack((gx, gx, gy, gy)) * outline.on_border()
        rim = self.across_m / (layer.conductivity_w_per_m_k * (self.near_m * layer.thickness_m))
        return np.asarray((half / (1.0 + rim * half.sum(axis=1))[:, np.newaxis]).T)

    def outwards(self, sink: Layer) -> Matrix:
        """Return the conductance from the sink's inner to its outer rim, shape (4, 4) [W/K]."""
        k, t = sink.conductivity_w_per_m_k, sink.thickness_m
        outer = self.outer_across_m / (k * (self.outer_m * t))
        return np.diag(1.0 / (outer + self.across_m / (k * (self.far_m * t))))


def _half_blocks(outline: Outline, layer: Layer) -> tuple[Vector, Vector]:
    """Conductance from a block's centre to its vertical and to its horizontal edges [W/K]."""
    k, t = layer.conductivity_w_per_m_k, layer.thickness_m
    width, height = outline.width_m, outline.height_m
    return k * (height * t) / (width / 2.0), k * (width * t) / (height / 2.0)


def _lateral(outline: Outline, layer: Layer) -> Matrix:
    """Conductances between neighbours in one layer, shape (n, n) [W/K]."""
    gx, gy = _half_blocks(outline, layer)
    x_length, y_length = outline.shared_edges_m()
    along = (gx / outline.height_m)[:, np.newaxis] * x_length
    along += (gy / outline.width_m)[:, np.newaxis] * y_length
    both = along + along.T
    return np.divide(along * along.T, both, out=np.zeros_like(both), where=both > 0.0)


def _down(layer: Layer, area_m2: Vector) -> Matrix:
    return np.diag(layer.conductivity_w_per_m_k * area_m2 / layer.thickness_m)


def _to_air(package: Package, area_m2: Vector) -> Vector:
    """Conductance from the foot of the sink to the air, convection shared by area [W/K]."""
    sink = package.sink
    through = sink.thickness_m / sink.conductivity_w_per_m_k
    return area_m2 / (through + package.convection_k_per_w * package.sink_side_m**2)


def _capacities(package: Package, area: Vector, rims: _Rims) -> Vector:
    """Heat capacities of all nodes, shape (4 n + 12,) [J/K]."""

    def slab(layer: Layer, area_m2: Vector) -> Vector:
        return _CAPACITY_FACTOR * layer.capacity_j_per_m3_k * layer.thickness_m * area_m2

    def sink(area_m2: Vector) -> Vector:
        air = _CAPACITY_FACTOR * package.convection_j_per_k / package.sink_side_m**2
        return slab(package.sink, area_m2) + air * area_m2

    return np.concatenate(
        (
            slab(package.chip, area),
            slab(package.interface, area),
            slab(package.spreader, area),
            sink(area),
            slab(package.spreader, rims.inner_m2),
            sink(rims.inner_m2),
            sink(np.full(4, rims.outer_m2)),
        )
    )
