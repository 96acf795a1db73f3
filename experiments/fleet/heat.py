r"""Heat in many boards at once, in each board's own modes.

What `adaptive.surroundings.Surroundings.follow` does with one board's matrices is done here with
arrays whose first axis counts boards; rounding apart the temperatures are the same. In modal
coordinates (`thermal.modes`) a look at a board costs a multiplication a mode, so the looks within a
period are cheap:

.. math:: z(t) = e^{-r t} z_0 + \frac{1 - e^{-r t}}{r} w + \frac{t}{T} t \varphi_2(-r t) w'
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.plant import Plant
from adaptive.point_power import PointPower
from adaptive.surroundings import cooled
from experiments.mismatch import DrawnBoard
from experiments.workloads import Workload
from thermal.modes import decompose_many
from thermal.network import Matrix, Vector
from thermal.transient import phi_2

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What was seen of N boards in a span, at the end of each of its steps.

    Attributes
    ----------
    watched_degc
        Temperatures of the watched nodes, shape (N, steps, watched) [degC].
    peaks_degc
        Hottest junctions, shape (N, steps); minus infinity after a board's own end of the span
        [degC].
    energy_j
        Energy drawn, shape (N,) [J].
    """

    watched_degc: Matrix
    peaks_degc: Matrix
    energy_j: Vector


@dataclass(frozen=True, slots=True, eq=False)
class _Modes:
    """Boards at one cooling: their modes, and what these do until each look."""

    left: Matrix  # (N, n, m)
    right: Matrix  # (N, m, n)
    watch: Matrix  # (N, m, watched)
    fade: Matrix  # (N, steps, m), of the state
    held: Matrix  # (N, steps, m), of constant forcing [s]
    ramp: Matrix  # (N, steps, m), of forcing that grows by one a second [s2]

    def of(self, rows: Indices | slice) -> "_Modes":
        return _Modes(*(getattr(self, name)[rows] for name in self.__slots__))


