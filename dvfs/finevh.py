r"""FINE-VH: every row of a placed circuit is tied to one of two supply rails.

.. math:: \min_{x \in \{0, 1\}^R} \sum_r P_r(x_r) + \sum_{r, s} c_{rs} x_r (1 - x_s)
          \quad \text{subject to} \quad t_{STA}(x) \le 1 / f

with `x_r` = 1 for a row on the low rail and `c_rs` the leakage of the nets that go from a low row
`r` into a high row `s` without a level shifter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dvfs.circuit import CircuitMode, Rails, Technology
from dvfs.gates import Array
from dvfs.timing import AlphaPower, Indices, TimingGraph

Bools = NDArray[np.bool_]

TOLERANCE = 1e-9  # of the period: the high rail may meet it to the last bit


@dataclass(frozen=True, slots=True, eq=False)
class RowProblem:
    """Which rows may go low at a clock, and what each choice draws.

    Attributes
    ----------
    graph
        Timing graph.
    row
        Row of each node, shape (n_nodes,).
    high_s, extra_s
        Delay of each node on the high rail, and how much longer it is on the low one,
        shape (n_nodes,) [s].
    period_s
        Clock period [s].
    high_w, low_w
        Power of each row on either rail, shape (n_rows,) [W].
    crossing_w
        Leakage of the nets from row `r`, if low, into row `s`, if high; zero diagonal,
        shape (n_rows, n_rows) [W].

    Raises
    ------
    ValueError
        If even all rows on the high rail miss the period.
    """

    graph: TimingGraph
    row: Indices
    high_s: Array
    extra_s: Array
    period_s: float
    high_w: Array
    low_w: Array
    crossing_w: Array

    def __post_init__(self) -> None:
        slowest = float(self.graph.critical_s(self.high_s))
        if slowest > self.limit_s:
            raise ValueError(
                f"period_s is {self.period_s!r}, expected at least {slowest!r} s, what the high "
                "rail needs"
            )

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.high_w)

    @property
    def limit_s(self) -> float:
        """The period with the numerical tolerance [s]."""
        return self.period_s * (1.0 + TOLERANCE)

    def power_w(self, low: ArrayLike) -> Array:
        """Return power of assignments, `low` of shape (..., n_rows), 1 for the low rail [W]."""
        x = np.asarray(low, dtype=np.float64)
        linear = self.low_w - self.high_w + self.crossing_w.sum(axis=1)
        inside = np.einsum("...r,...r->...", x @ self.crossing_w, x)
        return np.asarray(self.high_w.sum() + x @ linear - inside)

    def delays_s(self, low: ArrayLike) -> Array:
        """Return node delays, shape (n_nodes,) or, for `low` (n_cases, n_rows), (n_nodes, n)."""
        x = np.asarray(low, dtype=np.float64).T
        share = x[self.row]
        spread = (slice(None),) + (None,) * (share.ndim - 1)
        return np.asarray(self.high_s[spread] + self.extra_s[spread] * share)

    def feasible(self, low: ArrayLike) -> Bools:
        """Return which assignments, shape (n_cases, n_rows), meet the period."""
        return np.asarray(self.graph.critical_s(self.delays_s(low)) <= self.limit_s)

    def late_paths(self, low: ArrayLike, *, most: int = 8) -> tuple[Array, Array]:
        """Return the longest paths that miss the period, as constraints on the assignment.

        Returns
        -------
        extra_s
            What each row adds to the path when it goes low, shape (n_paths, n_rows) [s].
        room_s
            What the path can bear, shape (n_paths,) [s]: an assignment `x` is possible only if
            `extra_s @ x <= room_s`.
        """
        arrival = self.graph.arrival_s(self.delays_s(low))
        ends = self.graph.ends
        late = ends[np.argsort(-arrival[ends], kind="stable")][:most]
        late = late[arrival[late] > self.limit_s]
        paths = [self.graph.worst_path(arrival, int(end)) for end in late]
        extra = np.zeros((len(paths), self.n_rows))
        for added, path in zip(extra, paths, strict=True):
            np.add.at(added, self.row[path], self.extra_s[path])
        room = [self.limit_s - self.high_s[path].sum() for path in paths]
        return extra, np.array(room)


def row_problem(
    mode: CircuitMode,
    technology: Technology,
    *,
    row: Indices,
    rails: Rails,
    frequency_hz: float,
) -> RowProblem:
    """Pose the assignment of a placed circuit at a clock.

    Parameters
    ----------
    mode
        The circuit in its mode.
    technology
        Delay and power models.
    row
        Row of each gate, shape (n_gates,), every row from 0 used.
    rails
        The two voltages.
    frequency_hz
        Clock [Hz].

    Raises
    ------
    ValueError
        If the high rail misses the clock or the rails are too far apart.
    """
    n_rows = int(row.max()) + 1
    scale = 1.0 + technology.area_overhead
    capacitance = scale * np.bincount(row, mode.switched_f, n_rows)
    width = scale * np.bincount(row, mode.width, n_rows)
    high, low = (
        technology.power_w(capacitance, width, voltage_v=volts, f=frequency_hz)
        for volts in (rails.high_v, rails.low_v)
    )
    crossing = np.zeros((n_rows, n_rows))
    np.add.at(crossing, (row[mode.driver], row[mode.reader]), mode.pin_width)
    np.fill_diagonal(crossing, 0.0)
    fast, slow = technology.law.factor((rails.high_v, rails.low_v))
    return RowProblem(
        graph=mode.graph,
        row=row[mode.graph.gate],
        high_s=mode.graph.delay_s * fast,
        extra_s=mode.graph.delay_s * (slow - fast),
        period_s=1.0 / frequency_hz,
        high_w=high,
        low_w=low,
        crossing_w=crossing * technology.crossing_power_w(rails),
    )


def swing_aware_s(problem: RowProblem, low: Bools, *, law: AlphaPower, rails: Rails) -> float:
    r"""Return the longest delay if a high gate is slowed by an input of low swing [s].

    A high-rail gate whose input rises to the low rail only pulls down with the low rail's drive:

    .. math:: d = d_h \left( \frac{V_h - V_t}{V_l - V_t} \right)^a

    The assignment does not count this; here is what it leaves out.

    Parameters
    ----------
    problem
        The rows and their timing.
    low
        The assignment, shape (n_rows,).
    law, rails
        The alpha-power law and the voltages `problem` was posed with.

    Notes
    -----
    Limits: pessimistic, as only rising inputs are slowed and here every edge is.
    """
    graph = problem.graph
    node_low = np.append(low[problem.row], False)
    crossed = node_low[graph.fanin].any(axis=1) & ~node_low[:-1]
    weaker = (rails.high_v - law.threshold_v) / (rails.low_v - law.threshold_v)
    delay = problem.delays_s(low)
    return float(graph.critical_s(np.where(crossed, delay * weaker**law.exponent, delay)))
