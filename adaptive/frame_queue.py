"""Frames that wait to be answered, until their deadline."""

from collections import deque


class FrameQueue:
    """Frames in order of arrival, each with the same time to live.

    Parameters
    ----------
    deadline_s
        A frame not taken within this time of its arrival is dropped [s].
    """

    def __init__(self, deadline_s: float) -> None:
        if not deadline_s > 0.0:
            raise ValueError(f"deadline_s is {deadline_s}, expected a positive number")
        self._deadline_s = deadline_s
        self._batches: deque[tuple[float, int, int]] = deque()  # (arrival, first number, count)
        self._next = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def arrive(self, time_s: float, count: int) -> None:
        """Add frames that arrived at a time."""
        if count:
            self._batches.append((time_s, self._next, count))
            self._next += count
            self._waiting += count

    def expire(self, time_s: float) -> int:
        """Drop the frames whose deadline has passed; return how many."""
        dropped = 0
        while self._batches and self._batches[0][0] + self._deadline_s < time_s:
            dropped += self._batches.popleft()[2]
        self._waiting -= dropped
        return dropped

    def take(self, limit: int) -> list[tuple[float, int, int]]:
        """Remove up to `limit` frames, oldest first, as (arrival, first number, count)."""
        taken = []
        while limit > 0 and self._batches:
            arrival_s, first, count = self._batches.popleft()
            used = min(count, limit)
            taken.append((arrival_s, first, used))
            if used < count:
                self._batches.appendleft((arrival_s, first + used, count - used))
            limit -= used
            self._waiting -= used
        return taken
