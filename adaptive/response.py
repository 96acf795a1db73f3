"""How a board's temperatures respond to one setting held: over time, and for ever."""

from collections.abc import Iterator, Mapping

from adaptive.plant import Plant
from dvfs.opp import Opp
from thermal.discretise import discretise
from thermal.headroom import SteadyState, settle
from thermal.network import Vector


def settled(
    plant: Plant,
    islands: Mapping[str, Opp],
    utilisation: Mapping[str, float],
    *,
    ambient_degc: float,
) -> SteadyState:
    """Return where a setting held for ever settles, leakage included, or that it runs away.

    Parameters
    ----------
    plant
        The board.
    islands
        OPP of each island by name; one left out runs at its slowest.
    utilisation
        Share of the time each cluster works, by name; one left out idles [0..1].
    ambient_degc
        Ambient temperature [degC].
    """
    return settle(
        plant.network,
        lambda temps: (
            plant.node_power_w(islands, utilisation, temps),
            plant.node_power_slope_w_per_k(islands, temps),
        ),
        ambient_degc,
    )


def respond(
    plant: Plant,
    start_degc: Vector,
    islands: Mapping[str, Opp],
    utilisation: Mapping[str, float],
    *,
    ambient_degc: float,
    step_s: float,
) -> Iterator[Vector]:
    """Yield node temperatures after each step of a setting held, shape (n_nodes,) [degC].

    Power is held over a step, so leakage lags by at most one [s]; it never ends by itself, and a
    board in thermal runaway leaves every bound.
    """
    model, temps = discretise(plant.network, step_s), start_degc
    voltage, frequency = plant.block_arrays([islands])
    busy = plant.utilisation_array([utilisation])
    while True:
        power = plant.node_power(voltage, frequency, utilisation=busy, temps_degc=temps)[0]
        temps = model.step(temps, power, ambient_degc)
        yield temps
