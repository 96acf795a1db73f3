"""Proactive thermal-aware DVFS: the fastest V/F level that a model predicts to stay below the cap.

After the proactive policy of V. Peluso, R. G. Rizzo and A. Calimera, "Performance profiling of
embedded ConvNets under thermal-aware DVFS," *Electronics*, vol. 8, no. 12, 1423, 2019 (what the
abstract describes), with the exact discrete-time model of the board in place of a profile.

It knows the zones, the model of power and heat, and the ambient it is given. It does not know the
demand, precision, or what the ambient really is.
"""

import math
from collections.abc import Sequence

import numpy as np

from adaptive.governor.kernel_tables import as_ladder
from adaptive.governor.observed import busy_share, is_temperature
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from thermal.discretise import discretise
from thermal.network import Vector


class Proactive:
    """Run the fastest point whose junctions, kept busy, are below the trip at a horizon.

    Nodes with a zone are taken to be as hot as it reads; the others are followed by the model.

    Parameters
    ----------
    ladder
        Points on one cluster, one a frequency.
    plant
        The board's model.
    ambient_degc
        Ambient the model heats up from [degC].
    trip_degc
        Highest junction temperature to predict [degC].
    period_s
        Control period [s].
    horizon_s
        How far ahead the prediction looks [s].

    Notes
    -----
    Limits: the temperature is predicted at the horizon only, not on the way; leakage is taken at
    the trip; a reading's rounding goes into the prediction as it is; unseen nodes start as hot as
    the hottest zone, and again after a gap of more than half a period.
    """

    def __init__(
        self,
        ladder: Sequence[OperatingPoint],
        plant: Plant,
        *,
        ambient_degc: float,
        trip_degc: float,
        period_s: float,
        horizon_s: float = 3.0,
    ) -> None:
        if not horizon_s >= period_s > 0.0:
            raise ValueError(f"horizon_s is {horizon_s}, expected at least period_s = {period_s}")
        self._ladder = as_ladder(ladder)
        self._plant = plant
        self._ambient_degc = ambient_degc
        self._trip_degc = trip_degc
        self._period_s = period_s
        self._model = discretise(plant.network, period_s)
        ahead = discretise(plant.network, horizon_s)
        at_trip = np.full(len(plant.network.nodes), trip_degc)
        power = [plant.node_power_w(p.islands, {p.cores: 1.0}, at_trip) for p in self._ladder]
        self._free = ahead.A
        self._rise = np.stack(power) @ ahead.B.T  # (rungs, nodes)
        self._running = self._ladder[0]
        self._temps: Vector | None = None
        self._time_s = -math.inf

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the fastest point predicted to stay below the trip, else the slowest."""
        self._running = self.ceiling(observation, self._running)
        return self._running

    def ceiling(self, observation: Observation, ran: OperatingPoint) -> OperatingPoint:
        """Return what `decide` would, given the point that ran since the last observation."""
        self._temps = self._estimate(observation, ran)
        self._time_s = observation.time_s
        if self._temps is None:
            return self._ladder[0]
        rest = self._ambient_degc + self._free @ (self._temps - self._ambient_degc)
        peak = self._plant.junctions(rest + self._rise).max(axis=1)
        cool = np.flatnonzero(peak <= self._trip_degc)
        return self._ladder[int(cool[-1]) if len(cool) else 0]

    def _estimate(self, observation: Observation, ran: OperatingPoint) -> Vector | None:
        """Return node temperatures now, or None as long as no zone has answered [degC]."""
        zones = self._plant.zones
        readings = {
            self._plant.network.index(zone.node): observation.temps_degc[zone.name]
            for zone in zones
            if is_temperature(observation.temps_degc.get(zone.name, math.nan))
        }
        elapsed_s = observation.time_s - self._time_s
        temps = self._temps
        if temps is None or not abs(elapsed_s / self._period_s - 1.0) <= 0.5:
            if not readings:
                return None
            temps = np.full(len(self._plant.network.nodes), max(readings.values()))
        else:
            busy = busy_share(observation, ran)
            power = self._plant.node_power_w(ran.islands, {ran.cores: busy}, temps)
            temps = self._model.step(temps, power, self._ambient_degc)
        temps[list(readings)] = list(readings.values())
        return temps
