import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.governor.forecast import Forecast

EDGES = np.array([0.0, 0.2, 1.0, 8.0, 100.0])


def after(rates: list[float], *, forecast: Forecast | None = None) -> Forecast:
    made = forecast or Forecast(EDGES)
    for step, rate in enumerate(rates):
        made.update(0.1 * step, rate)
    return made


def test_a_steady_stream_is_expected_to_stay() -> None:
    assert after([50.0] * 100).over() == pytest.approx([50.0] * 4)


def test_a_burst_fades_into_what_usually_comes() -> None:
    ahead = after([50.0] * 1900 + [200.0] * 100).over()
    assert np.all(np.diff(ahead) < 0.0)
    assert ahead[0] > 190.0
    assert ahead[-1] < 70.0


def test_what_is_known_in_advance_is_not_guessed() -> None:
    forecast = after([50.0] * 11, forecast=Forecast(EDGES, lambda t: 10.0 if t < 5.0 else 30.0))
    assert forecast.over()[:2] == pytest.approx([10.0, 10.0])
    assert forecast.over()[3] == pytest.approx(30.0)
    assert Forecast(EDGES, lambda _t: 1.0).over().tolist() == [math.inf] * 4


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=6))
def test_odd_rates_and_times_leave_a_rate_or_an_unlimited_one(
    seen: list[tuple[float, float]],
) -> None:
    forecast = Forecast(EDGES)
    for time_s, rate in seen:
        forecast.update(time_s, rate)
    assert not np.isnan(forecast.over()).any()
    assert forecast.now_hz >= 0.0
