import math

import pytest

from adaptive.governor.battery_meter import BatteryMeter
from adaptive.governor.objective import Battery


def test_what_is_left_is_spread_over_what_is_left_of_the_time() -> None:
    meter = BatteryMeter(Battery(100.0, 10.0))
    assert meter.power_w == math.inf  # the clock has not begun
    meter.update(5.0, 3.0)
    assert meter.power_w == pytest.approx(10.0)
    meter.update(9.0, 20.0)
    assert meter.power_w == pytest.approx((100.0 - 80.0) / 6.0)
    meter.update(12.0, 20.0)
    assert meter.power_w == 0.0
    meter.update(15.0, 1.0)
    assert meter.power_w == math.inf  # it has lasted


def test_without_a_battery_and_with_odd_numbers_nothing_is_limited() -> None:
    meter = BatteryMeter(None)
    meter.update(1.0, 1e9)
    meter.update(2.0, 1e9)
    assert meter.power_w == math.inf
    odd = BatteryMeter(Battery(100.0, 10.0))
    for time_s, power_w in ((math.nan, 1.0), (0.0, 1.0), (1.0, math.nan), (0.5, 5.0)):
        odd.update(time_s, power_w)
    assert odd.power_w == pytest.approx(100.0 / 9.5)
