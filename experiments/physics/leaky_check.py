"""A leaky transient beside an implicit Runge-Kutta solution of the same equations."""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from thermal.coupled import Leakage, doubling_leakage, simulate_leaky
from thermal.headroom import settle
from thermal.hotspot.case import HotSpotCase
from thermal.network import Matrix, RcNetwork, Vector

_LONGEST_S = 3600


@dataclass(frozen=True, slots=True, eq=False)
class LeakyCheck:
    """One leaky transient beside its Radau solution.

    Attributes
    ----------
    leakage_w
        Leakage of each block at the reference temperature [W].
    temps_degc, radau_degc
        Node temperatures by this package and by Radau, shape (samples + 1, n) [degC].
    settled_degc
        Hottest node if the mean power went on for ever; infinite if it runs away [degC].
    runaway_s
        When the mean power takes it past 400 degC, from cold; infinite if not within an hour [s].
    """

    leakage_w: float
    temps_degc: Matrix
    radau_degc: Matrix
    settled_degc: float
    runaway_s: float

    @property
    def error_k(self) -> float:
        """Largest difference over all nodes and samples [K]."""
        return float(np.abs(self.temps_degc - self.radau_degc).max())


def check_leakage(
    case: HotSpotCase,
    watts: float,
    *,
    at_degc: float,
    every_k: float,
    samples: int,
    tolerance: float,
) -> LeakyCheck:
    """Follow a case with leakage in every block, here and by Radau.

    Parameters
    ----------
    case
        The case.
    watts
        Leakage of each block at the reference temperature [W].
    at_degc, every_k
        The reference temperature [degC] and over how much it doubles [K].
    samples
        How many samples of the power trace to follow.
    tolerance
        Radau's, relative and absolute [K].
    """
    network, n = case.model.network(), len(case.floorplan.blocks)
    share = np.zeros(len(network.nodes))
    share[:n] = watts
    leakage = doubling_leakage(share, at_degc=at_degc, every_k=every_k)
    power = np.zeros((len(case.power_w), len(network.nodes)))
    power[:, :n] = case.power_w
    first, mean = power[:samples], power.mean(axis=0)
    start = np.full(len(network.nodes), case.config.initial_degc)
    ambient, period_s = case.config.ambient_degc, case.config.sampling_s
    run = simulate_leaky(
        network, start, power_w=first, leakage=leakage, ambient_degc=ambient, period_s=period_s
    )
    for_ever = simulate_leaky(
        network,
        start,
        power_w=np.tile(mean, (_LONGEST_S, 1)),
        leakage=leakage,
        ambient_degc=ambient,
        period_s=1.0,
        tolerance_k=1e-2,
    )

    def heat(temps_degc: Vector) -> tuple[Vector, Vector]:
        leak, slope = leakage(temps_degc)
        return mean + leak, slope

    return LeakyCheck(
        watts,
        run.temps_degc,
        _radau(network, start, power_w=first, leakage=leakage, case=case, tolerance=tolerance),
        float(settle(network, heat, ambient).temps_degc.max()),
        for_ever.runaway_s,
    )


def _radau(
    network: RcNetwork,
    start_degc: Vector,
    *,
    power_w: Matrix,
    leakage: Leakage,
    case: HotSpotCase,
    tolerance: float,
) -> Matrix:
    """Return node temperatures by scipy's Radau, started afresh at every jump of power."""
    stiffness, ambient = network.laplacian, case.config.ambient_degc
    capacity = network.capacitance
    temps = [start_degc]
    for power in power_w:

        def change(_time_s: float, now: Vector, power: Vector = power) -> Vector:
            flow = power + leakage(now)[0] - stiffness @ (now - ambient)
            return np.asarray(flow / capacity)

        def jacobian(_time_s: float, now: Vector) -> Matrix:
            return np.asarray((np.diag(leakage(now)[1]) - stiffness) / capacity[:, np.newaxis])

        solved = solve_ivp(
            change,
            (0.0, case.config.sampling_s),
            temps[-1],
            method="Radau",
            rtol=tolerance,
            atol=tolerance,
            jac=jacobian,
        )
        if not solved.success:
            raise ArithmeticError(f"Radau failed: {solved.message}")
        temps.append(solved.y[:, -1])
    return np.array(temps)
