from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.errors import ExecutorError
from adaptive.search.executors.chunks import AIM_S, TRIES, Done, Pace, in_order, run_chunk


class WorkerLost(Exception):
    pass


class Kept:
    """A chunk that ends when asked for."""

    def __init__(self, done: Done[int] | None) -> None:
        self._done = done

    def done(self) -> bool:
        return True

    def exception(self) -> BaseException | None:
        return None if self._done else WorkerLost()

    def result(self) -> Done[int]:
        if self._done is None:
            raise WorkerLost
        return self._done


class Scripted:
    """Workers that double numbers and are lost when the script says so."""

    def __init__(self, losses: Sequence[bool] = (), *, each_s: float = 0.01) -> None:
        self.losses, self.each_s = list(losses), each_s
        self.chunks: list[list[int]] = []
        self.slots, self.restarts = 3, 0

    def send(self, chunk: Sequence[int]) -> Kept:
        self.chunks.append(list(chunk))
        if self.losses and self.losses.pop(0):
            return Kept(None)
        return Kept(Done([2 * item for item in chunk], self.each_s * len(chunk)))

    def restart(self) -> None:
        self.restarts += 1


class Refusing(Scripted):
    def send(self, chunk: Sequence[int]) -> Kept:
        raise WorkerLost


@given(st.lists(st.integers()), st.lists(st.booleans(), max_size=4))
def test_results_come_in_order_whatever_is_lost(items: list[int], losses: list[bool]) -> None:
    found = list(in_order(Scripted(losses), items, lost=(WorkerLost,)))
    assert found == [2 * item for item in items]


def test_a_chunk_that_ended_well_is_not_sent_again() -> None:
    workers = Scripted([False, True, False])
    assert list(in_order(workers, [1, 2, 3], lost=(WorkerLost,))) == [2, 4, 6]
    assert workers.chunks == [[1], [2], [3], [2]]
    assert workers.restarts == 1


def test_chunks_grow_until_they_take_long_enough() -> None:
    workers = Scripted(each_s=0.01)
    list(in_order(workers, range(2000), lost=(WorkerLost,)))
    sizes = [len(chunk) for chunk in workers.chunks]
    assert sizes[:3] == [1, 1, 1]
    assert max(sizes) * 0.01 == pytest.approx(AIM_S, abs=0.011)


def test_the_pace_starts_with_one_and_keeps_long_items_apart() -> None:
    pace = Pace()
    assert pace.size == 1
    pace.learn(1, 60.0)
    assert pace.size == 1


def test_a_chunk_lost_again_and_again_is_given_up() -> None:
    with pytest.raises(ExecutorError, match=f"lost its worker {TRIES} times"):
        list(in_order(Scripted([True] * 100), [1], lost=(WorkerLost,)))


def test_workers_that_take_nothing_are_given_up_too() -> None:
    with pytest.raises(ExecutorError, match="WorkerLost"):
        list(in_order(Refusing(), [1], lost=(WorkerLost,)))


def test_a_chunk_tells_how_long_it_took() -> None:
    done = run_chunk(lambda shared, item: shared + item, 10, [1, 2])
    assert done.results == [11, 12]
    assert done.spent_s >= 0.0
