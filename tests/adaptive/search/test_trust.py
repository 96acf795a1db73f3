import numpy as np

from adaptive.search.trust import simultaneous_intervals, told_apart


def test_points_that_cannot_be_told_apart_are_merged_into_the_cheaper() -> None:
    low = np.arange(1000) < 700
    same = low.copy()
    same[700] = True
    high = np.arange(1000) < 800
    assert told_apart(np.array([low, same, high])) == [0, 2]
    assert told_apart(np.array([low])) == [0]
    assert told_apart(np.zeros((0, 5), dtype=bool)) == []


def test_a_dearer_point_that_is_worse_is_merged() -> None:
    assert told_apart(np.array([np.arange(100) < 90, np.arange(100) < 50])) == [0]


def test_intervals_hold_at_once_more_often_than_promised() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0.7, 0.8, 0.9])
    held = 0
    for _ in range(400):
        found = simultaneous_intervals(rng.random((3, 200)) < truth[:, np.newaxis])
        held += all(one.low <= t <= one.high for one, t in zip(found, truth, strict=True))
    assert held / 400 >= 0.95


def test_more_points_make_wider_intervals() -> None:
    row = np.arange(100) < 80
    (alone,) = simultaneous_intervals(row[np.newaxis])
    among = simultaneous_intervals(np.array([row] * 10))[0]
    assert among.low < alone.low < alone.accuracy == 0.8 < alone.high < among.high
