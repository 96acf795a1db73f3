import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.proportion import NORMAL_QUANTILE_95, wilson_interval


def test_half_of_one_hundred_is_known_to_a_tenth() -> None:
    # By hand: centre 1/2; half width z / 2 sqrt(1/n) / sqrt(1 + z^2/n).
    half = NORMAL_QUANTILE_95 / 20 / (1 + NORMAL_QUANTILE_95**2 / 100) ** 0.5
    assert wilson_interval(50, 100) == pytest.approx((0.5 - half, 0.5 + half))


def test_no_success_still_leaves_room_above() -> None:
    z2 = NORMAL_QUANTILE_95**2
    assert wilson_interval(0, 10) == pytest.approx((0.0, z2 / (10 + z2)))


@given(st.integers(1, 10_000), st.data())
def test_an_interval_holds_its_share_and_mirrors(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1
    assert wilson_interval(trials - successes, trials) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(successes, trials)
