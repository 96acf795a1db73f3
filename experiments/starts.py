"""Where runs start: cold, or as hot as a board settles at just below its cap."""

from collections.abc import Iterable
from enum import Enum

import numpy as np

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.surroundings import cooled
from experiments.workloads import Workload
from thermal.headroom import SteadyState, settle
from thermal.network import Vector

_HALVINGS = 50


class Start(Enum):
    """Cold: all nodes at the ambient. Hot: settled with the hottest junction below the cap."""

    COLD = "cold"
    HOT = "hot"


def settled(
    plant: Plant,
    workload: Workload,
    *,
    points: tuple[OperatingPoint, OperatingPoint],
    share: float,
    time_s: float = 0.0,
) -> SteadyState:
    """Return where a board settles that shares its time between two points, kept busy.

    Parameters
    ----------
    plant, workload
        The board and what is around it.
    points
        The two.
    share
        Share of the time of the second [0..1].
    time_s
        When the surroundings are as they are taken to stay [s].
    """
    network = cooled(plant.network, workload.cooling_factor()(time_s))
    heat = np.zeros(len(network.nodes))
    for node, watts in workload.heat_w()(time_s).items():
        heat[network.index(node)] = watts

    def power(temps: Vector) -> tuple[Vector, Vector]:
        total, slope = heat, np.zeros(len(heat))
        for point, part in zip(points, (1.0 - share, share), strict=True):
            busy = {point.cores: point.duty}
            total = total + part * plant.node_power_w(point.islands, busy, temps)
            slope = slope + part * plant.node_power_slope_w_per_k(point.islands, temps)
        return total, slope

    return settle(network, power, workload.ambient_degc()(time_s))


def start_degc(
    plant: Plant,
    points: Iterable[OperatingPoint],
    workload: Workload,
    *,
    start: Start,
    below_degc: float,
) -> Vector:
    """Return node temperatures at the start of a run, shape (n,) [degC].

    The hot start settles with the hottest junction at a temperature, the board sharing its time
    between its coolest point and the one of most power; with the latter alone, where even that
    stays below, and with the former alone where even that settles above.

    Parameters
    ----------
    plant, points, workload
        The true board, what it can run, and the run.
    start
        Cold or hot.
    below_degc
        Hottest junction of a hot start: the cap less 1 K, say [degC].
    """
    if start is Start.COLD:
        return np.full(len(plant.network.nodes), workload.ambient_degc()(0.0))
    ranked = sorted(points, key=lambda point: (point.power_w, point.accuracy))
    pair = (ranked[0], ranked[-1])

    def too_hot(state: SteadyState) -> bool:
        return state.runaway or float(plant.junctions(state.temps_degc).max()) > below_degc

    low, high = 0.0, 1.0
    coolest = settled(plant, workload, points=pair, share=0.0)
    if coolest.runaway:
        return np.full(len(plant.network.nodes), below_degc)
    hottest = settled(plant, workload, points=pair, share=1.0)
    if too_hot(coolest) or not too_hot(hottest):
        return coolest.temps_degc if too_hot(coolest) else hottest.temps_degc
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if too_hot(settled(plant, workload, points=pair, share=middle)):
            high = middle
        else:
            low = middle
    return settled(plant, workload, points=pair, share=low).temps_degc
