"""Exact peaks of a power trace, between its samples too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermal.modes import Modes, crossings, decompose
from thermal.network import Matrix, RcNetwork, Vector
from thermal.transient import modal_model

# Where a period is cut to bound its peak: the fastest modes die in its first instants.
_CUTS = np.concatenate(([0.0], np.geomspace(1e-5, 1.0, 24)))
_SEGMENT = 1 << 12
# A bound this close to the best peak found is that peak [K].
_SAME_K = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class TracePeaks:
    """The hottest moment of each observed node over a trace.

    Attributes
    ----------
    nodes
        The nodes.
    temps_degc
        Their highest temperatures, shape (nodes,) [degC].
    time_s
        When, from the trace's start, shape (nodes,) [s].
    """

    nodes: tuple[str, ...]
    temps_degc: Vector
    time_s: Vector


def trace_peaks(
    network: RcNetwork,
    start_degc: Vector,
    *,
    power_w: Matrix,
    ambient_degc: float,
    period_s: float,
    nodes: Sequence[str] | None = None,
) -> TracePeaks:
    """Return the highest temperature of each node over a whole power trace.

    Within a period a node is a sum of exponentials. Each term is monotone, so the ends of a piece
    bound the sum on it; only periods whose bound exceeds the best temperature found so far have the
    zeros of their derivative looked for.

    Parameters
    ----------
    network
        The board.
    start_degc
        Temperatures before the first period, shape (n,) [degC].
    power_w
        Power into each node, constant in a period, shape (steps, n) [W].
    ambient_degc
        Ambient [degC].
    period_s
        Length of a period [s].
    nodes
        Nodes to observe; all by default.

    Returns
    -------
    TracePeaks
        Peaks and when they come.

    Raises
    ------
    ValueError
        If the period is not positive or a node is unknown.

    Notes
    -----
    Limits: exact to about 1e-10 K for power that does not depend on temperature.
    """
    observed = network.nodes if nodes is None else tuple(nodes)
    model = modal_model(network, period_s, outputs=observed)
    modes = decompose(network)
    rows = [network.index(node) for node in observed]
    state = model.start(start_degc, ambient_degc)
    best, when = state @ model.read, np.zeros(len(observed))
    for first in range(0, len(power_w), _SEGMENT):
        power = power_w[first : first + _SEGMENT]
        befores = np.empty((len(power), len(model.decay)))
        for k, row in enumerate(power):
            befores[k] = state
            state = model.step(state, row)
        settled = power @ modes.left / modes.rate
        for i, node in enumerate(rows):
            periods = _Periods(modes, node, befores=befores, settled=settled, period_s=period_s)
            value, period, time_s = periods.peak(float(best[i]))
            if value > best[i]:
                best[i], when[i] = value, (first + period) * period_s + time_s
    return TracePeaks(observed, np.asarray(ambient_degc + best), when)


class _Periods:
    """One node over consecutive periods: `limit + sum(terms * exp(-rate t))` in each."""

    def __init__(
        self, modes: Modes, node: int, *, befores: Matrix, settled: Matrix, period_s: float
    ) -> None:
        self._rate, self._period_s = modes.rate, period_s
        self._limit = settled @ modes.left[node]
        self._terms = (befores - settled) * modes.left[node]

    def peak(self, floor_k: float) -> tuple[float, int, float]:
        """Return the highest rise above a floor, its period and the time within it [s]."""
        ends = self._limit + self._terms @ np.exp(-self._rate * self._period_s)
        found = int(ends.argmax())
        best = (float(ends[found]), found, self._period_s)
        if best[0] < floor_k:
            best = (floor_k, 0, 0.0)
        likely = np.flatnonzero(self._bound(slice(None), np.array((0.0, 1.0))) > best[0] + _SAME_K)
        bound = self._bound(likely, _CUTS)
        for k in np.argsort(-bound):
            if bound[k] <= best[0] + _SAME_K:
                break
            best = max(best, self._exact(int(likely[k])))
        return best

    def _bound(self, periods: slice | NDArray[np.intp], cuts: Vector) -> Vector:
        """Return a number no lower than the node in each period, from pieces between cuts [K]."""
        terms = self._terms[periods]
        highest = np.full(len(terms), -math.inf)
        before = terms * np.exp(-self._rate * cuts[0] * self._period_s)
        for cut in cuts[1:]:
            after = terms * np.exp(-self._rate * cut * self._period_s)
            highest = np.maximum(highest, np.maximum(before, after).sum(axis=1))
            before = after
        return np.asarray(self._limit[periods] + highest)

    def _exact(self, period: int) -> tuple[float, int, float]:
        terms = self._terms[period]
        turns = crossings(-self._rate * terms, self._rate, until_s=self._period_s)
        times = np.array((*turns, self._period_s))
        values = self._limit[period] + np.exp(-np.outer(times, self._rate)) @ terms
        k = int(values.argmax())
        return float(values[k]), period, float(times[k])
