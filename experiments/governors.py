"""The bundled policies by name, each with the safety guard around it."""

from collections.abc import Callable

from adaptive.governor.look_ahead import LookAhead
from adaptive.governor.protocol import Governor
from adaptive.governor.static import Static, best_safe, fastest
from adaptive.governor.step_wise import StepWise
from adaptive.operating_point import OperatingPointTable
from adaptive.plant import Plant
from adaptive.safety import SafetyGuard, SafetyLimits
from experiments.scenarios import Scenario

GOVERNORS = ("static-fastest", "static-safe", "step-wise", "look-ahead")
STEP_WISE_HYSTERESIS_K = 10.0  # the Odroid-XU4's passive trips, Linux device tree


def make_governor(
    name: str,
    *,
    plant: Plant,
    points: OperatingPointTable,
    scenario: Scenario,
) -> Governor:
    """Build one of the bundled policies, with the safety guard around it.

    `step-wise` is blind to precision: it runs the fastest network (all layers at 8 bits) on the
    cluster of the fastest point.
    """
    quickest = fastest(points)
    makers: dict[str, Callable[[], Governor]] = {
        "static-fastest": lambda: Static(quickest),
        "static-safe": lambda: Static(
            best_safe(
                points,
                plant,
                ambient_degc=scenario.ambient_degc,
                cap_degc=scenario.cap_degc,
                demand_hz=scenario.demand.mean_hz,
            )
        ),
        "step-wise": lambda: StepWise(
            [
                point
                for point in points
                if (point.effort, point.cores, point.duty)
                == (quickest.effort, quickest.cores, quickest.duty)
            ],
            trip_degc=scenario.cap_degc,
            hysteresis_k=STEP_WISE_HYSTERESIS_K,
        ),
        "look-ahead": lambda: LookAhead(
            points.points,
            plant,
            ambient_degc=scenario.ambient_degc,
            cap_degc=scenario.cap_degc,
            period_s=scenario.period_s,
        ),
    }
    return SafetyGuard(
        makers[name](),
        points.coolest,
        zones=tuple(zone.name for zone in plant.zones),
        limits=SafetyLimits(critical_degc=plant.critical_degc),
    )
