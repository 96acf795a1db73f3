"""The schedule of most reward as a linear program over time shares of activities in each step."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import OptimizeResult, linprog
from scipy.sparse import coo_array, csr_array, vstack

from adaptive.errors import AdaptiveError
from experiments.oracle.heat import HeatSteps, Tensor
from experiments.oracle.plant import Activities, Indices
from experiments.oracle.steps import Steps, late_arrivals
from thermal.network import Matrix, Vector

_Entry = tuple[Indices, Indices, "Tensor | Matrix | Vector"]


class OracleError(AdaptiveError):
    """The linear program of the offline bound could not be solved."""


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """A board whose leakage follows a line in each step.

    Attributes
    ----------
    heat
        Its step matrices, the line's slope included.
    power_w
        Power of each activity where its line meets 0 degC, shape (k, a, n) [W].
    inflow_w
        Mean of what heats the nodes anyway, shape (k, n) [W].
    start_degc
        Node temperatures at the start, shape (n,) [degC].
    junctions
        Nodes that must not pass the cap, shape (b,).
    caps_degc
        Highest temperature of each in each step, shape (k, b) [degC].
    through
        Whether the means over steps, and the very end, are held below the caps, rather than the
        ends of steps: what a schedule that may change within steps must keep too.
    """

    heat: HeatSteps
    power_w: Tensor
    inflow_w: Matrix
    start_degc: Vector
    junctions: Indices
    caps_degc: Matrix
    through: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What the linear program answers.

    Attributes
    ----------
    shares
        Time share of each activity in each step, shape (k, a) [0..1].
    ends_degc
        Temperatures it expects after each step, shape (k, n) [degC].
    heat_price
        Worth of a kelvin more at the cap at the end of each step, shape (k, n) [1/K].
    through_price
        Worth of a kelvin more at the cap throughout each step, shape (k, n) [1/K].
    frame_price
        Worth of a frame more in each step, shape (k,).
    """

    shares: Matrix
    ends_degc: Matrix
    heat_price: Matrix
    through_price: Matrix
    frame_price: Vector


def solve(steps: Steps, activities: Activities, board: Board, *, deadline_s: float) -> Plan:
    """Solve for the time shares of activities.

    Variables are the shares, the temperatures after each step and the frames left for the next
    step; constraints are the heat balance, shares that sum to one, junctions at or below the cap,
    and no more frames answered than came.

    Parameters
    ----------
    steps
        The run.
    activities
        What to share time among.
    board
        The board; its powers are of these activities.
    deadline_s
        How long a frame may wait [s].

    Raises
    ------
    OracleError
        If neither of two solvers finds an optimum.
    """
    k, a, n = board.power_w.shape
    shares = np.arange(k * a).reshape(k, a)
    states = k * a + np.arange(k * n).reshape(k, n)
    left = k * (a + n) + np.arange(k)
    count = k * (a + n + 1)
    # Units in which frames and worth are near one keep the solver's tolerances meaningful.
    unit_frames = max(float(steps.arrivals.sum() / steps.lengths_s.sum()), 1e-9)
    unit_worth = float(activities.worth.max()) or 1.0
    frames = np.outer(steps.lengths_s, activities.frames_hz / unit_frames)

    cost = np.zeros(count)
    cost[shares] = -frames * activities.worth / unit_worth
    lower, upper = np.zeros(count), np.ones(count)
    lower[states], upper[states] = -np.inf, np.inf
    held = slice(-1, None) if board.through else slice(None)
    upper[states[held, board.junctions]] = board.caps_degc[held]
    upper[left] = late_arrivals(steps, deadline_s) / unit_frames

    dynamics, driven = _balance(steps.lengths_s, board, shares, states, count)
    step = np.arange(k)
    limits = _sparse(
        [
            (np.broadcast_to(step[:, np.newaxis], (k, a)), shares, frames),
            (step, left, np.ones(k)),
            (step[1:], left[:-1], -np.ones(k - 1)),
        ],
        (k, count),
    )
    most = steps.total(steps.arrivals) / unit_frames
    if board.through:
        means, room = _means(steps.lengths_s, board, shares, states, count)
        limits, most = vstack([limits, means], format="csr"), np.concatenate([most, room])
    result = _linprog(cost, limits, most, dynamics, driven, np.column_stack([lower, upper]))
    worth = np.maximum(-np.asarray(result.ineqlin.marginals), 0.0) * unit_worth
    through = np.zeros((k, n))
    if board.through:
        through[:, board.junctions] = worth[k:].reshape(k, -1) * unit_frames
    kelvin = -np.asarray(result.upper.marginals)[states] * unit_worth * unit_frames
    return Plan(
        shares=np.clip(result.x[shares], 0.0, 1.0),
        ends_degc=result.x[states],
        heat_price=np.maximum(kelvin, 0.0),
        through_price=through,
        frame_price=worth[:k],
    )


