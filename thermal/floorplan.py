"""Floorplans: the rectangles a die is cut into, and which of them share an edge."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermal.network import Matrix, Vector
from thermal.package import LENGTH_M, check_within

# Edges closer than this, strictly, are one edge. HotSpot's own constant: widening it by a rounding
# error joins blocks that its Alpha EV6 floorplan leaves apart.
SAME_EDGE_M = 1e-6


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle of silicon that draws power.

    Attributes
    ----------
    name
        Its name.
    width_m, height_m
        Extent in x and in y [m].
    left_m, bottom_m
        Position of the lower left corner [m].

    Raises
    ------
    ValueError
        If the name is empty, an extent is not 1 nm to 100 m or a position further away than that.
    """

    name: str
    width_m: float
    height_m: float
    left_m: float
    bottom_m: float

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a block has no name, expected one")
        for field in ("width_m", "height_m"):
            check_within(getattr(self, field), LENGTH_M, name=f"{field} of block {self.name!r}")
        for field in ("left_m", "bottom_m"):
            bounds = (-LENGTH_M[1], LENGTH_M[1])
            check_within(getattr(self, field), bounds, name=f"{field} of block {self.name!r}")


@dataclass(frozen=True, slots=True)
class Floorplan:
    """The blocks of a die.

    Attributes
    ----------
    blocks
        At least one, with names that differ in more than capitals.

    Raises
    ------
    ValueError
        If there is no block or two have the same name.

    Notes
    -----
    Limits: gaps stay empty and overlaps are not looked for, as in HotSpot; neither conducts.
    """

    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ValueError("blocks is empty, expected at least one")
        count = Counter(block.name.casefold() for block in self.blocks)
        if repeated := [block.name for block in self.blocks if count[block.name.casefold()] > 1]:
            raise ValueError(
                f"blocks repeats {repeated}, expected names that differ in more than capitals"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Block names, in order."""
        return tuple(block.name for block in self.blocks)

    @property
    def outline(self) -> "Outline":
        """The blocks as arrays, moved so that the die's lower left corner is the origin."""
        fields = [(b.width_m, b.height_m, b.left_m, b.bottom_m) for b in self.blocks]
        width, height, left, bottom = np.array(fields, dtype=np.float64).T
        return Outline(width, height, left + (0.0 - left.min()), bottom + (0.0 - bottom.min()))


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A floorplan as arrays, one entry a block, the die's lower left corner at the origin.

    Attributes
    ----------
    width_m, height_m, left_m, bottom_m
        Extents and positions, shape (n,) [m].
    """

    width_m: Vector
    height_m: Vector
    left_m: Vector
    bottom_m: Vector

    @property
    def right_m(self) -> Vector:
        """Right edges, shape (n,) [m]."""
        return self.left_m + self.width_m

    @property
    def top_m(self) -> Vector:
        """Upper edges, shape (n,) [m]."""
        return self.bottom_m + self.height_m

    @property
    def die_width_m(self) -> float:
        """Extent of the die in x [m]."""
        return float(self.right_m.max() - self.left_m.min())

    @property
    def die_height_m(self) -> float:
        """Extent of the die in y [m]."""
        return float(self.top_m.max() - self.bottom_m.min())

    @property
    def area_m2(self) -> Vector:
        """Area of each block, shape (n,) [m2]."""
        return self.height_m * self.width_m

    def on_border(self) -> NDArray[np.bool_]:
        """Return which blocks lie on the die's west, east, north and south edge, shape (4, n)."""
        return np.stack(
            (
                _same(self.left_m, 0.0),
                _same(self.right_m, self.die_width_m),
                _same(self.top_m, self.die_height_m),
                _same(self.bottom_m, 0.0),
            )
        )

    def shared_edges_m(self) -> tuple[Matrix, Matrix]:
        """Return the length of the edge two blocks share.

        Returns
        -------
        tuple of ndarray
            For neighbours in x (one left of the other) and in y, each shape (n, n) [m]; zero where
            blocks do not touch or meet only at a corner.
        """
        left, right, bottom, top = self.left_m, self.right_m, self.bottom_m, self.top_m
        x_meets, y_meets = _meets(left, right), _meets(bottom, top)
        corner = x_meets & y_meets
        apart = corner | np.eye(len(left), dtype=bool)
        x_length, x_overlaps = _overlap(bottom, top)
        y_length, y_overlaps = _overlap(left, right)
        return (
            np.where(x_meets & x_overlaps & ~apart, x_length, 0.0),
            np.where(y_meets & y_overlaps & ~apart, y_length, 0.0),
        )


def _same(one: Vector, other: Vector | float) -> NDArray[np.bool_]:
    return np.abs(one - other) < SAME_EDGE_M


def _meets(low: Vector, high: Vector) -> NDArray[np.bool_]:
    """Whether the end of one interval is the start of the other, shape (n, n)."""
    follows = _same(high[:, np.newaxis], low[np.newaxis, :])
    return follows | follows.T


def _overlap(low: Vector, high: Vector) -> tuple[Matrix, NDArray[np.bool_]]:
    """Return the length two closed intervals have in common, and whether they touch at all."""
    length = np.minimum.outer(high, high) - np.maximum.outer(low, low)
    return length, length >= 0.0
