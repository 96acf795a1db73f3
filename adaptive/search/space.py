"""What a search may choose: bits for groups of layers, width and head."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from adaptive.precision import Bits, Effort, PrecisionPlan

Mix = tuple[int, ...]
"""One choice for each gene, as a position among its options; 0 is the widest."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Every effort a search may find.

    Genes are the groups of layers in network order, then the width and the head where there is
    more than one.

    Attributes
    ----------
    layers
        Switchable layers in network order.
    groups
        Layers that switch together; each layer is in exactly one group.
    bits, widths, heads
        What there is to choose from, the dearest first.
    idle
        Layers that none of the heads runs: in no group, they follow the last one.
    """

    layers: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    bits: tuple[Bits, ...]
    widths: tuple[float, ...] = (1.0,)
    heads: tuple[str, ...] = ("leaf",)
    idle: tuple[str, ...] = ()
    _group_of: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        grouped = [*(layer for group in self.groups for layer in group), *self.idle]
        if sorted(grouped) != sorted(self.layers) or not all(self.groups):
            raise ValueError(
                f"groups is {self.groups}, expected each of {self.layers} in exactly one group"
            )
        if len(self.bits) < 2 or tuple(sorted(set(self.bits), reverse=True)) != self.bits:
            raise ValueError(f"bits is {self.bits}, expected two or more, falling")
        of = dict.fromkeys(self.idle, len(self.groups) - 1)
        of |= {layer: k for k, group in enumerate(self.groups) for layer in group}
        object.__setattr__(self, "_group_of", tuple(of[layer] for layer in self.layers))

    @property
    def options(self) -> tuple[int, ...]:
        """How many options each gene has."""
        extra = [len(choices) for choices in (self.widths, self.heads) if len(choices) > 1]
        return (*(len(self.bits),) * len(self.groups), *extra)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each gene: a group is called by its only layer, or by its ends."""
        named = [
            group[0] if len(group) == 1 else f"{group[0]}..{group[-1]}" for group in self.groups
        ]
        extra = {"width": self.widths, "head": self.heads}
        return (*named, *(name for name, choices in extra.items() if len(choices) > 1))

    @property
    def size(self) -> int:
        """How many efforts there are."""
        return prod(self.options)

    @property
    def dearest(self) -> Mix:
        """Everything at its widest."""
        return (0,) * len(self.options)

    @property
    def cheapest(self) -> Mix:
        """Everything at its narrowest."""
        return tuple(count - 1 for count in self.options)

    def mixes(self) -> Iterator[Mix]:
        """Yield all mixes in lexicographic order."""
        return product(*(range(count) for count in self.options))

    def table(self) -> NDArray[np.int64]:
        """Return all mixes in lexicographic order, shape (size, genes)."""
        return np.indices(self.options).reshape(len(self.options), -1).T.astype(np.int64)

    def effort(self, mix: Mix) -> Effort:
        """Return the effort a mix stands for."""
        self._check(mix)
        plan = PrecisionPlan(self.layers, tuple(self.bits[mix[group]] for group in self._group_of))
        rest = list(mix[len(self.groups) :])
        width = self.widths[rest.pop(0)] if len(self.widths) > 1 else self.widths[0]
        head = self.heads[rest.pop(0)] if len(self.heads) > 1 else self.heads[0]
        return Effort(plan, width=width, head=head)

    def changed(self, mix: Mix, gene: int, option: int) -> Mix:
        """Return a mix with one gene changed."""
        return (*mix[:gene], option, *mix[gene + 1 :])

    def singles(self) -> tuple[tuple[int, int], ...]:
        """Return every `(gene, option)` but the widest options."""
        return tuple((gene, k) for gene, n in enumerate(self.options) for k in range(1, n))

    def _check(self, mix: Mix) -> None:
        """Refuse a mix of other genes."""
        if len(mix) != len(self.options) or not all(
            0 <= choice < count for choice, count in zip(mix, self.options, strict=True)
        ):
            raise ValueError(f"mix is {mix}, expected a choice below each of {self.options}")
