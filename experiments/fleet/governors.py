"""Policies for many boards: one object a board, or one array operation for all where it is offered.

`EachBoard` asks ordinary governors one by one, so any policy can run a fleet. Those here decide for
all boards at once what their single-board namesakes decide for one; tests hold them to it.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive.governor.kernel_tables import ladder_of
from adaptive.governor.look_ahead import LookAhead
from adaptive.governor.protocol import Governor
from adaptive.governor.static import best_safe, fastest
from adaptive.operating_point import OperatingPoint, OperatingPointTable
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.safety import SafetyLimits
from experiments.fleet.look_ahead import FleetLookAhead
from experiments.fleet.platform import FleetObservation
from experiments.governors import REACTIVE_HYSTERESIS_K, STEP_WISE_HYSTERESIS_K
from experiments.scenarios import Scenario
from experiments.user_governor import Spec, build_governor
from thermal.network import Vector

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


class FleetGovernor(Protocol):
    """A policy that picks the operating point of N boards for the next control period."""

    def decide(self, seen: FleetObservation, asked: Mask) -> Indices:
        """Return numbers of points in the table, shape (N,).

        Boards that are not asked have readings that are not to be believed: what is returned for
        them is not used, and nothing of theirs may be remembered.
        """
        ...


class EachBoard:
    """A governor of its own for each board, with its own safety guard."""

    def __init__(self, governors: Sequence[Governor], points: OperatingPointTable) -> None:
        self._governors = governors
        self._number = {id(point): number for number, point in enumerate(points)}
        self._points = points  # kept, so that ids stay theirs

    def decide(self, seen: FleetObservation, asked: Mask) -> Indices:  # noqa: ARG002 - guarded
        """Ask them one after another."""
        rows = zip(
            self._governors,
            seen.temps_degc.tolist(),
            seen.demand_hz.tolist(),
            seen.served_hz.tolist(),
            seen.latency_s.tolist(),
            seen.backlog.tolist(),
            strict=True,
        )
        ages = dict.fromkeys(seen.zones, 0.0)
        chosen = [
            governor.decide(
                Observation(
                    time_s=seen.time_s,
                    temps_degc=dict(zip(seen.zones, temps, strict=True)),
                    ages_s=ages,
                    power_w=None,
                    demand_hz=demand_hz,
                    served_hz=served_hz,
                    latency_s=latency_s,
                    backlog=backlog,
                    caps={},
                    fan_state=None,
                )
            )
            for governor, temps, demand_hz, served_hz, latency_s, backlog in rows
        ]
        return np.array([self._number[id(point)] for point in chosen])


class FleetGuard:
    """The safety guard of N boards: `adaptive.safety.SafetyGuard` around a fleet's governor."""

    def __init__(self, governor: FleetGovernor, coolest: int, *, limits: SafetyLimits) -> None:
        self._governor = governor
        self._coolest = coolest
        self._limits = limits
        self._previous: FleetObservation | None = None
        self._good: NDArray[np.int64] | None = None

    def decide(self, seen: FleetObservation, asked: Mask) -> Indices:
        """Return the governor's points, the coolest one where readings are in doubt."""
        limits, temps = self._limits, seen.temps_degc
        believable = (limits.lowest_degc < temps) & (temps < limits.critical_degc) & (temps != 0.0)
        if self._previous is not None:
            before = self._previous.temps_degc
            usable = (
                (before != 0.0) & (limits.lowest_degc < before) & (before < limits.highest_degc)
            )
            elapsed_s = max(seen.time_s - self._previous.time_s, 0.0)
            with np.errstate(invalid="ignore"):  # infinity less infinity is not believed
                slow = np.abs(temps - before) <= 1.0 + limits.max_rate_k_per_s * elapsed_s
            believable &= slow | ~usable
        self._previous = seen
        good = believable.all(axis=1)
        if self._good is None:
            self._good = np.full(len(good), limits.good_at_first)
        self._good = np.where(good, self._good + 1, 0)
        trusted = asked & (self._good >= limits.good_periods)
        points = self._governor.decide(seen, trusted)
        return np.where(trusted, points, self._coolest)


class FleetStatic:
    """One point for ever on every board."""

    def __init__(self, point: int) -> None:
        self._point = point

    def decide(self, seen: FleetObservation, asked: Mask) -> Indices:  # noqa: ARG002
        """Return the point."""
        return np.full(len(seen.backlog), self._point)


