"""Racing: a mix that is surely beaten on the first images is not measured on the rest."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.search.paired import margin_test, sign_test

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Race:
    """How a race is run.

    Attributes
    ----------
    delta
        Probability that any mix at all is dropped wrongly, over the whole search [0..1].
    first
        Share of the images of the first stage; every further one doubles what was seen.
    """

    delta: float = 0.05
    first: float = 1 / 64

    def __post_init__(self) -> None:
        if not 0.0 < self.delta < 1.0:
            raise ValueError(f"delta is {self.delta}, expected above 0 and below 1")
        if not 0.0 < self.first <= 1.0:
            raise ValueError(f"first is {self.first}, expected above 0 and at most 1")

    def stops(self, images: int) -> tuple[int, ...]:
        """Return how many images have been seen after each stage; the last is all of them."""
        stages = max(0, math.floor(-math.log2(self.first)))
        seen = [math.ceil(images / 2**k) for k in range(stages, -1, -1)]
        return tuple(dict.fromkeys(max(stop, min(2, images)) for stop in seen))

    def beaten(self, right: Booleans, rivals: Booleans, *, margin: float, budget: int) -> bool:
        """Tell whether some rival is surely better by more than a margin.

        Parameters
        ----------
        right, rivals
            Right answers to the same images, shapes (n,) and (rivals, n).
        margin
            Accuracy [0..1].
        budget
            How many mixes the search may measure: any pair of them, at any stage, may be compared.

        Notes
        -----
        The exact sign test without a margin, a betting test with one: sharper than
        empirical-Bernstein bounds on differences that are -1, 0 or 1. Limits: images are taken as
        independent draws.
        """
        if not len(rivals) or right.size < 2:
            return False
        better = (rivals & ~right).sum(axis=1)
        worse = (right & ~rivals).sum(axis=1)
        pairs = budget * (budget + 1)
        if margin > 0.0:
            # Holds however often one looks.
            chance = margin_test(better, worse, right.size, margin=margin) * pairs
        else:
            chance = sign_test(better, worse) * pairs * len(self.stops(2**20))
        return bool(np.any(chance <= self.delta))
