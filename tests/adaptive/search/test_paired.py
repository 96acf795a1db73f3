import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.search.paired import margin_test, sign_test


def test_the_sign_test_counts_coins() -> None:
    assert sign_test(3, 0) == 1 / 8
    assert sign_test(2, 1) == 1 / 2
    assert sign_test(0, 0) == 1.0
    with pytest.raises(ValueError, match="expected 0 or more"):
        sign_test(-1, 0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_sign_test_is_a_probability_that_falls_with_evidence(better: int, worse: int) -> None:
    here = sign_test(better, worse)
    assert 0.0 < here <= 1.0
    assert sign_test(better + 1, worse) <= here + 1e-12


def test_a_sure_lead_is_told_from_its_margin() -> None:
    # 30 of 30 better, a margin of 0.1: who bets most wins 1 + 0.98 * 0.9 / 1.1 each time, and is
    # one of 24.
    most = (1.0 + 0.98 * 0.9 / 1.1) ** 30
    assert 1 / most < margin_test(30, 0, 30, margin=0.1) < 24 / most
    assert margin_test(30, 0, 30, margin=0.99) > 0.8
    assert margin_test(0, 30, 30, margin=0.0) == 1.0


@pytest.mark.parametrize("margin", [0.0, 0.03, 0.2])
def test_chance_leads_are_seldom_called_sure_however_often_one_looks(margin: float) -> None:
    rng = np.random.default_rng(3)
    shares = [0.2 + margin, 0.8 - margin - 0.2, 0.2]
    drawn = rng.choice([1, 0, -1], p=shares, size=(2000, 640))
    looks = [drawn[:, :n] for n in (10, 40, 160, 640)]
    least = np.min(
        [
            margin_test(
                (seen > 0).sum(axis=1), (seen < 0).sum(axis=1), seen.shape[1], margin=margin
            )
            for seen in looks
        ],
        axis=0,
    )
    assert np.mean(least <= 0.05) <= 0.05
    tests = sign_test((looks[2] > 0).sum(axis=1), (looks[2] < 0).sum(axis=1))
    assert margin > 0.0 or np.mean(tests <= 0.05) <= 0.06


def test_a_margin_outside_reason_is_refused() -> None:
    with pytest.raises(ValueError, match=r"margin is 1\.0"):
        margin_test(1, 0, 2, margin=1.0)
