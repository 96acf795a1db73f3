"""How hot the board will be some seconds ahead, for applications that ask."""

import math
from functools import lru_cache

import numpy as np

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from thermal.discretise import discretise
from thermal.model import ThermalModel
from thermal.network import Vector
from thermal.observer import Observer

_PROCESS_K = 0.05  # how far the model may drift from the board in one period
_WANTED_S = 60.0  # after a forecast was asked for another one is likely
_STEP_S = 0.5  # forecasts are made for multiples of this


class Forecaster:
    """Follows every node's temperature, and says where the point in effect takes the hottest.

    Parameters
    ----------
    plant
        The board's model.
    ambient_degc
        Ambient temperature assumed [degC].
    period_s
        Control period [s].

    Notes
    -----
    Limits: power and ambient are held as they are now; the hottest zone stands for the junction.
    """

    def __init__(self, plant: Plant, *, ambient_degc: float, period_s: float) -> None:
        self._plant, self._ambient_degc, self._period_s = plant, ambient_degc, period_s
        self._rows = tuple(plant.network.index(zone.node) for zone in plant.zones)
        self._observer = Observer(
            discretise(plant.network, period_s),
            zones=self._rows,
            process_k=_PROCESS_K,
            noise_k=max(zone.resolution_k for zone in plant.zones) / 12**0.5 + 0.05,
        )
        self._models = lru_cache(maxsize=16)(lambda time_s: discretise(plant.network, time_s))
        self._temps: Vector | None = None
        self._power: Vector | None = None
        self._time_s = 0.0
        self._wanted_until_s = -math.inf
        self._last: tuple[Observation, OperatingPoint] | None = None

    def update(self, observation: Observation, point: OperatingPoint) -> None:
        """Take in a period: what was seen at its start, and what is run from then on.

        While nobody asks for forecasts it costs nothing: then only the last period is kept.
        """
        self._last = (observation, point)
        if observation.time_s > self._wanted_until_s:
            self._temps = None
            return
        self._follow(observation, point)

    def _follow(self, observation: Observation, point: OperatingPoint) -> None:
        temps = observation.temps_degc
        if any(zone.name not in temps for zone in self._plant.zones):
            self._temps = None
            return
        readings = np.array([temps[zone.name] for zone in self._plant.zones])
        elapsed_s, self._time_s = observation.time_s - self._time_s, observation.time_s
        late = abs(elapsed_s / self._period_s - 1.0) > 0.5
        if self._temps is None or self._power is None or late:
            self._temps = np.full(len(self._plant.network.nodes), readings.max())
        else:
            self._temps = self._observer.predict(self._temps, self._power, self._ambient_degc)
        self._temps = self._observer.correct(self._temps, readings)
        busy = min(observation.served_hz * point.latency_s, point.duty)
        self._power = self._plant.node_power_w(point.islands, {point.cores: busy}, self._temps)

    def hottest_degc(self, forecast_s: float) -> float | None:
        """Return the hottest zone a time ahead [degC]; None while no zone is believed."""
        if self._last is not None:
            self._wanted_until_s = self._last[0].time_s + _WANTED_S
            if self._temps is None:
                self._follow(*self._last)
        if self._temps is None or self._power is None:
            return None
        ahead = self._temps
        steps = round(forecast_s / _STEP_S)
        if steps:
            model: ThermalModel = self._models(steps * _STEP_S)
            ahead = model.step(self._temps, self._power, self._ambient_degc)
        return float(ahead[list(self._rows)].max())
