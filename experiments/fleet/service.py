"""How many boards answer frames: `adaptive.service.Service` for N streams at once, to the frame.

Frames leave a queue from its front only, answered or dropped. So a queue is the number of its
front frame and the last arrivals, each a time and the numbers of its frames.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermal.network import Matrix, Vector

Indices = NDArray[np.intp]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FleetAnswered:
    """What became of N streams in a span.

    Attributes
    ----------
    arrived, dropped, served
        Frames, each of shape (N,).
    delays_s
        From arrival to answer of the frames of each arrival still remembered, shape (N, slots) [s].
    counts
        How many of those frames were answered, shape (N, slots).
    busy
        Share of the span that each cluster worked, shape (N,) [0..1].
    """

    arrived: Counts
    dropped: Counts
    served: Counts
    delays_s: Matrix
    counts: Counts
    busy: Vector


class FleetService:
    """Frames of N boards that arrive, wait, and are answered or dropped.

    Parameters
    ----------
    boards
        How many.
    deadline_s
        How long a frame may wait [s].
    period_s
        Control period; a period has at most two spans [s].
    """

    def __init__(self, boards: int, *, deadline_s: float, period_s: float) -> None:
        self._deadline_s = deadline_s
        slots = 2 * (math.ceil(deadline_s / period_s) + 2)
        self._times = np.full((boards, slots), -np.inf)
        self._begins = np.zeros((boards, slots), dtype=np.int64)
        self._ends = np.zeros((boards, slots), dtype=np.int64)
        self._slot = 0
        self._front = np.zeros(boards, dtype=np.int64)
        self._back = np.zeros(boards, dtype=np.int64)
        self._due = np.zeros(boards)
        self._credit = np.zeros(boards)
        self._owed_s = np.zeros(boards)

    @property
    def waiting(self) -> Counts:
        """Frames not yet answered, shape (N,)."""
        return self._back - self._front

    def serve(
        self,
        rows: Indices | slice,
        *,
        latency_s: Vector,
        duty: Vector,
        demand_hz: Vector,
        start_s: Vector,
        span_s: Vector,
        on: NDArray[np.bool_],
    ) -> FleetAnswered:
        """Answer what some boards can in a span; arrays have one entry a board of `rows`.

        Parameters
        ----------
        rows
            Which boards.
        latency_s, duty
            Of the point each one runs [s] and [0..1].
        demand_hz
            Frames that arrive a second; all in the middle of the span [Hz].
        start_s, span_s
            When each one's span begins, and how long it is [s].
        on
            Whether each board answers at all.
        """
        middle_s, end_s = start_s + span_s / 2, start_s + span_s
        before = self._due[rows].astype(np.int64)
        self._due[rows] += demand_hz * span_s
        arrived = self._due[rows].astype(np.int64) - before
        self._arrive(rows, middle_s, arrived)
        works = (duty > 0.0) & on
        dropped = np.where(works, self._expire(rows, start_s + latency_s, works), 0)
        self._credit[rows] += np.where(works, duty / latency_s * span_s, 0.0)
        first = self._front[rows].copy()
        count = np.minimum(self._credit[rows].astype(np.int64), self._back[rows] - first)
        self._front[rows] = after = first + count
        self._credit[rows] = np.minimum(self._credit[rows] - count, 1.0)
        each = np.minimum(after[:, np.newaxis], self._ends[rows])
        each = np.maximum(each - np.maximum(first[:, np.newaxis], self._begins[rows]), 0)
        # Slots without frames have any finite delay.
        times = np.where(each, self._times[rows], 0.0)
        delays = end_s[:, np.newaxis] - times + latency_s[:, np.newaxis]
        dropped = dropped + self._expire(rows, end_s, np.ones(len(works), dtype=bool))
        self._owed_s[rows] += count * latency_s
        work_s = np.minimum(self._owed_s[rows], duty * span_s)
        self._owed_s[rows] -= work_s
        return FleetAnswered(arrived, dropped, count, delays, each, busy=work_s / span_s)

    def _arrive(self, rows: Indices | slice, time_s: Vector, count: Counts) -> None:
        slot = self._slot
        self._slot = (slot + 1) % self._times.shape[1]
        # Boards that take no part leave the slot empty.
        self._times[:, slot], self._begins[:, slot], self._ends[:, slot] = -np.inf, 0, 0
        self._times[rows, slot] = time_s
        self._begins[rows, slot] = self._back[rows]
        self._back[rows] += count
        self._ends[rows, slot] = self._back[rows]

    def _expire(self, rows: Indices | slice, time_s: Vector, asked: NDArray[np.bool_]) -> Counts:
        """Drop the frames whose deadline has passed, of the boards asked; return how many."""
        late = self._times[rows] + self._deadline_s < time_s[:, np.newaxis]
        until = np.where(late & asked[:, np.newaxis], self._ends[rows], 0).max(axis=1)
        dropped = np.maximum(until - self._front[rows], 0)
        self._front[rows] += dropped
        return np.asarray(dropped)
