"""Heat of a schedule: exact step matrices of a leaking board, forwards and backwards in time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.plant import Plant
from experiments.oracle.plant import Activities
from experiments.oracle.steps import Steps
from thermal.network import Matrix, Vector
from thermal.transient import phi_2

Tensor = NDArray[np.float64]

SUB_STEPS = 16


def held(rate: Vector, length_s: Vector) -> Vector:
    """Return the integral of exp(-rate t) over a length, for rates of any sign."""
    safe = np.where(rate == 0.0, 1.0, rate)
    return np.where(rate == 0.0, length_s, -np.expm1(-safe * length_s) / safe)


@dataclass(frozen=True, slots=True, eq=False)
class HeatSteps:
    r"""The board in each step, with a slope of leakage taken into its conductance.

    .. math:: C \dot T = p - (G_k - \mathrm{diag}\,\sigma_k) T + g_k T_{ambient}

    Attributes
    ----------
    rate
        Decay rates of each step, shape (k, n) [1/s].
    left
        Modes of each step, with :math:`L L^T = C^{-1}`, shape (k, n, n).
    capacitance
        Heat capacity, shape (n,) [J/K].
    slope_w_per_k
        `sigma`, shape (k, n) [W/K].
    """

    rate: Matrix
    left: Tensor
    capacitance: Vector
    slope_w_per_k: Matrix

    def decay(self, length_s: Vector) -> Tensor:
        """Return what a state leaves after a length, shape (k, n, n) [1]."""
        kept = np.exp(-self.rate * length_s[:, np.newaxis])
        right = self.left.swapaxes(1, 2) * self.capacitance
        return np.asarray((self.left * kept[:, np.newaxis]) @ right)

    def drive(self, length_s: Vector) -> Tensor:
        """Return what constant power adds over a length, shape (k, n, n) [K/W]."""
        added = held(self.rate, length_s[:, np.newaxis])
        return np.asarray((self.left * added[:, np.newaxis]) @ self.left.swapaxes(1, 2))

    def ramp(self, length_s: Vector) -> Tensor:
        """Return what power that rises from 0 to 1 adds over a length, shape (k, n, n) [K/W]."""
        length = length_s[:, np.newaxis]
        added = length * phi_2(-self.rate * length)
        return np.asarray((self.left * added[:, np.newaxis]) @ self.left.swapaxes(1, 2))


def heat_steps(plant: Plant, steps: Steps, slope_w_per_k: Matrix) -> HeatSteps:
    """Return the board of each step for a slope of leakage of shape (k, n) [W/K]."""
    network = plant.network
    cooling = steps.cooling[steps.edges[:-1]]
    n = len(network.nodes)
    conductance = np.broadcast_to(network.laplacian, (len(cooling), n, n)).copy()
    diagonal = np.arange(n)
    conductance[:, diagonal, diagonal] += (cooling - 1.0)[
        :, np.newaxis
    ] * network.to_ambient - slope_w_per_k
    root_c = np.sqrt(network.capacitance)
    rate, mode = np.linalg.eigh(conductance / np.outer(root_c, root_c))
    return HeatSteps(rate, mode / root_c[:, np.newaxis], network.capacitance, slope_w_per_k)


def inflow_w(plant: Plant, steps: Steps) -> Matrix:
    """Return what heats the nodes whatever runs, in each period, shape (periods, n) [W].

    Constant power, heat from outside, and the ambient through its conductance; temperatures are
    absolute.
    """
    constant = np.array([plant.constant_w.get(node, 0.0) for node in plant.network.nodes])
    warmth = (steps.cooling * steps.ambient_degc)[:, np.newaxis] * plant.network.to_ambient
    return np.asarray(constant + steps.heat_w + warmth)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Temperatures of a schedule on the true board.

    Attributes
    ----------
    ends_degc
        At the start and after each step, shape (k + 1, n) [degC].
    inside_degc
        After each sub-step, shape (k, SUB_STEPS, n) [degC].
    """

    ends_degc: Matrix
    inside_degc: Tensor


def follow(
    plant: Plant,
    steps: Steps,
    start_degc: Vector,
    *,
    activities: Activities,
    dynamic_w: Matrix,
    leakage_w: Matrix,
    slope_w_per_k: Matrix,
) -> Course:
    """Follow a schedule through the true board, leakage growing as it does.

    Parameters
    ----------
    plant, steps
        The board and the run.
    start_degc
        Node temperatures at the start, shape (n,) [degC].
    activities
        Gives leakage its growth.
    dynamic_w, leakage_w
        Mix of the activities' `dynamic_w` and `leakage_w` in each step, shape (k, n) [W].
    slope_w_per_k
        About how leakage grows in each step; it only sets the accuracy, shape (k, n) [W/K].

    Notes
    -----
    Limits: exponential steps of second order around the slope given, sixteen to a step: errors of
    about a millikelvin; peaks between sub-steps are not looked for.
    """
    heat = heat_steps(plant, steps, slope_w_per_k)
    length_s = steps.lengths_s / SUB_STEPS
    decay, drive, ramp = heat.decay(length_s), heat.drive(length_s), heat.ramp(length_s)
    starts = steps.edges[:-1] * steps.period_s
    middles = starts[:, np.newaxis] + (np.arange(SUB_STEPS) + 0.5) * length_s[:, np.newaxis]
    inflow = steps.at(inflow_w(plant, steps), middles)
    ends = np.empty((len(length_s) + 1, len(start_degc)))
    inside = np.empty((len(length_s), SUB_STEPS, len(start_degc)))
    ends[0] = temps = np.asarray(start_degc, dtype=np.float64)
    hottest = plant.critical_degc + 100.0  # beyond this nothing is learnt, only overflow
    for k in range(len(length_s)):
        A, B, R = decay[k], drive[k], ramp[k]  # noqa: N806 - the textbook's matrices
        for j in range(SUB_STEPS):
            fixed = dynamic_w[k] + inflow[k, j]
            before = leakage_w[k] * activities.growth(temps) - slope_w_per_k[k] * temps
            held = A @ temps + B @ (fixed + before)
            after = leakage_w[k] * activities.growth(held) - slope_w_per_k[k] * held
            temps = np.minimum(held + R @ (after - before), hottest)
            inside[k, j] = temps
        ends[k + 1] = temps
    return Course(ends, inside)