def _balance(
    length_s: Vector, board: Board, shares: Indices, states: Indices, count: int
) -> tuple[csr_array, Vector]:
    """Return the equations of heat, step by step, and of shares that sum to one."""
    k, a, n = board.power_w.shape
    drive, decay = board.heat.drive(length_s), board.heat.decay(length_s)
    row = np.arange(k * n).reshape(k, n)
    matrix = _sparse(
        [
            (row, states, np.ones((k, n))),
            (
                np.broadcast_to(row[:, :, np.newaxis], (k, n, a)),
                np.broadcast_to(shares[:, np.newaxis], (k, n, a)),
                -np.einsum("kij,kaj->kia", drive, board.power_w),
            ),
            (
                np.broadcast_to(row[1:, :, np.newaxis], (k - 1, n, n)),
                np.broadcast_to(states[:-1, np.newaxis], (k - 1, n, n)),
                -decay[1:],
            ),
            (
                np.broadcast_to(k * n + np.arange(k)[:, np.newaxis], (k, a)),
                shares,
                np.ones((k, a)),
            ),
        ],
        (k * n + k, count),
    )
    driven = np.einsum("kij,kj->ki", drive, board.inflow_w)
    driven[0] += decay[0] @ board.start_degc
    return matrix, np.concatenate([driven.ravel(), np.ones(k)])


def _means(
    length_s: Vector, board: Board, shares: Indices, states: Indices, count: int
) -> tuple[csr_array, Vector]:
    """Return the mean temperatures of junctions over steps, and the most they may be."""
    k, a, n = board.power_w.shape
    rows, b = board.junctions, len(board.junctions)
    heat = board.heat
    drive = heat.ramp(length_s)[:, rows]  # a ramp's effect is that of constant power, averaged
    kept = heat.drive(length_s)[:, rows] * heat.capacitance / length_s[:, np.newaxis, np.newaxis]
    row = np.arange(k * b).reshape(k, b)
    matrix = _sparse(
        [
            (
                np.broadcast_to(row[:, :, np.newaxis], (k, b, a)),
                np.broadcast_to(shares[:, np.newaxis], (k, b, a)),
                np.einsum("kij,kaj->kia", drive, board.power_w),
            ),
            (
                np.broadcast_to(row[1:, :, np.newaxis], (k - 1, b, n)),
                np.broadcast_to(states[:-1, np.newaxis], (k - 1, b, n)),
                kept[1:],
            ),
        ],
        (k * b, count),
    )
    room = board.caps_degc - np.einsum("kij,kj->ki", drive, board.inflow_w)
    room[0] -= kept[0] @ board.start_degc
    return matrix, room.ravel()


def _sparse(entries: list[_Entry], shape: tuple[int, int]) -> csr_array:
    row, column, value = (
        np.concatenate([np.asarray(entry[part]).ravel() for entry in entries]) for part in range(3)
    )
    return csr_array(coo_array((value, (row, column)), shape=shape))


def _linprog(
    cost: Vector, limits: Any, most: Vector, dynamics: Any, driven: Vector, bounds: Any
) -> OptimizeResult:
    """Solve from the inside, which is quicker here; by the simplex method where that gives up.

    Presolve gains nothing and now and then ends without an answer on programs that have one. The
    stubs of `linprog` know neither sparse constraints nor arrays of bounds.
    """
    said = []
    methods: tuple[Literal["highs-ipm", "highs-ds"], ...] = ("highs-ipm", "highs-ds")
    for method, presolve in ((m, p) for p in (False, True) for m in methods):
        result: OptimizeResult = linprog(
            cost,
            A_ub=limits,
            b_ub=most,
            A_eq=dynamics,
            b_eq=driven,
            bounds=bounds,
            method=method,
            options={"presolve": presolve},
        )
        if result.status == 0:
            return result
        said.append(f"{method}: {result.message}")
    raise OracleError("offline bound: no optimum found: " + "; ".join(said))
