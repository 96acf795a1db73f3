"""What N boards read and what is asked of them: zones with errors, streams with seeds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adaptive.plant import Plant
from experiments.mismatch import DrawnBoard
from experiments.workloads import Workload
from thermal.network import Matrix, Vector

Indices = NDArray[np.intp]

STEP_S = 0.01
"""Time between looks at the true junctions [s]."""

_NOISE_BLOCK = 64  # readings drawn at a time


class FleetSensors:
    """The zones of N boards; each board draws its noise as `adaptive.sensing.Sensors` does."""

    def __init__(self, boards: Sequence[DrawnBoard], start_degc: Matrix, kind: Plant) -> None:
        rows = [kind.network.index(zone.node) for zone in kind.zones]
        self._felt = start_degc[:, rows].copy()
        self._resolution_k = np.array(
            [[zone.resolution_k for zone in board.plant.zones] for board in boards]
        )
        self._noise_k = np.array([[board.sensing.noise_k] for board in boards])
        lag_s = np.array([board.sensing.lag_s for board in boards])
        with np.errstate(divide="ignore"):
            self._kept = np.exp(-STEP_S / lag_s)  # 0 without lag
        self._generators = [np.random.default_rng(board.sensing.seed) for board in boards]
        self._noise = np.empty((0, *self._felt.shape))
        self._next = 0

    def feel(self, rows: Indices | slice, zones_degc: Matrix, steps: Indices) -> None:
        """Feel node temperatures after each of some steps, shape (rows, steps, zones) [degC]."""
        kept = self._kept[rows, np.newaxis]
        ago = steps[:, np.newaxis] - 1 - np.arange(zones_degc.shape[1])
        weight = np.where(ago >= 0, (1.0 - kept) * kept ** np.maximum(ago, 0), 0.0)
        felt = kept ** steps[:, np.newaxis] * self._felt[rows]
        self._felt[rows] = felt + np.matmul(weight[:, np.newaxis], zones_degc)[:, 0]

    def read(self) -> Matrix:
        """Return what each zone reads now, shape (N, zones) [degC]."""
        if self._next == len(self._noise):
            shape = (_NOISE_BLOCK, self._felt.shape[1])
            self._noise = np.stack(
                [generator.standard_normal(shape) for generator in self._generators], axis=1
            )
            self._next = 0
        felt = self._felt + self._noise_k * self._noise[self._next]
        self._next += 1
        return np.asarray(np.rint(felt / self._resolution_k) * self._resolution_k)


class FleetStreams:
    """The demand of N boards over time; asked once where all have the same stream."""

    def __init__(self, workloads: Sequence[Workload]) -> None:
        first = workloads[0].demand
        same = all(workload.demand == first for workload in workloads)
        self._profiles = [w.demand_hz() for w in (workloads[:1] if same else workloads)]
        self._numbers = np.arange(len(workloads))

    def demand_hz(self, rows: Indices | slice, time_s: Vector) -> Vector:
        """Return the demand of some boards, each at its time, shape (rows,) [Hz]."""
        times = time_s.tolist()
        if len(self._profiles) > 1:
            numbers = self._numbers[rows].tolist()
            return np.array([self._profiles[n](t) for n, t in zip(numbers, times, strict=True)])
        known = {t: self._profiles[0](t) for t in set(times)}
        return np.array([known[t] for t in times])
