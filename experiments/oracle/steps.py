"""A run of the offline bound, cut into steps of unequal length, and the queue of its frames."""

import math
from dataclasses import dataclass

import numpy as np

from adaptive.plant import Plant
from experiments.oracle.plant import Indices
from experiments.workloads import Workload
from thermal.network import Matrix, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A run cut into steps of unequal length, finer where demand or surroundings jump.

    Everything that varies is sampled in the middle of each control period; steps end between
    periods.

    Attributes
    ----------
    edges
        Period at which each step begins, and the end of the run, shape (k + 1,).
    period_s
        Length of a control period [s].
    arrivals
        Frames that arrive in each period, shape (periods,).
    ambient_degc, cooling
        Ambient temperature [degC], and conductance to it over the network's, shape (periods,).
    heat_w
        Heat from outside into each node, shape (periods, n) [W].
    """

    edges: Indices
    period_s: float
    arrivals: Vector
    ambient_degc: Vector
    cooling: Vector
    heat_w: Matrix

    @property
    def lengths_s(self) -> Vector:
        """Length of each step, shape (k,) [s]."""
        return np.asarray(np.diff(self.edges) * self.period_s)

    def total(self, values: Vector) -> Vector:
        """Return the sum over each step's periods, shape (k, ...)."""
        return np.asarray(np.add.reduceat(values, self.edges[:-1], axis=0))

    @property
    def step_of(self) -> Indices:
        """Return the step that holds each period, shape (periods,)."""
        return np.repeat(np.arange(len(self.edges) - 1), np.diff(self.edges))

    def mean(self, values: Vector) -> Vector:
        """Return the mean over each step's periods, shape (k, ...)."""
        sums = self.total(values)
        return np.asarray(sums / np.diff(self.edges).reshape((-1,) + (1,) * (sums.ndim - 1)))

    def at(self, values: Vector, times_s: Matrix) -> Vector:
        """Return the values of the periods that hold some times."""
        index = np.floor(times_s / self.period_s).astype(np.intp)
        return np.asarray(values[np.clip(index, 0, len(values) - 1)])


def cut(workload: Workload, plant: Plant, *, longest_s: float = 10.0) -> Steps:
    """Return the steps of a run.

    Steps grow by half, from the deadline to the longest, away from every jump of demand, ambient,
    cooling or heat, on both sides: a good schedule prepares for what it knows will come.
    """
    period_s = workload.period_s
    middles = [(k + 0.5) * period_s for k in range(workload.periods)]
    demand, ambient, cooling = (
        np.array([function(t) for t in middles])
        for function in (
            workload.demand_hz(),
            workload.ambient_degc(),
            workload.cooling_factor(),
        )
    )
    heat_of = workload.heat_w()
    heat = np.zeros((len(middles), len(plant.network.nodes)))
    for row, t in zip(heat, middles, strict=True):
        for node, watts in heat_of(t).items():
            row[plant.network.index(node)] = watts
    mean_hz = max(float(demand.mean()), 1e-9)
    # What chance alone moves means over four seconds by is no jump.
    noticed = max(0.15 * mean_hz, 6.0 * math.sqrt(mean_hz / _SMOOTH_S))
    jumps = (
        _jumps(demand, noticed, width=max(round(_SMOOTH_S / period_s), 1))
        | _jumps(ambient, 0.5, width=1)
        | _jumps(heat.sum(axis=1), 0.05, width=1)
        | set((np.flatnonzero(np.diff(cooling)) + 1).tolist())
    )
    shortest = max(round(min(workload.deadline_s, 1.0) / period_s), 1)
    longest = max(round(longest_s / period_s), shortest)
    edges = [0]
    for jump in sorted(jumps | {len(middles)}):
        edges += _grow(edges[-1], jump, shortest=shortest, longest=longest)
    return Steps(
        edges=np.array(edges, dtype=np.intp),
        period_s=period_s,
        arrivals=demand * period_s,
        ambient_degc=ambient,
        cooling=cooling,
        heat_w=heat,
    )


_SMOOTH_S = 4.0  # demand is smoothed over this before jumps are looked for


def _jumps(values: Vector, threshold: float, *, width: int) -> set[int]:
    """Return where the means over `width` periods before and after differ most, and enough."""
    if len(values) < 2 * width:
        return set()
    sums = np.concatenate([[0.0], np.cumsum(values)])
    mean = (sums[width:] - sums[:-width]) / width
    change = np.abs(mean[width:] - mean[:-width])  # at period width + index
    found = set()
    while change.max() > threshold:
        at = int(change.argmax())
        found.add(at + width)
        change[max(at - width, 0) : at + width] = 0.0
    return found


def _grow(first: int, last: int, *, shortest: int, longest: int) -> list[int]:
    """Return the ends of steps from one jump to the next, short near both."""
    head, tail = [first], [last]
    length = float(shortest)
    while tail[-1] - head[-1] > 2 * length:
        head.append(head[-1] + round(length))
        tail.append(tail[-1] - round(length))
        length = min(1.5 * length, longest)
    if tail[-1] - head[-1] > length:
        head.append((head[-1] + tail[-1]) // 2)
    return sorted({*head[1:], *tail})


def waiting_periods(deadline_s: float, period_s: float) -> int:
    """Return how many periods after its own a frame may still be taken in.

    A frame counts as come in the middle of its period, and as taken at the start of another.
    """
    return max(math.floor(deadline_s / period_s + 0.5), 0)


def late_arrivals(steps: Steps, deadline_s: float) -> Vector:
    """Return the frames of each step that may still be answered in the next, shape (k,)."""
    wait = waiting_periods(deadline_s, steps.period_s)
    sums = np.concatenate([[0.0], np.cumsum(steps.arrivals)])
    ends = steps.edges[1:]
    return np.asarray(sums[ends] - sums[np.maximum(ends - wait, steps.edges[:-1])])


def earned(
    steps: Steps, shares: Matrix, *, frames_hz: Vector, worth: Vector, deadline_s: float
) -> float:
    """Return the worth of the frames that a schedule answers in time.

    Frames queue up in order; those whose deadline passes are lost; in a period that has time to
    spare the frames of most worth are answered first.

    Parameters
    ----------
    steps
        The run.
    shares
        Time share of each activity in each step, shape (k, a) [0..1].
    frames_hz, worth
        Frames a second of each activity and the worth of one, shape (a,).
    deadline_s
        How long a frame may wait [s].
    """
    order = np.argsort(-worth)
    room = (shares * (frames_hz * steps.period_s))[:, order]
    came = np.cumsum(steps.arrivals)
    wait = waiting_periods(deadline_s, steps.period_s)
    lost = np.concatenate([np.zeros(wait + 1), came])[: len(came)].tolist()
    gone, taken = 0.0, []
    for total, capacity, expired in zip(
        came.tolist(), room.sum(axis=1)[steps.step_of].tolist(), lost, strict=True
    ):
        gone = max(gone, expired)
        taken.append(min(capacity, total - gone))
        gone += taken[-1]
    before = np.cumsum(room, axis=1) - room
    each = np.clip(np.array(taken)[:, np.newaxis] - before[steps.step_of], 0.0, room[steps.step_of])
    return float((each @ worth[order]).sum())
