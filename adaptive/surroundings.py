"""Where a simulated board's heat goes: an ambient, a fan and a sun that may change with time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from thermal.modes import decompose
from thermal.network import Matrix, RcNetwork, Vector
from thermal.transient import phi_2

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
        self._spans: dict[tuple[float, int], _Span] = {}

    def follow(
        self, temps_degc: Vector, power_w: Callable[[Vector], Vector], *, from_s: float, steps: int
    ) -> tuple[Matrix, Vector]:
        """Return temperatures after each of some steps, and the mean power drawn meanwhile.

        Everything around is as it is half way. Power follows temperature as a straight line from
        its value at the start to that at the end, found by one correction.

        Parameters
        ----------
        temps_degc
            Node temperatures at the start, shape (n,) [degC].
        power_w
            Power into each node at node temperatures, shapes (n,) [W].
        from_s
            When the first step begins [s].
        steps
            How many.

        Returns
        -------
        tuple of ndarray
            Temperatures, shape (steps, n) [degC], and power, shape (n,) [W].
        """
        middle_s = from_s + 0.5 * steps * self._step_s
        span = self._span(self._cooling(middle_s), steps)
        ambient_degc = self.ambient_degc(middle_s)
        before = power_w(temps_degc)
        inflow = before if self._heat_w is None else before + self._from_outside(middle_s)
        rise = (temps_degc - ambient_degc) @ span.free + inflow @ span.held
        rise = rise.reshape(steps, -1)
        change = power_w(ambient_degc + rise[-1]) - before
        rise += (change @ span.ramp).reshape(steps, -1)
        return ambient_degc + rise, before + 0.5 * change

    def _from_outside(self, time_s: float) -> Vector:
        heat = np.zeros(len(self._network.nodes))
        if self._heat_w is not None:
            for node, watts in self._heat_w(time_s).items():
                heat[self._network.index(node)] = watts
        return heat

    def _span(self, cooling: float, steps: int) -> "_Span":
        key = (cooling, steps)
        if key not in self._spans:
            self._spans[key] = _span(cooled(self._network, cooling), self._step_s, steps)
        return self._spans[key]


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """Some steps at once; each array maps nodes to steps x nodes, shape (n, steps x n).

    `free` is what the state leaves [1], `held` what constant power adds and `ramp` what power
    adds that rises from 0 to 1 over the span [K/W].
    """

    free: Matrix
    held: Matrix
    ramp: Matrix


def _span(network: RcNetwork, step_s: float, steps: int) -> _Span:
    modes = decompose(network)
    until = step_s * np.arange(1, steps + 1)
    free, held, ramp = [], [], []
    for length_s, share in zip(until, until / until[-1], strict=True):
        reach = modes.rate * length_s
        free.append((modes.left * np.exp(-reach)) @ modes.right)
        held.append((modes.left * (-np.expm1(-reach) / modes.rate)) @ modes.left.T)
        ramp.append(share * (modes.left * (length_s * phi_2(-reach))) @ modes.left.T)
    return _Span(*(np.concatenate([m.T for m in maps], axis=1) for maps in (free, held, ramp)))


def cooled(network: RcNetwork, factor: float) -> RcNetwork:
    """Return a network with its conductance to the ambient multiplied."""
    return RcNetwork(
        network.nodes, network.capacitance, network.conductance, factor * network.to_ambient
    )
