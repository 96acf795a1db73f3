"""What tests of policies share: observations by hand, odd ones, and a run on the two-node board."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st
from plants import OPPS, make_point, two_node_plant

from adaptive.governor.protocol import Governor
from adaptive.loop import Sample, run
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.simulation import SimulatedPlatform, Truth

LADDER = tuple(make_point(opp) for opp in OPPS)  # 50, 100, 150 and 200 Hz


def seen(
    temp_degc: float = 60.0,
    *,
    time_s: float = 0.0,
    demand_hz: float = 0.0,
    served_hz: float = 0.0,
    backlog: int = 0,
) -> Observation:
    """An observation of the two-node board."""
    return Observation(
        time_s=time_s,
        temps_degc={"cpu-thermal": temp_degc},
        ages_s={"cpu-thermal": 0.0},
        power_w=None,
        demand_hz=demand_hz,
        served_hz=served_hz,
        latency_s=0.0,
        backlog=backlog,
        caps={},
        fan_state=None,
    )


def odd_observations() -> st.SearchStrategy[list[Observation]]:
    """Runs of observations with anything in them: absent zones, NaN, infinities, time standing."""
    anything = st.one_of(
        st.sampled_from([0.0, math.nan, math.inf, -math.inf, 1e308, -1e308]),
        st.floats(-50.0, 200.0),
    )
    return st.lists(
        st.builds(
            Observation,
            time_s=st.one_of(st.floats(), st.sampled_from([0.1, 0.2, 0.3, 0.4])),
            temps_degc=st.dictionaries(st.sampled_from(["cpu-thermal", "other"]), anything),
            ages_s=st.just({}),
            power_w=st.none(),
            demand_hz=anything,
            served_hz=anything,
            latency_s=anything,
            backlog=st.integers(0, 1000),
            caps=st.just({}),
            fan_state=st.none(),
        ),
        max_size=8,
    )


@dataclass(frozen=True)
class ClosedLoop:
    """A run on the two-node board, with what was really hot and served."""

    samples: list[Sample]
    truth: list[Truth]

    @property
    def points(self) -> list[OperatingPoint]:
        """The point of each period."""
        return [sample.point for sample in self.samples]

    def peak_degc(self, from_s: float = 0.0) -> float:
        """Hottest junction from a time on."""
        return max(period.hottest_degc for period in self.truth if period.time_s >= from_s)

    def served(self, from_s: float = 0.0) -> int:
        """Frames answered from a time on."""
        late = [period for period in self.truth if period.time_s >= from_s]
        return sum(batch.count for period in late for batch in period.served)

    def switches(self, from_s: float = 0.0) -> int:
        """Changes of the operating point from a time on."""
        late = [s.point for s in self.samples if s.observation.time_s >= from_s]
        return sum(a is not b for a, b in pairwise(late))


def closed_loop(
    governor: Governor,
    *,
    demand_hz: Callable[[float], float],
    length_s: float,
    plant: Plant | None = None,
    ambient_degc: float = 25.0,
) -> ClosedLoop:
    """Run a policy on the two-node board, without a guard, a decision every 0.1 s."""
    board = two_node_plant() if plant is None else plant
    platform = SimulatedPlatform(
        board, ambient_degc=ambient_degc, cap_degc=board.cap_degc, demand_hz=demand_hz
    )
    samples: list[Sample] = []
    periods = round(length_s / 0.1)
    run(
        platform,
        governor,
        period_s=0.1,
        stop=lambda: len(samples) >= periods,
        record=samples.append,
    )
    return ClosedLoop(samples, platform.truth)


def step_of_demand(low_hz: float, high_hz: float, *, at_s: float) -> Callable[[float], float]:
    """Demand that steps up once."""
    return lambda time_s: high_hz if time_s >= at_s else low_hz
