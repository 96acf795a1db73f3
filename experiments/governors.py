"""The bundled policies by name, each with the safety guard around it."""

from collections.abc import Callable
from dataclasses import dataclass

from adaptive.governor.alert import Alert
from adaptive.governor.budget import Budget
from adaptive.governor.kernel_tables import Ladder, ladder_of, power_actor
from adaptive.governor.look_ahead import LookAhead
from adaptive.governor.objective import Objective
from adaptive.governor.ondemand import Ondemand
from adaptive.governor.power_allocator import PowerAllocator, sustainable_mw
from adaptive.governor.predictive import Predictive
from adaptive.governor.proactive import Proactive
from adaptive.governor.protocol import Governor
from adaptive.governor.reactive import Reactive
from adaptive.governor.schedutil import Schedutil
from adaptive.governor.static import Static, best_safe, fastest
from adaptive.governor.step_wise import StepWise
from adaptive.governor.throttled import CpufreqGovernor, Throttled
from adaptive.governor.tvfs import Tvfs
from adaptive.operating_point import OperatingPoint, OperatingPointTable
from adaptive.plant import Plant
from adaptive.safety import SafetyGuard, SafetyLimits
from experiments.scenarios import Scenario

DEMO_GOVERNORS = ("static-fastest", "static-safe", "step-wise", "look-ahead")
GOVERNORS = (
    *DEMO_GOVERNORS,
    "ondemand",
    "ondemand-step-wise",
    "schedutil",
    "schedutil-step-wise",
    "power-allocator",
    "schedutil-power-allocator",
    "reactive",
    "proactive",
    "schedutil-proactive",
    "tvfs",
    "alert",
    "budget",
    "predictive",
)
STEP_WISE_HYSTERESIS_K = 10.0  # the Odroid-XU4's passive trips, Linux device tree
REACTIVE_HYSTERESIS_K = 2.0  # two steps of the coarsest bundled zone