class FleetHeat:
    """Node temperatures of N boards of one kind.

    Parameters
    ----------
    kind
        The board as its file has it.
    boards
        The boards as they are.
    power
        What each operating point draws on a board of the file.
    workload
        What is around all of them; each has its own offset to the ambient.
    start_degc
        Node temperatures at the start, shape (N, n) [degC].
    step_s, steps
        Time between looks [s], and how many there are in a period.
    """

    def __init__(
        self,
        kind: Plant,
        boards: Sequence[DrawnBoard],
        *,
        power: PointPower,
        workload: Workload,
        start_degc: Matrix,
        step_s: float,
        steps: int,
    ) -> None:
        self._boards = boards
        self._ambient, self._cooling = workload.ambient_degc(), workload.cooling_factor()
        self._sun = workload.heat_w()
        self._step_s, self._steps = step_s, steps
        self._warmer_k = np.array([board.warmer_k for board in boards])[:, np.newaxis]
        nodes = kind.network.nodes
        zones = [kind.network.index(zone.node) for zone in kind.zones]
        self._watched = sorted({*(nodes.index(block) for block in kind.power.blocks), *zones})
        place = {node: at for at, node in enumerate(self._watched)}
        self.zones: Indices = np.array([place[node] for node in zones])
        """Where each zone's node is among the watched ones."""
        self._junctions = np.array([place[nodes.index(block)] for block in kind.power.blocks])
        self._nodes = nodes
        constant = np.array([kind.constant_w.get(node, 0.0) for node in nodes])
        self._idle_w, self._work_w = power.idle_w - constant, power.work_w
        self._leakage_w, self._power = power.leakage_w, power
        self._constant_w = np.array(
            [[board.plant.constant_w.get(node, 0.0) for node in nodes] for board in boards]
        )
        self._switching, self._leaking = _factors(kind, boards)
        self._critical_degc = kind.critical_degc
        self._modes: dict[float, _Modes] = {}
        self.temps_degc: Matrix = np.array(start_degc, dtype=np.float64)
        self.on = np.ones(len(boards), dtype=bool)
        """Which boards have not shut themselves down."""

    def advance(
        self,
        rows: Indices | slice,
        points: Indices,
        busy: Vector,
        *,
        from_s: Vector,
        steps: Indices,
    ) -> Looks:
        """Let some boards run at a point each, and look at them.

        Parameters
        ----------
        rows
            Which boards.
        points
            Number of each one's operating point, shape (N,).
        busy
            Share of the time that its cluster works, shape (N,) [0..1].
        from_s
            When each one's span begins, shape (N,) [s].
        steps
            How many steps it lasts, shape (N,).
        """
        middle_s = from_s + 0.5 * steps * self._step_s
        modes = self._at(rows, middle_s)
        ambient = self._around(rows, middle_s)
        on = self.on[rows, np.newaxis]
        fixed = self._switching[rows] * (
            self._idle_w[points] + busy[:, np.newaxis] * self._work_w[points]
        )
        fixed = on * (fixed + self._constant_w[rows])
        leakage = on * self._leaking[rows] * self._leakage_w[points]
        temps, each, last = self.temps_degc[rows], np.arange(len(points)), steps - 1

        def power_w(at_degc: Matrix) -> Matrix:
            return np.asarray(fixed + leakage * self._power.growth(at_degc))

        before = power_w(temps)
        outside = self._from_outside(middle_s)
        state = _apply(modes.right, temps - ambient)
        forcing = _apply(modes.left.swapaxes(1, 2), before + outside)
        end = modes.fade[each, last] * state + modes.held[each, last] * forcing
        change = power_w(ambient + _apply(modes.left, end)) - before
        growth = _apply(modes.left.swapaxes(1, 2), change) / (steps * self._step_s)[:, np.newaxis]
        states = modes.fade * state[:, np.newaxis]
        states += modes.held * forcing[:, np.newaxis]
        states += modes.ramp * growth[:, np.newaxis]
        self.temps_degc[rows] = ambient + _apply(modes.left, states[each, last])
        watched = states @ modes.watch + ambient[:, np.newaxis]
        peaks = watched[:, :, self._junctions].max(axis=2)
        peaks[np.arange(self._steps) >= steps[:, np.newaxis]] = -np.inf
        self.on[rows] &= peaks.max(axis=1) < self._critical_degc
        energy = (before + 0.5 * change).sum(axis=1) * steps * self._step_s
        return Looks(watched, peaks, energy)

    def _around(self, rows: Indices | slice, middle_s: Vector) -> Matrix:
        """Return the ambient of each board, shape (N, 1) [degC]."""
        return np.asarray(_of_time(self._ambient, middle_s)[:, np.newaxis] + self._warmer_k[rows])

    def _from_outside(self, middle_s: Vector) -> Matrix | float:
        """Return the sun's heat into each node, shape (N, n) [W]."""
        heats = {time_s: self._sun(time_s) for time_s in np.unique(middle_s).tolist()}
        if not any(heats.values()):
            return 0.0
        return np.array(
            [[heats[time_s].get(node, 0.0) for node in self._nodes] for time_s in middle_s.tolist()]
        )

    def _at(self, rows: Indices | slice, middle_s: Vector) -> _Modes:
        """Return the modes of some boards at the cooling of their times."""
        factors = _of_time(self._cooling, middle_s)
        if (factors == factors[0]).all():
            return self._whole(float(factors[0])).of(rows)
        each = np.arange(len(self._boards))[rows]
        parts = [
            self._whole(float(f)).of(np.array([at])) for f, at in zip(factors, each, strict=True)
        ]
        return _Modes(
            *(np.concatenate([getattr(p, name) for p in parts]) for name in _Modes.__slots__)
        )

    def _whole(self, cooling: float) -> _Modes:
        if cooling not in self._modes:
            networks = [cooled(board.plant.network, cooling) for board in self._boards]
            modes = decompose_many(
                np.array([network.capacitance for network in networks]),
                np.array([network.laplacian for network in networks]),
            )
            until = self._step_s * np.arange(1, self._steps + 1)[:, np.newaxis]
            rate = modes.rate[:, np.newaxis]
            self._modes[cooling] = _Modes(
                left=modes.left,
                right=modes.right,
                watch=modes.left[:, self._watched].swapaxes(1, 2).copy(),
                fade=np.exp(-rate * until),
                held=-np.expm1(-rate * until) / rate,
                ramp=until**2 * phi_2(-rate * until),
            )
        return self._modes[cooling]


def _factors(kind: Plant, boards: Sequence[DrawnBoard]) -> tuple[Matrix, Matrix]:
    """Return switching and leakage of each node over the file's, shapes (N, n)."""
    switching = np.ones((len(boards), len(kind.network.nodes)))
    leaking = np.ones_like(switching)
    for block, part in zip(kind.power.blocks, kind.power.parts, strict=True):
        at, number = kind.network.index(block), kind.power.blocks.index(block)
        for row, board in enumerate(boards):
            own = board.plant.power.parts[number]
            switching[row, at] = own.C_active / part.C_active if part.C_active else 1.0
            leaking[row, at] = own.leakage.I_0 / part.leakage.I_0 if part.leakage.I_0 else 1.0
    return switching, leaking


def _of_time(function: object, times_s: Vector) -> Vector:
    """Return a function of time at many times, most of which are the same, shape (N,)."""
    unique, where = np.unique(times_s, return_inverse=True)
    values = np.array([function(time_s) for time_s in unique.tolist()])  # type: ignore[operator]
    return np.asarray(values[where], dtype=np.float64)


def _apply(matrix: Matrix, vector: Matrix) -> Matrix:
    """Multiply each board's matrix with its vector, shapes (N, a, b) and (N, b)."""
    return np.asarray(np.matmul(matrix, vector[..., np.newaxis])[..., 0])
