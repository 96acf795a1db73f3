"""Where a simulated board's heat goes: an ambient, a fan and a sun that may change with time."""

from collections.abc import Callable, Mapping

import numpy as np

from thermal.discretise import discretise
from thermal.model import ThermalModel
from thermal.network import RcNetwork, Vector

OfTime = Callable[[float], float]


def always(value: float) -> OfTime:
    """Return the function of time that is the same for ever."""
    return lambda _time_s: value


class Surroundings:
    """A network's heat balance in surroundings that change with time.

    Parameters
    ----------
    network
        The board's own heat paths.
    ambient_degc
        Ambient temperature, fixed or as a function of time [degC].
    step_s
        Length of a step [s].
    heat_w
        Heat from outside into nodes, by name, as a function of time; none by default [W].
    cooling
        Conductance to the ambient over the network's own, as a function of time; 1 by default.

    Notes
    -----
    Limits: a fan changes only the conductance to the ambient, of all nodes that have one alike.
    """

    def __init__(
        self,
        network: RcNetwork,
        ambient_degc: float | OfTime,
        *,
        step_s: float,
        heat_w: Callable[[float], Mapping[str, float]] | None = None,
        cooling: OfTime | None = None,
    ) -> None:
        self._network = network
        self.ambient_degc = ambient_degc if callable(ambient_degc) else always(ambient_degc)
        self._step_s = step_s
        self._heat_w = heat_w
        self._cooling = cooling or always(1.0)
        self._models: dict[float, ThermalModel] = {}

    def step(self, temps_degc: Vector, power_w: Vector, time_s: float) -> Vector:
        """Return node temperatures one step later, with everything as it is at a time [degC]."""
        power = power_w if self._heat_w is None else power_w + self._from_outside(time_s)
        model = self._model(self._cooling(time_s))
        return model.step(temps_degc, power, self.ambient_degc(time_s))

    def _from_outside(self, time_s: float) -> Vector:
        heat = np.zeros(len(self._network.nodes))
        if self._heat_w is not None:
            for node, watts in self._heat_w(time_s).items():
                heat[self._network.index(node)] = watts
        return heat

    def _model(self, cooling: float) -> ThermalModel:
        if cooling not in self._models:
            self._models[cooling] = discretise(cooled(self._network, cooling), self._step_s)
        return self._models[cooling]


def cooled(network: RcNetwork, factor: float) -> RcNetwork:
    """Return a network with its conductance to the ambient multiplied."""
    return RcNetwork(
        network.nodes, network.capacitance, network.conductance, factor * network.to_ambient
    )