def make_governor(
    name: str,
    *,
    plant: Plant,
    points: OperatingPointTable,
    scenario: Scenario,
    trip_degc: float | None = None,
    like: OperatingPoint | None = None,
    objective: Objective | None = None,
    preview: Callable[[float], float] | None = None,
) -> Governor:
    """Build one of the bundled policies, with the safety guard around it.

    Parameters
    ----------
    name
        One of `GOVERNORS`.
    plant
        The board, as far as the policy knows it.
    points
        What it may choose from.
    scenario
        Ambient and demand the policy is set up for.
    trip_degc
        Temperature it is to keep; the scenario's cap by default. Those that know no temperature
        (`static-fastest`, `ondemand`, `schedutil`) take no notice [degC].
    like
        The point whose effort, cluster and duty the policies blind to precision run at every
        frequency; the fastest by default (all layers at 8 bits on the fastest cluster).
    objective
        What `predictive` is to aim at; right answers within the deadline by default.
    preview
        Demand as a function of time, where `predictive` is to know it in advance [Hz].
    """
    setup = _Setup(
        plant=plant,
        points=points,
        scenario=scenario,
        trip_degc=scenario.cap_degc if trip_degc is None else trip_degc,
        like=fastest(points) if like is None else like,
        objective=_right_answers(points, scenario) if objective is None else objective,
        preview=preview,
    )
    return SafetyGuard(
        _MAKERS[name](setup),
        points.coolest,
        zones=tuple(zone.name for zone in plant.zones),
        limits=SafetyLimits(critical_degc=plant.critical_degc, watched=True),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Setup:
    """What a policy is built from; the fields are the parameters of `make_governor`."""

    plant: Plant
    points: OperatingPointTable
    scenario: Scenario
    trip_degc: float
    like: OperatingPoint
    objective: Objective
    preview: Callable[[float], float] | None

    @property
    def ladder(self) -> Ladder:
        return ladder_of(self.points, self.like)


def _right_answers(points: OperatingPointTable, scenario: Scenario) -> Objective:
    """Count every right answer alike."""
    return Objective(dict.fromkeys((p.level for p in points), 1.0), deadline_s=scenario.deadline_s)


def _static_safe(s: _Setup) -> Governor:
    point = best_safe(
        s.points,
        s.plant,
        ambient_degc=s.scenario.ambient_degc,
        cap_degc=s.trip_degc,
        demand_hz=s.scenario.demand.mean_hz,
    )
    return Static(point)


def _step_wise(s: _Setup) -> StepWise:
    return StepWise(s.ladder, trip_degc=s.trip_degc, hysteresis_k=STEP_WISE_HYSTERESIS_K)


def _look_ahead(s: _Setup) -> Governor:
    return LookAhead(
        s.points.points,
        s.plant,
        ambient_degc=s.scenario.ambient_degc,
        cap_degc=s.trip_degc,
        period_s=s.scenario.period_s,
    )


def _predictive(s: _Setup) -> Governor:
    return Predictive(
        s.points.points,
        s.plant,
        objective=s.objective,
        ambient_degc=s.scenario.ambient_degc,
        cap_degc=s.trip_degc,
        period_s=s.scenario.period_s,
        preview=s.preview,
    )


def _under_step_wise(cpufreq: CpufreqGovernor, step_wise: StepWise) -> Governor:
    return Throttled(cpufreq, lambda seen, _ran: step_wise.decide(seen))


def _power_allocator(s: _Setup) -> PowerAllocator:
    """Make every cluster an actor, the working one first."""
    plant, ladder = s.plant, s.ladder
    working = power_actor(plant, s.like.cores, opps=[p.islands[p.cores] for p in ladder])
    idle = [
        power_actor(plant, cluster.name, opps=plant.islands.named(cluster.island).table)
        for cluster in plant.clusters
        if cluster.name != s.like.cores
    ]
    sustainable = sustainable_mw(
        ladder,
        working,
        plant,
        ambient_degc=s.scenario.ambient_degc,
        limit_degc=s.trip_degc,
    )
    return PowerAllocator(
        ladder, [working, *idle], trip_degc=s.trip_degc, sustainable_mw=sustainable
    )


def _reactive(s: _Setup) -> Governor:
    return Reactive(s.ladder, trip_degc=s.trip_degc, hysteresis_k=REACTIVE_HYSTERESIS_K)


def _proactive(s: _Setup) -> Proactive:
    return Proactive(
        s.ladder,
        s.plant,
        ambient_degc=s.scenario.ambient_degc,
        trip_degc=s.trip_degc,
        period_s=s.scenario.period_s,
    )


def _tvfs(s: _Setup) -> Governor:
    """Keep the latency that the mean demand asks for."""
    return Tvfs(
        s.points.points,
        cores=s.like.cores,
        target_latency_s=min(s.scenario.deadline_s, 1.0 / s.scenario.demand.mean_hz),
        trip_degc=s.trip_degc,
        hysteresis_k=REACTIVE_HYSTERESIS_K,
    )


def _alert(s: _Setup) -> Governor:
    return Alert(
        s.points.points,
        s.plant,
        cores=s.like.cores,
        ambient_degc=s.scenario.ambient_degc,
        trip_degc=s.trip_degc,
        deadline_s=s.scenario.deadline_s,
    )


def _budget(s: _Setup) -> Governor:
    return Budget(
        s.points.points,
        s.plant,
        cores=s.like.cores,
        ambient_degc=s.scenario.ambient_degc,
        trip_degc=s.trip_degc,
    )


_MAKERS: dict[str, Callable[[_Setup], Governor]] = {
    "static-fastest": lambda s: Static(fastest(s.points)),
    "static-safe": _static_safe,
    "step-wise": _step_wise,
    "look-ahead": _look_ahead,
    "predictive": _predictive,
    "ondemand": lambda s: Ondemand(s.ladder),
    "ondemand-step-wise": lambda s: _under_step_wise(Ondemand(s.ladder), _step_wise(s)),
    "schedutil": lambda s: Schedutil(s.ladder),
    "schedutil-step-wise": lambda s: _under_step_wise(Schedutil(s.ladder), _step_wise(s)),
    "power-allocator": _power_allocator,
    "schedutil-power-allocator": lambda s: Throttled(
        Schedutil(s.ladder), _power_allocator(s).ceiling
    ),
    "reactive": _reactive,
    "proactive": _proactive,
    "schedutil-proactive": lambda s: Throttled(Schedutil(s.ladder), _proactive(s).ceiling),
    "tvfs": _tvfs,
    "alert": _alert,
    "budget": _budget,
}
