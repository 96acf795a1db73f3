"""How much power makes a battery last."""

import math

from adaptive.governor.objective import Battery


class BatteryMeter:
    """What is left of a battery, over what is left of the time it has to last.

    Parameters
    ----------
    battery
        Energy and time; None for a board on the mains.

    Notes
    -----
    Limits: energy is counted from power that the caller measures or estimates.
    """

    def __init__(self, battery: Battery | None) -> None:
        self._battery = battery
        self._began_s: float | None = None
        self._time_s = 0.0
        self._spent_j = 0.0

    def update(self, time_s: float, power_w: float) -> None:
        """Take in the mean power since the last call; the first one starts the clock [W]."""
        if not math.isfinite(time_s):
            return
        if self._began_s is None:
            self._began_s = time_s
        elif time_s > self._time_s and math.isfinite(power_w):
            self._spent_j += max(power_w, 0.0) * (time_s - self._time_s)
        self._time_s = time_s

    @property
    def power_w(self) -> float:
        """Mean power from now on that uses the battery up just in time; else infinite [W]."""
        if self._battery is None or self._began_s is None:
            return math.inf
        left_s = self._began_s + self._battery.length_s - self._time_s
        left_j = max(self._battery.energy_j - self._spent_j, 0.0)
        return left_j / left_s if left_s > 0.0 else math.inf
