"""One measure for governors, bound and scoreboard: what answered frames are worth.

A frame answered by its deadline is worth the table's accuracy of the point that answered it times
the information of the level it was answered at; late or dropped frames are worth nothing. A run's
reward is the worth of its frames over what the best effort would have earned on all frames
demanded. No correctness is sampled.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from adaptive.labels import LabelTree
from adaptive.operating_point import OperatingPoint
from adaptive.precision import Effort
from adaptive.simulation import Truth


def information(tree: LabelTree) -> dict[str, float]:
    r"""Return what a right answer at each level tells, over what one at the leaves tells.

    .. math:: \frac{\log (N / N_{node})}{\log N}

    of `N` leaves, of which `N_node` lie under the node answered, averaged over the leaves.

    Raises
    ------
    ValueError
        If the tree has a single leaf, so that no answer tells anything.

    Notes
    -----
    Limits: leaves count alike, whatever share of the frames shows each.
    """
    if len(tree.leaves) < 2:
        raise ValueError(f"leaves is {tree.leaves}, expected two or more to tell apart")
    return {
        level: float(np.mean(tree.information_bits(level)[tree.ancestors(level)]))
        / math.log2(len(tree.leaves))
        for level in tree.levels
    }


@dataclass(frozen=True, slots=True)
class Worth:
    """What a right answer is worth at each level.

    Attributes
    ----------
    of_level
        Worth of a right answer at each level, not negative: its `information`, or a user's own
        weights.
    """

    of_level: Mapping[str, float]

    def __post_init__(self) -> None:
        for level, value in self.of_level.items():
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"worth of level {level!r} is {value}, expected 0 or more")
        object.__setattr__(self, "of_level", MappingProxyType(dict(self.of_level)))

    @classmethod
    def of_tree(cls, tree: LabelTree) -> "Worth":
        """Return the information of each level of a tree."""
        return cls(information(tree))

    def of_frame(self, point: OperatingPoint) -> float:
        """Return the expected worth of a frame that a point answers in time.

        Raises
        ------
        ValueError
            If the point answers at a level that has no worth.
        """
        if point.level not in self.of_level:
            raise ValueError(
                f"point {point.name} answers at level {point.level!r}, "
                f"expected one of {sorted(self.of_level)}"
            )
        return point.accuracy * self.of_level[point.level]

    def best(self, points: Iterable[OperatingPoint]) -> float:
        """Return the worth of a frame that the best effort answers."""
        return max(self.of_frame(point) for point in points)


@dataclass(frozen=True, slots=True)
class Score:
    """What a run earned.

    Attributes
    ----------
    reward
        Worth of its frames, over the best effort's on all frames demanded [0..1].
    leaf_accuracy
        Expected share of all frames demanded that were named rightly, to the leaf [0..1].
    answered
        Share of the frames demanded that were answered in time [0..1].
    energy_per_correct_j
        Energy of the board for one frame rightly answered at its level; infinite if none [J].
    """

    reward: float
    leaf_accuracy: float
    answered: float
    energy_per_correct_j: float


def score(
    truth: Iterable[Truth],
    points: Iterable[OperatingPoint],
    *,
    worth: Worth,
    period_s: float,
    leaf_accuracy: Mapping[Effort, float],
) -> Score:
    """Return what a simulated run earned.

    Parameters
    ----------
    truth
        What happened in each period; frames that could not be answered in time are not in it.
    points
        What the governor could choose from; its best effort sets the scale.
    worth
        What answers are worth.
    period_s
        Length of a period [s].
    leaf_accuracy
        Accuracy of each effort at the leaves, whatever level a point answers at [0..1].
    """
    earned = right = leaf = energy_j = 0.0
    arrived = answered = 0
    for period in truth:
        arrived += period.arrived
        energy_j += period.power_w * period_s
        for batch in period.served:
            answered += batch.count
            earned += batch.count * worth.of_frame(batch.point)
            right += batch.count * batch.point.accuracy
            leaf += batch.count * leaf_accuracy[batch.point.effort]
    demanded = max(arrived, 1)
    return Score(
        reward=earned / (demanded * worth.best(points)),
        leaf_accuracy=leaf / demanded,
        answered=answered / demanded,
        energy_per_correct_j=energy_j / right if right else math.inf,
    )
