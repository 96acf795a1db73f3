r"""A response surface over mixes: how much accuracy a mix loses, with how sure that is.

The loss against the dearest mix is modelled on a scale that is linear near zero and logarithmic
beyond, because what loses much is of no interest:

.. math:: y = \operatorname{asinh}(loss / s)

as a Gaussian process whose mean is zero and whose kernel sums three parts: single effects, pair
effects, and whatever mixes have in common by the number of genes they agree in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from adaptive.search.space import Mix

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Logarithms of: variance of singles, of pairs, of the rest, its reach in genes, noise.
START = np.log([1.0, 0.1, 0.05, 2.0, 1e-3])
LOW = np.log([1e-3, 1e-5, 1e-5, 0.3, 1e-6])
HIGH = np.log([1e2, 1e1, 1e1, 20.0, 1e-1])


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """What every pair of mixes has in common, shapes (n, m).

    Attributes
    ----------
    singles, pairs
        Changes from the widest that both have, and pairs of such.
    apart
        Genes they differ in.
    """

    singles: Floats
    pairs: Floats
    apart: Floats

    @classmethod
    def of(cls, a: Integers, b: Integers) -> "Likeness":
        """Compare mixes, shapes (n, genes) and (m, genes)."""
        singles = np.zeros((len(a), len(b)))
        apart = np.zeros((len(a), len(b)))
        for gene in range(a.shape[1]):
            same = a[:, gene, np.newaxis] == b[np.newaxis, :, gene]
            singles += same & (a[:, gene, np.newaxis] > 0)
            apart += ~same
        # Each two changes make a pair; they are of different genes by themselves.
        return cls(singles, singles * (singles - 1.0) / 2.0, apart)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """How alike two mixes are, by the logarithms of five numbers, shape (5,)."""

    logs: Floats

    def __call__(self, likeness: Likeness) -> Floats:
        """Return the covariance of every pair of mixes."""
        singles, pairs, rest, reach, _ = np.exp(self.logs)
        covariance = singles * likeness.singles + pairs * likeness.pairs
        return np.asarray(covariance + rest * np.exp(-likeness.apart / reach), dtype=np.float64)

    @property
    def noise(self) -> float:
        """Variance of what a measurement adds."""
        return float(np.exp(self.logs[4]))


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """A fitted surface."""

    kernel: Kernel
    scale: float
    mixes: Integers
    weights: Floats
    lower: Floats

    @classmethod
    def fit(
        cls,
        mixes: Sequence[Mix],
        losses: Floats,
        *,
        scale: float,
        start: Floats = START,
    ) -> "Response":
        """Fit kernel and weights to measured losses by marginal likelihood.

        Parameters
        ----------
        mixes, losses
            What was measured; losses of accuracy, below zero for gains, shape (mixes,).
        scale
            Loss from which on the scale is rather logarithmic than linear.
        start
            Where the likelihood's maximum is sought from.
        """
        seen = np.array(mixes, dtype=np.int64)
        likeness = Likeness.of(seen, seen)
        values = np.arcsinh(np.asarray(losses) / scale)

        def badness(logs: Floats) -> float:
            kernel = Kernel(logs)
            try:
                lower = _factor(kernel, likeness)
            except LinAlgError:
                return 1e9
            whitened = solve_triangular(lower, values, lower=True)
            return float(whitened @ whitened / 2.0 + np.log(np.diag(lower)).sum())

        best = minimize(
            badness,
            start,
            method="L-BFGS-B",
            bounds=list(zip(LOW, HIGH, strict=True)),
            options={"maxiter": 25},
        )
        kernel = Kernel(np.asarray(best.x))
        lower = _factor(kernel, likeness)
        return cls(kernel, scale, seen, cho_solve((lower, True), values), lower)

    def predict(self, mixes: Integers) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of `y` for mixes, shape (n, genes)."""
        across = self.kernel(Likeness.of(mixes, self.mixes))
        whitened = solve_triangular(self.lower, across.T, lower=True)
        own = self._own(mixes)
        variance = np.maximum(own - (whitened**2).sum(axis=0), 1e-12)
        return across @ self.weights, np.sqrt(variance)

    def loss(self, values: Floats) -> Floats:
        """Turn values of `y` back into losses of accuracy."""
        return np.asarray(self.scale * np.sinh(np.clip(values, -20.0, 20.0)))

    def _own(self, mixes: Integers) -> Floats:
        """Return the variance of each mix before anything was measured."""
        singles, pairs, rest, _, _ = np.exp(self.kernel.logs)
        count = (mixes > 0).sum(axis=1)
        return np.asarray(singles * count + pairs * count * (count - 1) / 2.0 + rest)


def _factor(kernel: Kernel, likeness: Likeness) -> Floats:
    """Return the lower Cholesky factor of the covariance of what was measured."""
    covariance = kernel(likeness)
    covariance[np.diag_indices_from(covariance)] += kernel.noise
    return np.asarray(np.tril(cho_factor(covariance, lower=True)[0]))
