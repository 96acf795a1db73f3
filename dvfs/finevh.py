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
from dvfs.timing import Indices, TimingGraph

Bools = NDArray[np.bool_]

TOLERANCE = 1e-9  # of the period: the high rail may meet it to the last bit


@dataclass(frozen=True, slots=True, eq=False)
class RowProblem:
    """Which rows may go low at a clock, and what each choice draws.

    Attributes
    ----------
    graph
        Timing graph.
    slowed_by
        Rows that slow a node when any of them is low, shape (n_nodes, n): its own, and with swing
        counted those that drive it.
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
    slowed_by: Indices
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
        share = x[self.slowed_by[:, 0]]
        for rows in self.slowed_by.T[1:]:
            np.maximum(share, x[rows], out=share)
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
        # Of the rows that slow a node the lowest counts: linear, and tight at this assignment.
        lowest = np.argmax(np.asarray(low, dtype=np.float64)[self.slowed_by], axis=1)
        blamed = np.take_along_axis(self.slowed_by, lowest[:, None], axis=1)[:, 0]
        ends = self.graph.ends
        late = ends[np.argsort(-arrival[ends], kind="stable")][:most]
        late = late[arrival[late] > self.limit_s]
        paths = [self.graph.worst_path(arrival, int(end)) for end in late]
        extra = np.zeros((len(paths), self.n_rows))
        for added, path in zip(extra, paths, strict=True):
            np.add.at(added, blamed[path], self.extra_s[path])
        room = [self.limit_s - self.high_s[path].sum() for path in paths]
        return extra, np.array(room)


def row_problem(
    mode: CircuitMode,
    technology: Technology,
    *,
    row: Indices,
    rails: Rails,
    frequency_hz: float,
    swing: bool,
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
    swing
        Whether a gate on the high rail that a low row drives is charged the low rail's delay.

    Raises
    ------
    ValueError
        If the high rail misses the clock or the rails are too far apart.

    Notes
    -----
    Limits: without a level shifter the rising input of a high gate has the low rail's drive, and
    that edge is `((V_h - V_t) / (V_l - V_t))^a` slower, more than on the low rail; the falling one
    is not. The low rail's delay is between the two, and keeps the delay from falling as rows go
    low, which the search relies on. With `swing` off crossings only leak, as the simplest model
    of them has it: an optimistic one.
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
        slowed_by=_slowing_rows(mode.graph, row, swing=swing),
        high_s=mode.graph.delay_s * fast,
        extra_s=mode.graph.delay_s * (slow - fast),
        period_s=1.0 / frequency_hz,
        high_w=high,
        low_w=low,
        crossing_w=crossing * technology.crossing_power_w(rails),
    )


def _slowing_rows(graph: TimingGraph, row: Indices, *, swing: bool) -> Indices:
    own = row[graph.gate]
    if not swing:
        return own[:, None]
    of_node = np.append(own, -1)
    drivers = of_node[graph.fanin]
    return np.column_stack([own, np.where(drivers < 0, own[:, None], drivers)])
