"""How a simulated board answers frames: whole frames, fluid within a span of time."""

from dataclasses import dataclass

from adaptive.frame_queue import FrameQueue
from adaptive.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True)
class Served:
    """Frames of consecutive numbers that one point answered in one span.

    Attributes
    ----------
    point
        The operating point that answered them.
    first
        Number of the first frame.
    count
        How many.
    delay_s
        From their arrival to their answer, waiting included [s].
    """

    point: OperatingPoint
    first: int
    count: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of the stream in a span.

    Attributes
    ----------
    arrived, dropped
        Frames that arrived, and frames whose deadline passed unanswered.
    served
        What was answered.
    busy
        Share of the span that the cluster worked [0..1].
    """

    arrived: int
    dropped: int
    served: tuple[Served, ...]
    busy: float


class Service:
    """Frames that arrive, wait, and are answered or dropped.

    Parameters
    ----------
    deadline_s
        How long a frame may wait [s].

    Notes
    -----
    Limits: no per-frame schedule, so a frame may be answered in the span its deadline falls in; one
    that the point is too slow for is dropped.
    """

    def __init__(self, deadline_s: float) -> None:
        self._queue = FrameQueue(deadline_s)
        self._due = 0.0  # frames demanded so far, fraction included
        self._credit = 0.0  # frames that could have been served, fraction carried
        self._owed_s = 0.0  # work on frames counted as served that is still to be done

    @property
    def waiting(self) -> int:
        """Frames not yet answered."""
        return len(self._queue)

    def serve(
        self,
        point: OperatingPoint,
        *,
        demand_hz: float,
        start_s: float,
        span_s: float,
        on: bool,
        lost_s: float = 0.0,
    ) -> Answered:
        """Answer what one point can in a span.

        Parameters
        ----------
        point
            What runs.
        demand_hz
            Frames that arrive a second; all in the middle of the span [Hz].
        start_s, span_s
            When it begins, and how long it is [s].
        on
            Whether the board answers at all.
        lost_s
            Time of the span in which nothing is answered, though power is drawn as in work [s].
        """
        middle_s, end_s = start_s + span_s / 2, start_s + span_s
        before = int(self._due)
        self._due += demand_hz * span_s
        arrived = int(self._due) - before
        self._queue.arrive(middle_s, arrived)
        works = point.duty > 0.0 and on
        # What this point is too slow for would be answered late: no use starting on it.
        dropped = self._queue.expire(start_s + point.latency_s) if works else 0
        self._credit += point.frames_hz * (span_s - lost_s) if works else 0.0
        taken = self._queue.take(int(self._credit))
        count = sum(batch[2] for batch in taken)
        self._credit = min(self._credit - count, 1.0)  # idle capacity cannot be saved up
        dropped += self._queue.expire(end_s)
        # Frames are counted whole; work on the last of them may reach into the next span.
        self._owed_s += count * point.latency_s
        work_s = min(self._owed_s, point.duty * (span_s - lost_s))
        self._owed_s -= work_s
        served = tuple(
            Served(point, first, n, delay_s=end_s - arrival_s + point.latency_s)
            for arrival_s, first, n in taken
        )
        return Answered(arrived, dropped, served, busy=(work_s + lost_s) / span_s)
