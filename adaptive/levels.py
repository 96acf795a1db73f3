"""How precisely to answer: the finest node of the label tree that is sure enough.

`conformal_threshold` makes "sure enough" a promise about coverage; it holds for the effort whose
probabilities it was calibrated on, so every effort has its own temperature and threshold.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from adaptive.labels import LabelTree

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

ROOT = "root"


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """Every answer a tree allows, and the way from each leaf up to the root.

    Parameters
    ----------
    tree
        The labels.

    Attributes
    ----------
    nodes
        Names of all answers: the leaves in their order, the nodes above, the root last. The root
        is always right and tells nothing.
    level_of
        The tree's level at which each node stands, or `ROOT`, by node.
    membership
        1 where a leaf lies under a node, shape (leaves, nodes).
    chains
        For each leaf the nodes from itself up to the root, which repeats at the end of short
        ones; shape (leaves, levels + 1).
    information_bits
        What each answer tells, log2(leaves / leaves under it) [bit], shape (nodes,).
    """

    tree: LabelTree
    nodes: tuple[str, ...] = field(init=False)
    level_of: tuple[str, ...] = field(init=False)
    membership: Floats = field(init=False)
    chains: Integers = field(init=False)
    information_bits: Floats = field(init=False)

    def __post_init__(self) -> None:
        tree, leaves = self.tree, len(self.tree.leaves)
        coarsest_first = tree.levels[::-1]
        level_of = dict.fromkeys(tree.leaves, tree.levels[0])
        for path in tree.paths:
            level_of |= {node: coarsest_first[depth] for depth, node in enumerate(path)}
        index = {node: position for position, node in enumerate(level_of)}
        root = len(index)
        chains = np.full((leaves, len(tree.levels) + 1), root, dtype=np.int64)
        for leaf, path in enumerate(tree.paths):
            chains[leaf, : len(path) + 1] = [leaf, *(index[node] for node in path[::-1])]
        membership = np.zeros((leaves, root + 1))
        np.put_along_axis(membership, chains, 1.0, axis=1)
        object.__setattr__(self, "nodes", (*level_of, ROOT))
        object.__setattr__(self, "level_of", (*level_of.values(), ROOT))
        object.__setattr__(self, "membership", membership)
        object.__setattr__(self, "chains", chains)
        object.__setattr__(self, "information_bits", np.log2(leaves / membership.sum(axis=0)))

    @property
    def root(self) -> int:
        """Index of the root."""
        return len(self.nodes) - 1

    def node_probabilities(self, probabilities: Floats) -> Floats:
        """Sum leaf probabilities (N, leaves) into every node, (N, nodes); the root's is 1."""
        self._check(probabilities)
        summed = np.minimum(probabilities @ self.membership, 1.0)
        summed[:, self.root] = 1.0
        return summed

    def _check(self, probabilities: Floats) -> None:
        """Refuse what is no table of probabilities."""
        leaves = len(self.tree.leaves)
        if probabilities.ndim != 2 or probabilities.shape[1] != leaves:
            raise ValueError(
                f"probabilities has shape {probabilities.shape}, expected (N, {leaves})"
            )
        if not bool(np.all(probabilities >= 0.0)):
            raise ValueError("probabilities has an entry below 0 or none at all, expected 0 to 1")

    def ways(self, probabilities: Floats) -> "Ways":
        """Return the way up from each row's best leaf, with the probabilities on it."""
        summed = self.node_probabilities(probabilities)
        chain = self.chains[np.argmax(probabilities, axis=1)]
        # Rounding may let a sum fall by a last digit on the way up; a sum of more cannot.
        rising = np.maximum.accumulate(np.take_along_axis(summed, chain, axis=1), axis=1)
        return Ways(self, chain, rising)

    def climb(self, probabilities: Floats, threshold: float) -> Integers:
        """Climb from the best leaf until a node's probability exceeds the threshold.

        Returns the node of each row, shape (N,); the root where no other is sure enough, so a
        threshold of 1 or more, or infinity, always answers the root.
        """
        return self.ways(probabilities).answers(threshold)

    def tight_thresholds(self, probabilities: Floats, labels: Sequence[int] | Integers) -> Floats:
        """Return the smallest threshold with which each row is answered rightly, shape (N,).

        0 where the best leaf is right; else the probability of the last wrong node on its chain.
        """
        return self.ways(probabilities).tight_thresholds(labels)

    def covers(self, answers: Integers, labels: Sequence[int] | Integers) -> Booleans:
        """Tell for each answer whether its label lies under it, shape (N,)."""
        truth = np.asarray(labels, dtype=np.int64)
        return np.asarray(self.membership[truth, answers] == 1.0, dtype=np.bool_)

    def score(self, answers: Integers, labels: Sequence[int] | Integers) -> "LevelScore":
        """Count what answers cover and tell."""
        at = [self.level_of[node] for node in answers]
        return LevelScore(
            answers=len(answers),
            covered=int(self.covers(answers, labels).sum()),
            information_bits=float(self.information_bits[answers].mean()),
            at_level={level: at.count(level) for level in (*self.tree.levels, ROOT)},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """The ways up from the best leaves of some images: all that choosing their levels needs.

    Parameters
    ----------
    ladder
        The answers there are.
    nodes
        From each image's best leaf up to the root, shape (N, levels + 1).
    probabilities
        Of those nodes, never falling on the way up, the root's 1; shape (N, levels + 1).
    """

    ladder: Ladder
    nodes: Integers
    probabilities: Floats

    def __post_init__(self) -> None:
        wanted = (len(self.nodes), self.ladder.chains.shape[1])
        if self.nodes.shape != wanted or self.probabilities.shape != wanted:
            raise ValueError(
                f"nodes has shape {self.nodes.shape} and probabilities "
                f"{self.probabilities.shape}, expected (N, {wanted[1]}) of both"
            )

    def __getitem__(self, rows: Integers) -> "Ways":
        """Return the ways of some images."""
        return Ways(self.ladder, self.nodes[rows], self.probabilities[rows])

    def answers(self, threshold: float) -> Integers:
        """Answer the first node more probable than the threshold, else the root; shape (N,)."""
        if math.isnan(threshold):
            raise ValueError("threshold is nan, expected a number")
        sure = self.probabilities > threshold
        sure |= self.nodes == self.ladder.root
        first = np.argmax(sure, axis=1)[:, np.newaxis]
        return np.asarray(np.take_along_axis(self.nodes, first, axis=1)[:, 0], dtype=np.int64)

    def tight_thresholds(self, labels: Sequence[int] | Integers) -> Floats:
        """Return the smallest threshold with which each image is answered rightly, shape (N,)."""
        truth = np.asarray(labels, dtype=np.int64)[:, np.newaxis]
        wrong = self.ladder.membership[truth, self.nodes] == 0.0  # (N, levels + 1)
        return np.asarray(np.where(wrong, self.probabilities, 0.0).max(axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class LevelScore:
    """What a way of choosing levels achieved: mean information in bits, answers by level."""

    answers: int
    covered: int
    information_bits: float
    at_level: dict[str, int]

    @property
    def coverage(self) -> float:
        """Share of answers that hold the label."""
        return self.covered / self.answers


def conformal_threshold(tight: Floats, alpha: float) -> float:
    r"""Find the threshold that covers a new image with a probability of at least 1 - alpha.

    It is the :math:`\lceil (n + 1)(1 - \alpha) \rceil`-th smallest of n tight thresholds.

    Parameters
    ----------
    tight
        `Ladder.tight_thresholds` of calibration images, shape (n,).
    alpha
        Share of answers that may be wrong, above 0 and below 1.

    Returns
    -------
    float
        The threshold; infinity, which always answers the root, where n is too small for any
        other: below 1/alpha - 1.

    Notes
    -----
    Limits: the promise is on average over calibration sets and images, both drawn alike
    (exchangeable); it says nothing of a single class, nor of images from elsewhere, and it is
    void if the temperature was fitted on the same images or the plan is another. Ties only raise
    coverage: where the leaves alone are right more often than 1 - alpha, all tight thresholds
    below it are 0, so is the threshold, and every answer is a leaf.

    References
    ----------
    .. [1] S. Goren, I. Galil and R. El-Yaniv, "Hierarchical selective classification,"
       NeurIPS 2024, section 4. Unverified. Here a node must exceed the threshold, not reach it,
       so that a smallest right threshold exists.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha}, expected above 0 and below 1")
    if tight.ndim != 1 or bool(np.any(np.isnan(tight))):
        raise ValueError(f"tight has shape {tight.shape} or a NaN, expected numbers of shape (n,)")
    # In decimals as written: 100 * (1 - 0.29) must be 71, not a little more.
    rank = math.ceil((len(tight) + 1) * (1 - Decimal(repr(float(alpha)))))
    if rank > len(tight):
        return math.inf
    return float(np.partition(tight, rank - 1)[rank - 1])


def hedge(ladder: Ladder, probabilities: Floats, weight: float) -> Integers:
    """Answer the node of greatest (information + weight) x probability, shape (N,).

    The root where the weight is infinite; the first of equals, leaves first, wins.
    """
    if not weight >= 0.0:
        raise ValueError(f"weight is {weight}, expected 0 or more")
    summed = ladder.node_probabilities(probabilities)
    if math.isinf(weight):
        return np.full(len(summed), ladder.root, dtype=np.int64)
    worth = (ladder.information_bits + weight) * summed
    return np.asarray(np.argmax(worth, axis=1), dtype=np.int64)


def fit_hedge(
    ladder: Ladder, probabilities: Floats, labels: Sequence[int] | Integers, *, target: float
) -> float:
    r"""Find the least weight with which `hedge` covers a share of calibration images (DARTS).

    Bisection between 0 and :math:`(r_{max} (1 - \epsilon) - r_{root}) / \epsilon`, with
    :math:`\epsilon = 1 - target`; the upper end is doubled while probabilities are so wrong that
    it does not suffice, and the weight is infinite where 2^40 times it does not either.

    Notes
    -----
    Limits: a baseline. It reaches its target on the calibration images and promises nothing about
    others; unlike `Ladder.climb` it may leave the best leaf's way to the root.

    References
    ----------
    .. [1] J. Deng et al., "Hedging your bets: optimizing accuracy-specificity trade-offs in large
       scale visual recognition," CVPR 2012, section 4. Unverified (quoted from memory).
    """
    if not 0.0 < target < 1.0:
        raise ValueError(f"target is {target}, expected above 0 and below 1")

    def suffices(weight: float) -> bool:
        answers = hedge(ladder, probabilities, weight)
        return float(ladder.covers(answers, labels).mean()) >= target

    if suffices(0.0):
        return 0.0
    low = 0.0
    high = max(float(ladder.information_bits.max()) * target / (1.0 - target), 1e-6)
    for _ in range(40):
        if suffices(high):
            break
        low, high = high, 2.0 * high
    else:
        return math.inf
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high