class FleetStepWise:
    """`adaptive.governor.step_wise.StepWise` on N boards; `ladder` holds numbers of points."""

    def __init__(self, ladder: Sequence[int], *, trip_degc: float, hysteresis_k: float) -> None:
        self._ladder = np.array(ladder)
        self._trip_degc, self._hysteresis_k = trip_degc, hysteresis_k
        self._crossed: Mask | None = None

    def decide(self, seen: FleetObservation, asked: Mask) -> Indices:
        """Return the point of the cooling state that each hottest zone calls for."""
        temp, upper = seen.temps_degc.max(axis=1), len(self._ladder) - 1
        if self._crossed is None:
            self._crossed = np.zeros(len(temp), dtype=bool)
            self._state = np.zeros(len(temp), dtype=np.intp)
            self._last_degc: Vector = np.full(len(temp), np.nan)  # compares as no trend
        rising, falling = temp > self._last_degc, temp < self._last_degc
        threshold = self._trip_degc - np.where(self._crossed, self._hysteresis_k, 0.0)
        crossed = temp >= threshold
        state = np.where(crossed & rising, np.minimum(self._state + 1, upper), self._state)
        down = np.maximum(self._state - 1, min(1, upper))
        state = np.where(crossed & falling, down, state)
        state = np.where(~crossed & falling, 0, state)
        self._last_degc = np.where(asked, temp, self._last_degc)
        self._crossed = np.where(asked, crossed, self._crossed)
        self._state = np.where(asked, state, self._state)
        return self._ladder[upper - self._state]


class FleetReactive:
    """`adaptive.governor.reactive.Reactive` on N boards; `ladder` holds numbers of points."""

    def __init__(self, ladder: Sequence[int], *, trip_degc: float, hysteresis_k: float) -> None:
        self._ladder = np.array(ladder)
        self._trip_degc, self._hysteresis_k = trip_degc, hysteresis_k
        self._rung: Indices | None = None

    def decide(self, seen: FleetObservation, asked: Mask) -> Indices:
        """Return the point one level down, one level up, or the same."""
        temp, top = seen.temps_degc.max(axis=1), len(self._ladder) - 1
        if self._rung is None:
            self._rung = np.full(len(temp), top)
        down = temp >= self._trip_degc
        up = ~down & (temp < self._trip_degc - self._hysteresis_k)
        rung = np.clip(self._rung + up.astype(np.intp) - down, 0, top)
        self._rung = np.where(asked, rung, self._rung)
        return self._ladder[self._rung]


VECTORISED = ("static-fastest", "static-safe", "step-wise", "reactive", "look-ahead")
"""Bundled governors that decide for all boards at once."""


def build_fleet_governor(
    spec: Spec, *, plant: Plant, points: OperatingPointTable, scenario: Scenario, boards: int
) -> FleetGovernor:
    """Build a governor for so many boards, with the safety guard around it.

    The parameters are those of `experiments.user_governor.build_governor`.
    """
    if spec not in VECTORISED:
        return EachBoard(
            [
                build_governor(spec, plant=plant, points=points, scenario=scenario)
                for _ in range(boards)
            ],
            points,
        )
    number = {point.name: at for at, point in enumerate(points)}
    return FleetGuard(
        _vectorised(str(spec), plant, points, scenario, number),
        number[points.coolest.name],
        limits=SafetyLimits(critical_degc=plant.critical_degc, watched=True),
    )


def _vectorised(
    name: str,
    plant: Plant,
    points: OperatingPointTable,
    scenario: Scenario,
    number: dict[str, int],
) -> FleetGovernor:
    trip_degc = scenario.cap_degc
    if name == "static-fastest":
        return FleetStatic(number[fastest(points).name])
    if name == "static-safe":
        safe = best_safe(
            points,
            plant,
            ambient_degc=scenario.ambient_degc,
            cap_degc=trip_degc,
            demand_hz=scenario.demand.mean_hz,
        )
        return FleetStatic(number[safe.name])
    if name == "look-ahead":
        policy = LookAhead(
            points.points,
            plant,
            ambient_degc=scenario.ambient_degc,
            cap_degc=trip_degc,
            period_s=scenario.period_s,
        )
        return FleetLookAhead(policy, period_s=scenario.period_s, number=number)
    ladder: list[OperatingPoint] = list(ladder_of(points, fastest(points)))
    rungs = [number[point.name] for point in sorted(ladder, key=lambda point: point.frequency_hz)]
    if name == "step-wise":
        return FleetStepWise(rungs, trip_degc=trip_degc, hysteresis_k=STEP_WISE_HYSTERESIS_K)
    return FleetReactive(rungs, trip_degc=trip_degc, hysteresis_k=REACTIVE_HYSTERESIS_K)
