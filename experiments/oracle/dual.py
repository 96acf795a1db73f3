r"""An upper bound on any schedule's reward, from prices of heat and of frames.

Let `T` follow the true board, :math:`C \dot T = P - G T + b`, its junctions below the cap. For any
prices `q >= 0` of junction temperature and `pi >= 0` of frames, and any slopes `sigma >= 0`, let
`y` solve the adjoint equation backwards:

.. math:: C \dot y = (G - \mathrm{diag}\,\sigma) y - q

It is not negative, since a board's heat flows from hot to cold. Leakage is convex, so activity `a`
draws at least :math:`p_a + \sigma T`. Integrating `y` times the heat balance by parts gives, for
every schedule and with `q` including a price at the very end, :math:`q_{end} = C y(end)`,

.. math::

    R \le \int \max_a [f_a (w_a - \pi) - y \cdot p_a] \, dt
          + \int (q \cdot T_{cap} - y \cdot b) \, dt - y(0) \cdot C T(0)
          + \int d(t) \max_{[t, t + deadline]} \pi \, dt

with `f_a` frames a second of worth `w_a` each and demand `d`. Nothing is assumed of the schedule:
it may change at any instant, and time steps matter only for how good the prices are.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from adaptive.plant import Plant
from experiments.oracle.heat import HeatSteps, Tensor, held, inflow_w
from experiments.oracle.plant import Activities, Indices
from experiments.oracle.steps import Steps, waiting_periods
from thermal.network import Matrix, Vector

_PIECES = 6  # a step is cut into these for integration
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)
_COARSE_NODES, _COARSE_WEIGHTS = np.polynomial.legendre.leggauss(3)


@dataclass(frozen=True, slots=True, eq=False)
class DualBound:
    """An upper bound and which activities set it.

    Attributes
    ----------
    worth
        The frames of no schedule are worth more.
    active
        Activities that are the best at some instant, in order.
    """

    worth: float
    active: Indices


def dual_bound(
    plant: Plant,
    steps: Steps,
    start_degc: Vector,
    *,
    activities: Activities,
    heat: HeatSteps,
    cap_degc: float,
    heat_price: Matrix,
    through_price: Matrix,
    frame_price: Vector,
    lowest_degc: Matrix,
    deadline_s: float,
) -> DualBound:
    """Return the bound that prices prove.

    Parameters
    ----------
    plant, steps, start_degc
        Board, run and node temperatures at its start [degC].
    activities
        All that the board can do.
    heat
        The board of each step with the slopes to use.
    cap_degc
        Highest junction temperature allowed [degC].
    heat_price
        Price of the cap at the end of each step, at junctions only, from which `q` is made, shape
        (k, n) [1/K].
    through_price
        What `q` adds up to in each step besides, shape (k, n) [1/K].
    frame_price
        `pi` in each step, shape (k,).
    lowest_degc
        Temperatures that no schedule goes below in each step, shape (k, n) [degC].
    deadline_s
        How long a frame may wait [s].

    Notes
    -----
    Limits: integrals are Gauss-Legendre sums; the difference of two orders is added to the bound.
    Demand, ambient, sun and fan are constant within a period.
    """
    length_s = steps.lengths_s
    price, last = _spread(heat_price, length_s)
    price = price + through_price / length_s[:, np.newaxis]
    after = _prices_after(heat, length_s, price, last / plant.network.capacitance)
    high = np.full(len(start_degc), cap_degc)
    constant = activities.under(heat.slope_w_per_k, lowest_degc, high)
    power = activities.dynamic_w + constant  # (k, a, n)
    gain = activities.frames_hz * (activities.worth - frame_price[:, np.newaxis])  # (k, a)
    inflow = inflow_w(plant, steps)
    sums, best = [], []
    for nodes, weights in ((_NODES, _WEIGHTS), (_COARSE_NODES, _COARSE_WEIGHTS)):
        back_s, share = _instants(length_s, nodes, weights)
        value = _prices_at(heat, after, price, back_s)  # (k, instants, n)
        profit = gain[:, np.newaxis] - np.einsum("kti,kai->kta", value, power)
        ends_s = steps.edges[1:, np.newaxis] * steps.period_s
        paid = np.einsum("kti,kti->kt", value, steps.at(inflow, ends_s - back_s))
        sums.append(float((share * (profit.max(axis=2) - paid)).sum()))
        best.append(profit.argmax(axis=2))
    first = _prices_at(heat, after, price, length_s[:, np.newaxis])[0, 0]
    worth = (
        sums[0]
        + abs(sums[0] - sums[1])
        + float((heat_price + through_price).sum() * cap_degc)
        - float(first @ (plant.network.capacitance * start_degc))
        + _frame_value(steps, frame_price, deadline_s)
    )
    return DualBound(worth, np.unique(np.concatenate([b.ravel() for b in best])))


def _spread(at_ends: Matrix, length_s: Vector) -> tuple[Matrix, Vector]:
    """Return prices that last through steps, and what stays at the very end, for prices at ends.

    Each is shared by the steps before and after it so that its mean time stays: prices that came
    half a step too early or too late would prove a weaker bound.
    """
    following = (length_s[:-1] / (length_s[:-1] + length_s[1:]))[:, np.newaxis]
    through = np.zeros_like(at_ends)
    through[:-1] = (1.0 - following) * at_ends[:-1]
    through[1:] += following * at_ends[:-1]
    return through / length_s[:, np.newaxis], at_ends[-1]


def _prices_after(heat: HeatSteps, length_s: Vector, price: Matrix, end: Vector) -> Matrix:
    """Return `y` at the end of each step: the board's own equation, with time reversed, (k, n)."""
    decay = heat.decay(length_s)
    pushed = np.einsum("kij,kj->ki", heat.drive(length_s), price)
    after = np.zeros_like(price)
    after[-1] = end
    for k in range(len(price) - 1, 0, -1):
        after[k - 1] = decay[k] @ after[k] + pushed[k]
    return after


def _prices_at(heat: HeatSteps, after: Matrix, price: Matrix, back_s: Matrix) -> Tensor:
    """Return `y` at instants counted back from the end of each step, shape (k, instants, n)."""
    kept = np.exp(-heat.rate[:, np.newaxis] * back_s[..., np.newaxis])
    pushed = held(heat.rate[:, np.newaxis], back_s[..., np.newaxis])
    before = np.einsum("kim,ki->km", heat.left, heat.capacitance * after)
    force = np.einsum("kim,ki->km", heat.left, price)
    modal = kept * before[:, np.newaxis] + pushed * force[:, np.newaxis]
    return np.asarray(np.einsum("kim,ktm->kti", heat.left, modal))


def _instants(length_s: Vector, nodes: Vector, weights: Vector) -> tuple[Matrix, Matrix]:
    """Return instants, counted back from each step's end, and the time each stands for [s]."""
    inside = (np.arange(_PIECES)[:, np.newaxis] + (nodes + 1.0) / 2.0).ravel() / _PIECES
    share = np.tile(weights / 2.0, _PIECES) / _PIECES
    return np.outer(length_s, inside), np.outer(length_s, share)


def _frame_value(steps: Steps, frame_price: Vector, deadline_s: float) -> float:
    """Return what all frames fetch, each at the best price until its deadline."""
    prices = np.repeat(frame_price, np.diff(steps.edges))
    wait = waiting_periods(deadline_s, steps.period_s)
    best = maximum_filter1d(prices, wait + 1, mode="nearest", origin=-((wait + 1) // 2))
    return float(steps.arrivals @ best)
