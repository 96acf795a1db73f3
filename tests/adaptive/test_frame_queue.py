import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.frame_queue import FrameQueue


def test_frames_leave_in_the_order_they_came() -> None:
    queue = FrameQueue(1.0)
    queue.arrive(0.0, 3)
    queue.arrive(0.1, 2)
    assert queue.take(4) == [(0.0, 0, 3), (0.1, 3, 1)]
    assert queue.take(4) == [(0.1, 4, 1)]
    assert len(queue) == 0


def test_a_frame_that_waited_too_long_is_dropped() -> None:
    queue = FrameQueue(0.5)
    queue.arrive(0.0, 3)
    queue.arrive(0.4, 2)
    assert queue.expire(0.5) == 0
    assert queue.expire(0.6) == 3
    assert queue.take(9) == [(0.4, 3, 2)]


def test_a_queue_needs_a_deadline() -> None:
    with pytest.raises(ValueError, match="deadline_s is 0"):
        FrameQueue(0.0)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40),
    st.floats(0.05, 2.0),
)
def test_no_frame_is_lost_or_answered_twice(
    steps: list[tuple[int, int]], deadline_s: float
) -> None:
    queue = FrameQueue(deadline_s)
    came, dropped, numbers = 0, 0, []
    for step, (arrive, take) in enumerate(steps):
        queue.arrive(0.1 * step, arrive)
        came += arrive
        for _, first, count in queue.take(take):
            numbers += range(first, first + count)
        dropped += queue.expire(0.1 * step)
    assert came == len(numbers) + dropped + len(queue)
    assert numbers == sorted(set(numbers))
