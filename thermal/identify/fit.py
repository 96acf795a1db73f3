"""Output-error fit of a Foster model: simulate freely, compare with readings, never feed them back.

Equation-error fits (regressing the next reading on the last) are biased by coarse readings; here
the readings' noise stays outside the dynamics.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
from scipy.optimize import least_squares, nnls

from thermal.identify.belief import Belief
from thermal.identify.drift import Drift, identify_drift
from thermal.identify.foster import FosterModel
from thermal.identify.foster_fit import FosterFit
from thermal.identify.trace import HeatTrace
from thermal.network import Matrix, Vector

_TYPICAL_TAU_S: dict[int, tuple[float, ...]] = {1: (100.0,), 2: (8.0, 150.0), 3: (2.0, 25.0, 250.0)}
_SOFT = 1.5  # residuals beyond this many sigmas weigh linearly, not quadratically
_PASSES = 2
_GRID = 7
_OFFSET_DEGC = 200.0


def identify_foster(
    trace: HeatTrace, *, order: int, belief: Belief | None = None, starts: int = 3
) -> FosterFit:
    """Fit a Foster model of a given order to the readings of a trace.

    Parameters
    ----------
    trace
        Readings and inputs; rows without a reading are run through.
    order
        Number of time constants, 1 to 3.
    belief
        Priors; they matter where the data do not speak. Defaults suit a small board.
    starts
        How many starting points to fit from; the best wins.

    Raises
    ------
    ValueError
        If the order is not 1, 2 or 3, or there is no start.
    """
    if order not in _TYPICAL_TAU_S or starts < 1:
        raise ValueError(
            f"order is {order!r}, starts {starts!r}, expected 1, 2 or 3 and at least 1"
        )
    problem = _Problem(trace, order, belief or Belief())
    tried = [problem.solve(theta) for theta in problem.starting_points(starts)]
    theta = min(tried, key=lambda found: found[0])[1]
    for _ in range(_PASSES):
        problem.reweigh(theta)
        theta = problem.solve(theta)[1]
    return problem.fit(theta)


class _Problem:
    """Residuals and their derivative in log parameters, belief included."""

    def __init__(self, trace: HeatTrace, order: int, belief: Belief) -> None:
        self.trace, self.order, self.belief = trace, order, belief
        self.read = trace.read
        self.m = len(trace.names)
        self.sigma_k = max(1.0, trace.resolution_k)
        self.correlation = 1.0
        self.drift = Drift(1.0, 0.0)
        typical = np.array(_TYPICAL_TAU_S[order])
        span_s = float(trace.time_s[-1] - trace.time_s[0])
        typical = np.minimum(typical, span_s * typical / typical[-1])
        highest = trace.inputs.max(axis=0)
        if belief.full_load is not None:
            highest = np.full(self.m, belief.full_load)
        # Gains that add up to the believed rise when every input is at its highest at once would
        # ask too little of inputs that take turns: ask each alone for it.
        unit = np.where(highest > 0.0, highest, 1.0)
        together = float((trace.inputs / unit).sum(axis=1).max())
        mean_gain = np.log(belief.rise_k / max(together, 1.0) / unit)
        self.mean = np.concatenate(
            [
                np.log(typical),
                np.zeros(order),
                mean_gain,
                [belief.ambient_degc],
                np.zeros(order),
                np.log([max(belief.leak_k, 1e-9), belief.leak_per_k]),
            ]
        )
        self.pull = self._pull()
        self.free = np.ones(len(self.mean), dtype=np.bool_)
        self.free[-2:] = belief.leak_k > 0.0

    def _pull(self) -> Matrix:
        """Return the square root of the belief's inverse covariance, shape (p, p)."""
        b, k, m = self.belief, self.order, self.m
        pull = np.diag(
            np.concatenate(
                [
                    np.full(k, 1.0 / b.tau_spread),
                    np.ones(k),  # shares: within a factor e of each other
                    np.zeros(m),
                    [1.0 / b.ambient_spread_k],
                    np.full(k, 1.0 / b.start_spread_k),
                    np.full(2, 1.0 / b.leak_spread),
                ]
            )
        )
        common = np.full((m, m), 1.0 / m)
        pull[2 * k : 2 * k + m, 2 * k : 2 * k + m] = (
            np.eye(m) - common
        ) / b.kin_spread + common / b.rise_spread
        return pull

    def model(self, theta: Vector) -> FosterModel:
        k, m = self.order, self.m
        share = np.exp(theta[k : 2 * k] - theta[k : 2 * k].max())
        leaks = self.belief.leak_k > 0.0
        return FosterModel(
            tau_s=np.exp(np.clip(theta[:k], -7.0, 14.0)),
            share=share / share.sum(),
            gain=np.exp(np.clip(theta[2 * k : 2 * k + m], -30.0, 20.0)),
            ambient_degc=float(theta[2 * k + m]),
            leak_k=float(np.exp(min(theta[-2], 5.0))) if leaks else 0.0,
            leak_per_k=float(np.exp(min(theta[-1], -2.0))),
            leak_degc=60.0,
            start_k=theta[2 * k + m + 1 : 3 * k + m + 1],
        )

    def solve(self, start: Vector) -> tuple[float, Vector]:
        """Return the cost and the parameters of the nearest optimum."""
        free, whole = self.free, start.copy()
        kept: dict[bytes, tuple[Vector, Matrix]] = {}

        def both(x: Vector) -> tuple[Vector, Matrix]:
            key = x.tobytes()
            if key not in kept:
                kept.clear()
                whole[free] = x
                run, slope = self.model(whole).sensitivity(self.trace)
                weight = 1.0 / (self.sigma_k * self.correlation)
                error = (run - self.trace.temps_degc)[self.read] * weight
                # Soft L1 on readings only: applied here, so that belief stays quadratic.
                pseudo = _SOFT * weight * self.sigma_k
                size = np.sqrt(1.0 + (error / pseudo) ** 2)
                soft = np.sign(error) * pseudo * np.sqrt(2.0 * (size - 1.0))
                ratio = np.where(
                    np.abs(error) > 1e-9, error / size / np.where(soft, soft, 1.0), 1.0
                )
                ratio = np.where(np.abs(soft) > 1e-9, ratio, 1.0)
                jac = (slope[:, self.read] * weight * ratio).T
                held = self.pull @ (whole - self.mean)
                kept[key] = (
                    np.concatenate([soft, held]),
                    np.vstack([jac[:, free], self.pull[:, free]]),
                )
            return kept[key]

        def value(x: Vector) -> Vector:
            return both(x)[0]

        def jacobian(x: Vector) -> Matrix:
            return both(x)[1]

        found = least_squares(
            value,
            start[free],
            jac=jacobian,
            method="trf",
            x_scale="jac",
            max_nfev=60,
            ftol=1e-7,
            xtol=1e-7,
        )
        whole[free] = found.x
        return float(found.cost), whole.copy()

    def reweigh(self, theta: Vector) -> None:
        """Set the noise scale, its correlation and the drift from what the model leaves over."""
        residual = (self.trace.temps_degc - self.model(theta).respond(self.trace))[self.read]
        times = self.trace.time_s[self.read]
        spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
        self.sigma_k = max(spread, self.trace.resolution_k / np.sqrt(12.0))
        self.drift = identify_drift(times, residual)
        fade = np.exp(-float(np.median(np.diff(times))) / self.drift.tau_s)
        # n correlated readings tell as much as n / c^2 independent ones (white plus first order).
        memory = self.drift.share * 2.0 * fade / (1.0 - fade)
        most = np.sqrt(max(len(residual) / 4.0, 1.0))
        self.correlation = float(min(np.sqrt(1.0 + memory), most))

    def fit(self, theta: Vector) -> FosterFit:
        k = self.order
        order = np.argsort(theta[:k])
        for block in (slice(0, k), slice(k, 2 * k), slice(2 * k + self.m + 1, 3 * k + self.m + 1)):
            theta[block] = theta[block][order]
        model = self.model(theta)
        _, slope = model.sensitivity(self.trace)
        slope = slope[:, self.read] / (self.sigma_k * self.correlation)
        slope[~self.free] = 0.0
        information = slope @ slope.T
        covariance: Matrix = np.asarray(np.linalg.inv(information + self.pull.T @ self.pull))
        names = (
            *(f"tau_{i + 1}" for i in range(k)),
            *(f"share_{i + 1}" for i in range(k)),
            *(f"gain of {name}" for name in self.trace.names),
            "ambient",
            *(f"start_{i + 1}" for i in range(k)),
            "leak",
            "leak growth",
        )
        return FosterFit(model, self.drift, self.sigma_k, names, covariance, information)

    def starting_points(self, count: int) -> Iterator[Vector]:
        """Yield the most promising sets of time constants with what is linear given them."""
        dt, span = np.diff(self.trace.time_s), self.trace.time_s[-1] - self.trace.time_s[0]
        grid = np.geomspace(0.5 * float(np.median(dt)), float(span), _GRID)
        ranked = []
        for taus in combinations(grid, self.order):
            theta = self.mean.copy()
            theta[: self.order] = np.log(taus)
            ranked.append(self._linear(theta))
        ranked.sort(key=lambda pair: pair[0])
        for _, theta in ranked[:count]:
            yield theta

    def _linear(self, theta: Vector) -> tuple[float, Vector]:
        """Return the misfit and the parameters with shares, common gain and ambient solved for."""
        k, m = self.order, self.m
        base = self.model(theta)
        unit = replace(base, leak_k=0.0, ambient_degc=0.0, start_k=np.zeros(k))
        rows = [replace(unit, share=np.eye(k)[i]).respond(self.trace)[self.read] for i in range(k)]
        readings = self.trace.temps_degc[self.read]
        columns = np.column_stack([*rows, np.ones(len(readings))])
        weights, misfit = nnls(columns, readings + _OFFSET_DEGC)
        theta = theta.copy()
        total = max(float(weights[:k].sum()), 1e-3)
        theta[k : 2 * k] = np.log(np.maximum(weights[:k] / total, 0.03))
        theta[2 * k : 2 * k + m] += np.log(total)
        theta[2 * k + m] = weights[k] - _OFFSET_DEGC
        return float(misfit), theta
