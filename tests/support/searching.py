"""Search problems whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.precision import Bits
from adaptive.search.problem import Problem
from adaptive.search.racing import Race
from adaptive.search.space import Mix, SearchSpace

PAIR = (Bits.INT16, Bits.INT8)


def space_of(genes: int, bits: tuple[Bits, ...] = PAIR) -> SearchSpace:
    layers = tuple(f"layer{k}" for k in range(genes))
    return SearchSpace(layers, tuple((layer,) for layer in layers), bits)


@dataclass(frozen=True)
class TableMeter:
    """Answers from a table of right answers, shape (mixes, images), and counts what it is asked."""

    space: SearchSpace
    table: np.ndarray

    @property
    def images(self) -> int:
        return self.table.shape[1]

    def right(self, mixes: Sequence[Mix], start: int, stop: int) -> np.ndarray:
        rows = [int(np.ravel_multi_index(mix, self.space.options)) for mix in mixes]
        return self.table[rows, start:stop]


def drawn_meter(
    space: SearchSpace, *, seed: int = 0, images: int = 600, harm: float = 0.3
) -> TableMeter:
    """Draw a network whose loss has single and pair effects on the logit of its accuracy."""
    rng = np.random.default_rng(seed)
    table = space.table()
    steps = table / (np.array(space.options) - 1)
    genes = steps.shape[1]
    singles = rng.exponential(harm, genes)
    pairs = np.triu(rng.normal(0.0, harm / 2, (genes, genes)), 1)
    logits = 2.0 - steps @ singles - np.einsum("ni,ij,nj->n", steps, pairs, steps)
    accuracies = 1.0 / (1.0 + np.exp(-logits))
    # One threshold an image: plans are right and wrong together, as those of a network are.
    return TableMeter(space, rng.random(images)[np.newaxis] < accuracies[:, np.newaxis])


def linear_cost(space: SearchSpace) -> "LinearCost":
    return LinearCost(tuple(1.0 + (k % 3) for k in range(len(space.options))))


@dataclass(frozen=True)
class LinearCost:
    """Each gene costs its weight at its widest, and half of it at each step below."""

    weights: tuple[float, ...]

    def __call__(self, mix: Mix) -> float:
        pairs = zip(self.weights, mix, strict=True)
        return 1.0 + sum(weight * 0.5**choice for weight, choice in pairs)


def drawn_problem(
    genes: int = 6,
    *,
    budget: int = 100,
    seed: int = 0,
    race: Race | None = None,
    images: int = 600,
    harm: float = 0.3,
    bits: tuple[Bits, ...] = PAIR,
) -> Problem:
    space = space_of(genes, bits)
    meter = drawn_meter(space, seed=seed, images=images, harm=harm)
    return Problem(space, meter, linear_cost(space), budget, race=race)
