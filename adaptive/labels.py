"""Labels at several levels: from the leaf classes up to coarse groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LabelTree:
    """A tree of labels whose leaves are the classes a network tells apart.

    Parameters
    ----------
    leaves
        Names of the classes, in the order of the network's outputs.
    levels
        Names of the levels, finest first: `("leaf", "shape")`.
    paths
        For each leaf, the nodes above it from the coarsest down. A path shorter than
        `len(levels) - 1` makes a shallow leaf: it stands for itself at the levels below its path.
    """

    leaves: tuple[str, ...]
    levels: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for field, names in (("leaves", self.leaves), ("levels", self.levels)):
            if not names or len(set(names)) != len(names):
                raise ValueError(f"{field} is {names}, expected at least one name, each once")
        if len(self.paths) != len(self.leaves):
            raise ValueError(
                f"paths has {len(self.paths)} entries, expected one for each of "
                f"{len(self.leaves)} leaves"
            )
        self._check_tree()

    def _check_tree(self) -> None:
        """Refuse two parents, a node on two levels, and a node named like a leaf."""
        above: dict[str, tuple[str, ...]] = {}
        for leaf, path in zip(self.leaves, self.paths, strict=True):
            if len(path) >= len(self.levels):
                raise ValueError(
                    f"paths of leaf {leaf!r} is {path}, expected at most "
                    f"{len(self.levels) - 1} nodes above a leaf"
                )
            for depth, node in enumerate(path):
                if node in self.leaves:
                    raise ValueError(f"paths of leaf {leaf!r} names {node!r}, which is a leaf")
                if above.setdefault(node, path[:depth]) != path[:depth]:
                    raise ValueError(
                        f"paths of leaf {leaf!r} puts {node!r} under {path[:depth]}, "
                        f"expected {above[node]} as for an earlier leaf: not a tree"
                    )

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "LabelTree":
        """Build a tree from `{"levels": [...], "leaves": {leaf: [node, ...]}}`.

        Raises ValueError where the mapping has another form.
        """
        levels, leaves = content.get("levels"), content.get("leaves")
        if not (isinstance(levels, list | tuple) and isinstance(leaves, Mapping)):
            expected = "'levels', a list, and 'leaves', a mapping from leaf to path"
            # A wrong file, not a wrong call.
            raise ValueError(f"labels is {dict(content)}, expected {expected}")  # noqa: TRY004
        if not all(isinstance(path, list | tuple) for path in leaves.values()):
            raise ValueError("labels.leaves maps a leaf to something other than a list of nodes")
        names = [*levels, *leaves, *(node for path in leaves.values() for node in path)]
        if not all(isinstance(name, str) and name for name in names):
            raise ValueError("labels holds a name that is no text, expected non-empty text")
        return cls(tuple(leaves), tuple(levels), tuple(tuple(path) for path in leaves.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form that `from_dict` reads."""
        pairs = zip(self.leaves, self.paths, strict=True)
        return {"levels": list(self.levels), "leaves": {leaf: list(path) for leaf, path in pairs}}

    def nodes(self, level: str) -> tuple[str, ...]:
        """Return the nodes of a level in the order of their first leaf."""
        return tuple(dict.fromkeys(self._standing(level)))

    def ancestors(self, level: str) -> Integers:
        """Return, for each leaf, the index of its node at a level, shape (leaves,)."""
        index = {node: position for position, node in enumerate(self.nodes(level))}
        return np.array([index[node] for node in self._standing(level)], dtype=np.int64)

    def _standing(self, level: str) -> tuple[str, ...]:
        """Return the name that stands for each leaf at a level."""
        if level not in self.levels:
            raise ValueError(f"level is {level!r}, expected one of {self.levels}")
        depth = len(self.levels) - 1 - self.levels.index(level)
        if level == self.levels[0]:
            return self.leaves
        return tuple(
            path[depth] if depth < len(path) else leaf
            for leaf, path in zip(self.leaves, self.paths, strict=True)
        )

    def coarsened(self, level: str) -> "LabelTree":
        """Return the tree whose leaves are the nodes of a level; the levels below it are gone."""
        standing = self._standing(level)
        at = self.levels.index(level)
        paths = dict(zip(standing, self.paths, strict=True))
        above = len(self.levels) - 1 - at
        nodes = self.nodes(level)
        return LabelTree(nodes, self.levels[at:], tuple(paths[node][:above] for node in nodes))

    def marginalise(self, probabilities: Floats, level: str) -> Floats:
        """Sum leaf probabilities into the nodes of a level: (N, leaves) -> (N, nodes)."""
        if probabilities.ndim != 2 or probabilities.shape[1] != len(self.leaves):
            raise ValueError(
                f"probabilities has shape {probabilities.shape}, expected (N, {len(self.leaves)})"
            )
        return probabilities @ self.membership(level)

    def membership(self, level: str) -> Floats:
        """Return the 0/1 matrix that marginalises, shape (leaves, nodes)."""
        return np.eye(len(self.nodes(level)))[self.ancestors(level)]

    def predict(self, probabilities: Floats, level: str) -> Integers:
        """Return the most probable node of each row, shape (N,); the first of equals wins."""
        return np.asarray(np.argmax(self.marginalise(probabilities, level), axis=1), dtype=np.int64)

    def correct(
        self, probabilities: Floats, labels: Sequence[int] | Integers, *, level: str
    ) -> Booleans:
        """Tell for each row whether the node predicted is the ancestor of its label, shape (N,)."""
        truth = self.ancestors(level)[np.asarray(labels, dtype=np.int64)]
        return np.asarray(self.predict(probabilities, level) == truth, dtype=np.bool_)

    def information_bits(self, level: str) -> Floats:
        """Return what an answer at each node tells, log2(leaves / leaves under it) [bit]."""
        under = np.bincount(self.ancestors(level))
        return np.asarray(np.log2(len(self.leaves) / under), dtype=np.float64)
