"""The offline bound: what no governor can beat, and what perfect foresight really reaches.

The oracle knows the run's true board, ambient and demand in advance, starts from the same state,
has no zone, no delay, no dwell time and no switching cost, and may share time among all points,
idling included, at any instant. Three steps are repeated:

- a linear program over time shares, with exact steps and leakage as a line around the temperatures
  found so far, gives a schedule and the prices of heat and of frames;
- the schedule is followed through the true, non-linear board: if it keeps the cap, its reward is
  within reach;
- the prices prove an upper bound for every schedule (`experiments.oracle.dual`), whatever the
  program's steps, lines and tolerances were.

The gap between the two says how sharp the bound is.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from experiments.oracle.dual import dual_bound
from experiments.oracle.heat import Course, HeatSteps, Tensor, follow, heat_steps, inflow_w
from experiments.oracle.lp import Board, Plan, solve
from experiments.oracle.plant import junction_rows, likely, list_activities
from experiments.oracle.steps import cut, earned
from experiments.reward import Worth
from experiments.starts import settled
from experiments.workloads import Workload
from thermal.network import Matrix, Vector

_ROUNDS, _SHARPER = 12, 3
_GOAL, _WORTH_A_ROUND = 0.002, 0.0003  # gaps that end the search: small enough; hardly moving
_MARGIN_K = 1e-3  # by which a schedule is to stay below the cap, so that it does


@dataclass(frozen=True, slots=True)
class Bound:
    """What is known of the best schedule of a run.

    Attributes
    ----------
    bound
        No schedule that keeps the cap earns more, over the best effort on all frames demanded.
    feasible
        What a schedule earns that keeps the cap on the true board, by the same measure.
    infeasible
        Whether the coolest point passes the cap, kept through the run or for ever after it; bound
        and feasible are then 0.
    rounds
        Linear programs solved.
    cpu_s
        Processor time it took [s].
    """

    bound: float
    feasible: float
    infeasible: bool
    rounds: int
    cpu_s: float

    @property
    def gap(self) -> float:
        """Share of the bound that is not known to be within reach [0..1]."""
        return (self.bound - self.feasible) / self.bound if self.bound > 0.0 else 0.0


def offline_bound(
    plant: Plant,
    points: Sequence[OperatingPoint],
    workload: Workload,
    *,
    worth: Worth,
    start_degc: Vector,
    cap_degc: float,
) -> Bound:
    """Bound the reward of every schedule of a run, and find one that comes close.

    Parameters
    ----------
    plant
        The run's true board.
    points
        What a governor may choose from.
    workload
        What comes, and how warm it is.
    worth
        What answers are worth.
    start_degc
        Node temperatures at the start, shape (n,); above the cap the run is infeasible [degC].
    cap_degc
        Highest junction temperature allowed [degC].

    Raises
    ------
    ValueError
        If the cap is above the board's critical temperature.
    OracleError
        If a linear program could not be solved.

    Notes
    -----
    Limits: frames are a fluid, so a run of few frames may beat the bound by a frame's worth. The
    surroundings are constant within a control period. The fan changes only the conductance to the
    ambient. The feasible schedule shares time at any fineness and is followed at sixteen instants
    a step, of at most 0.63 s.
    """
    began_s = time.process_time()
    if cap_degc > plant.critical_degc:
        raise ValueError(f"cap_degc is {cap_degc}, expected at most {plant.critical_degc}")
    search = _Search(plant, points, workload, worth=worth, start_degc=start_degc, cap_degc=cap_degc)
    if search.infeasible:
        return Bound(0.0, 0.0, True, 0, time.process_time() - began_s)
    gap, rounds = math.inf, 0
    while rounds < _ROUNDS and gap > _GOAL:
        search.improve()
        rounds += 1
        before, gap = gap, search.gap
        if math.isfinite(gap) and before - gap < _WORTH_A_ROUND:
            break
    while rounds < _ROUNDS + _SHARPER and gap > _GOAL:
        search.sharpen()
        rounds += 1
        before, gap = gap, search.gap
        if not before - gap >= _WORTH_A_ROUND:
            break
    return Bound(search.bound, search.feasible, False, rounds, time.process_time() - began_s)


class _Search:
    """Bound and schedule of one run, better with every round."""

    def __init__(
        self,
        plant: Plant,
        points: Sequence[OperatingPoint],
        workload: Workload,
        *,
        worth: Worth,
        start_degc: Vector,
        cap_degc: float,
    ) -> None:
        self._plant, self._start, self._cap = plant, np.asarray(start_degc), cap_degc
        self._rows = junction_rows(plant)
        self._deadline_s = workload.deadline_s
        self._steps = cut(workload, plant)
        self._inflow = inflow_w(plant, self._steps)
        self._all = list_activities(
            points, plant, worth=worth.of_frame, deadline_s=workload.deadline_s
        )
        demanded = max(int(self._steps.arrivals.sum() + 1e-9), 1)
        self._scale = 1.0 / (worth.best(points) * demanded)
        self._chosen = likely(self._all, plant, at_degc=cap_degc)
        k, n = len(self._steps.lengths_s), len(self._start)
        self._temps = np.full((k, n), cap_degc)
        leakage = np.tile(np.median(self._all.leakage_w, axis=0), (k, 1))
        self._slope = self._slopes(leakage)
        self._bump = np.zeros((k, len(self._rows)))
        self._margin = self._bump + _MARGIN_K
        least = self._follow(
            np.tile(self._all.dynamic_w.min(axis=0), (k, 1)),
            np.tile(self._all.leakage_w.min(axis=0), (k, 1)),
        )
        self._lowest = np.minimum(least.inside_degc.min(axis=1), least.ends_degc[:-1]) - 0.05
        self.infeasible = self._passes(points, workload)
        # Frames at no price are worth the best effort's answer: what a cool board could earn.
        self.bound, self.feasible = float(self._steps.arrivals.sum()) / demanded, 0.0

    @property
    def gap(self) -> float:
        """Share of the bound not yet reached; infinite while no schedule is known."""
        return 1.0 - self.feasible / self.bound if self.feasible > 0.0 else math.inf

    def _passes(self, points: Sequence[OperatingPoint], workload: Workload) -> bool:
        """Return whether the coolest point, kept, passes the cap in the run or after it."""
        coolest = min(points, key=lambda point: (point.power_w, point.accuracy))
        only = list_activities([coolest], self._plant, worth=lambda _: 0.0, deadline_s=math.inf)
        k = len(self._steps.lengths_s)
        kept = self._follow(
            np.tile(only.dynamic_w[-1], (k, 1)), np.tile(only.leakage_w[-1], (k, 1))
        )
        after = settled(
            self._plant,
            workload,
            points=(coolest, coolest),
            share=0.0,
            time_s=workload.length_s - 0.5 * workload.period_s,
        )
        if after.runaway or float(after.temps_degc[self._rows].max()) > self._cap:
            return True
        return float(kept.inside_degc[..., self._rows].max()) > self._cap + _MARGIN_K

    def _follow(self, dynamic_w: Vector, leakage_w: Vector) -> Course:
        return follow(
            self._plant,
            self._steps,
            self._start,
            activities=self._all,
            dynamic_w=dynamic_w,
            leakage_w=leakage_w,
            slope_w_per_k=self._slope,
        )

    def _slopes(self, leakage_w: Vector) -> Vector:
        return np.asarray(leakage_w * self._all.rate_per_k * self._all.growth(self._temps))

    def improve(self) -> None:
        """Solve around the temperatures of the last round; prove, follow, and learn from both."""
        chosen = self._all.of(self._chosen)
        heat = heat_steps(self._plant, self._steps, self._slope)
        line = chosen.leakage_w * chosen.growth(self._temps)[:, np.newaxis]
        line = line - (self._slope * self._temps)[:, np.newaxis]
        plan = self._solve(heat, chosen.dynamic_w + line, self._cap - self._margin)
        leakage = plan.shares @ chosen.leakage_w
        course = self._follow(plan.shares @ chosen.dynamic_w, leakage)
        self._keep(plan, course)
        self._binding = plan.heat_price > 0.0
        self._temps = course.inside_degc.mean(axis=1)
        self._slope = self._slopes(leakage)
        self._prove(heat, plan)

    def sharpen(self) -> None:
        """Solve for prices alone, with the lines and the cap that the proof itself uses."""
        hot = np.full_like(self._temps, self._cap)
        steepest = self._all.leakage_w.max(axis=0) * self._all.rate_per_k * self._all.growth(hot)
        # Where the cap binds, a line steep enough meets every activity's leakage right there.
        slope = np.where(self._binding, steepest, self._slope)
        heat = heat_steps(self._plant, self._steps, slope)
        under = self._all.of(self._chosen).under(slope, self._lowest, hot[0])
        power = self._all.dynamic_w[self._chosen] + under
        self._prove(heat, self._solve(heat, power, hot[:, self._rows], through=True))

    def _solve(
        self, heat: HeatSteps, power_w: Tensor, caps_degc: Matrix, *, through: bool = False
    ) -> Plan:
        board = Board(
            heat=heat,
            power_w=power_w,
            inflow_w=self._steps.mean(self._inflow),
            start_degc=self._start,
            junctions=self._rows,
            caps_degc=caps_degc,
            through=through,
        )
        chosen = self._all.of(self._chosen)
        return solve(self._steps, chosen, board, deadline_s=self._deadline_s)

    def _prove(self, heat: HeatSteps, plan: Plan) -> None:
        """Bound all schedules by the prices of a plan; note activities it should have had."""
        proof = dual_bound(
            self._plant,
            self._steps,
            self._start,
            activities=self._all,
            heat=heat,
            cap_degc=self._cap,
            heat_price=plan.heat_price,
            through_price=plan.through_price,
            frame_price=plan.frame_price,
            lowest_degc=self._lowest,
            deadline_s=self._deadline_s,
        )
        self.bound = min(self.bound, proof.worth * self._scale)
        self._chosen = np.union1d(self._chosen, proof.active)

    def _keep(self, plan: Plan, course: Course) -> None:
        """Keep a schedule that holds the cap; correct the next by what this one really did."""
        inside = course.inside_degc[..., self._rows]
        ends = course.ends_degc[:, self._rows]
        if float(inside.max()) <= self._cap:
            chosen = self._all.of(self._chosen)
            worth = earned(
                self._steps,
                plan.shares,
                frames_hz=chosen.frames_hz,
                worth=chosen.worth,
                deadline_s=self._deadline_s,
            )
            self.feasible = max(self.feasible, worth * self._scale)
        # Peaks inside steps move about from round to round: room once needed is kept.
        self._bump = np.maximum(self._bump, inside.max(axis=1) - np.maximum(ends[:-1], ends[1:]))
        room = self._bump.copy()
        room[:-1] = np.maximum(room[:-1], self._bump[1:])
        self._margin = _MARGIN_K + room + ends[1:] - plan.ends_degc[:, self._rows]
