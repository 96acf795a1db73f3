"""The best answers a board can give for ever: predict, price power, stay below the cap.

Each period the governor

1. estimates every junction, the ambient and how the board's power is off its model, from zones
   that lag, round and err (`adaptive.governor.board_filter`);
2. forecasts demand, or looks it up where it is known in advance;
3. lays out plans, one for each price of power: at a price, every stretch of time to come runs the
   point of most worth less the price of its power. High prices are cool, low ones hot;
4. predicts the junctions of every plan, and takes the lowest price whose plan stays below the cap
   throughout. Where the cap lies between two plans, it shares time between their points.

One price for the whole horizon is what makes heat go where it is worth most: it neither sprints
into a wall nor saves headroom that will not be needed. Two distances from the cap are kept: one
for what is known of the temperatures, and for the next period, which no later decision can mend,
one for what is known of the power as well. Both shrink as the filter learns.

Network and leakage make this safe the way `thermal.network` says: heat flows from hot to cold, so
more power never makes a junction cooler, and more headroom never a cooler choice.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.governor.battery_meter import BatteryMeter
from adaptive.governor.board_filter import BoardFilter, Uncertainty
from adaptive.governor.forecast import Forecast
from adaptive.governor.menu import Indices, Menu
from adaptive.governor.objective import Objective
from adaptive.governor.observed import is_temperature
from adaptive.governor.prospect import Prospect, stretches_s
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Array, Plant
from adaptive.platform import Observation
from thermal.modes import decompose
from thermal.network import Vector

_MOST_LOST = 0.02  # share of service that changes of the point may cost


@dataclass(frozen=True, slots=True)
class Caution:
    """How far ahead to look, and what distance to keep from the cap.

    Attributes
    ----------
    horizon_s, preview_s
        How far ahead plans reach without and with a preview of demand [s].
    longest_s
        Longest stretch of a plan [s].
    margin_k
        Distance from the cap that is always kept [K].
    deviations
        Standard deviations of the estimate that are kept besides [1].
    delay_s
        Longest time from a decision to its effect [s].
    dwell_s
        A point is kept at least this long where time is shared [s].
    switch_s
        Service lost to a change of the point [s]. Points are kept so long, and changed to hotter
        ones for so much, that a fiftieth of all service is lost at most.
    alarm_k
        A zone that reads so far above the cap means the coolest point, whatever is estimated [K].
    """

    horizon_s: float = 15.0
    preview_s: float = 100.0
    longest_s: float = 8.0
    margin_k: float = 0.3
    deviations: float = 2.0
    delay_s: float = 0.1
    dwell_s: float = 0.0
    switch_s: float = 0.0
    alarm_k: float = 3.0

    def __post_init__(self) -> None:
        for name in ("horizon_s", "preview_s", "longest_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value}, expected a positive number")
        for name in ("margin_k", "deviations", "delay_s", "dwell_s", "switch_s", "alarm_k"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} is {value}, expected 0 or more")


@dataclass(frozen=True, slots=True, eq=False)
class _Plans:
    """What falling prices of power would run in each stretch, at levels of demand.

    Attributes
    ----------
    levels
        Of demand in each stretch, shape (B,).
    now
        Points of the first stretch, shape (K,).
    power_w
        What the board draws then, shape (K,) [W].
    switched_w, leakage_w
        Switching power and leakage of each node in each stretch, shape (K, B, n) [W].
    """

    levels: Indices
    now: Indices
    power_w: Vector
    switched_w: Array
    leakage_w: Array

    @classmethod
    def of(cls, levels: Indices, priced: Indices, menu: Menu, leakage_w: Array) -> "_Plans":
        """Lay out the plans at each price that differ from the one before."""
        plans = menu.best[priced, levels]  # (K, B)
        new = np.ones(len(plans), dtype=bool)
        new[1:] = (plans[1:] != plans[:-1]).any(axis=1)
        plans = plans[new]
        busy = menu.busy(plans, levels)
        now = plans[:, 0]
        power = menu.power
        return cls(
            levels,
            now,
            menu.idle_w[now] + busy[:, 0] * menu.work_w[now],
            power.idle_w[plans] + busy[..., np.newaxis] * power.work_w[plans],
            leakage_w[plans],
        )


class Predictive:
    """Most worth for ever, with every junction below the cap.

    Parameters
    ----------
    points
        Candidates; those that the objective does not admit or another one beats are left out.
    plant
        The board's model.
    objective
        What answers are worth and what must hold.
    ambient_degc
        Ambient to begin with; it is estimated from then on [degC].
    cap_degc
        Highest junction temperature allowed [degC].
    period_s
        Control period [s].
    preview
        Demand as a function of time, where it is known in advance [Hz].
    caution, uncertainty
        How far to look and what distance to keep; what to expect of the model's errors.

    Raises
    ------
    ConfigError
        If the objective admits none of the points.

    Notes
    -----
    Limits: one cluster works at a time; what a fan or the sun changes is seen as a change of the
    ambient and of power; leakage is planned with as at the cap. A reading that is no temperature or
    far above the cap, or a zone that is missing, means the coolest point.
    """

    def __init__(
        self,
        points: Sequence[OperatingPoint],
        plant: Plant,
        *,
        objective: Objective,
        ambient_degc: float,
        cap_degc: float,
        period_s: float,
        preview: Callable[[float], float] | None = None,
        caution: Caution | None = None,
        uncertainty: Uncertainty | None = None,
    ) -> None:
        if not (math.isfinite(period_s) and period_s > 0.0):
            raise ValueError(f"period_s is {period_s}, expected a positive number")
        self._caution = caution or Caution()
        self._stay_s = max(self._caution.dwell_s, self._caution.switch_s / _MOST_LOST)
        self._clear_s = max(0.5 * objective.answer_s, period_s)
        self._battery = BatteryMeter(objective.battery)
        self._cap_degc = cap_degc
        self._period_s = period_s
        self._zones = tuple(zone.name for zone in plant.zones)
        self._menu = Menu.of(points, plant, objective=objective, temp_degc=cap_degc)
        self._filter = BoardFilter(
            plant,
            self._menu.power,
            ambient_degc=ambient_degc,
            period_s=period_s,
            uncertainty=uncertainty or Uncertainty(),
        )
        known = self._caution.horizon_s if preview is None else self._caution.preview_s
        edges = stretches_s(period_s + self._caution.delay_s, known, self._caution.longest_s)
        self._prospect = Prospect.of(plant, edges)
        self._reach = self._filter.reach(self._prospect.free[:, 0], self._prospect.driven[0, :, 0])
        self._forecast = Forecast(edges, preview)
        # Heat let in early has left in part when it would be in the way: far ahead it is dearer.
        slowest_per_s = float(decompose(plant.network).rate[0]) if preview is not None else 0.0
        self._priced = self._menu.dearer(np.exp(edges[:-1] * slowest_per_s))  # (K, B)
        growth = self._menu.power.growth(np.full(len(plant.network.nodes), cap_degc))
        self._leakage_w = self._menu.power.leakage_w * growth  # (N, n)
        self._ran = 0
        self._plans: _Plans | None = None
        self._before: Observation | None = None
        self._since_s = -math.inf
        self._owed = 0.0

    @property
    def kept(self) -> int:
        """How many points are worth choosing at some price of power and some demand."""
        return len(self._menu.points)

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point to run; the coolest one without a temperature to believe."""
        self._forecast.update(observation.time_s, observation.demand_hz)
        self._battery.update(observation.time_s, self._power_w(observation))
        known = self._follow(observation) and not self._alarming(observation)
        index = self._worthwhile(self._choose(observation), observation) if known else 0
        if index != self._ran:
            self._since_s = observation.time_s
        self._ran = index
        return self._menu.points[index]

    def _follow(self, observation: Observation) -> bool:
        """Bring the estimate up to now; say whether there is a temperature of every zone."""
        before, self._before = self._before, observation
        temps = [observation.temps_degc.get(zone, math.nan) for zone in self._zones]
        if not all(is_temperature(temp) for temp in temps):
            self._before = None
            return False
        readings = np.array(temps)
        elapsed_s = math.nan if before is None else observation.time_s - before.time_s
        if not abs(elapsed_s / self._period_s - 1.0) <= 0.5:
            self._filter.restart(readings)
            return True
        moving_k = self._filter.predict(self._ran, self._busy(observation))
        self._filter.correct(readings, moving_k=moving_k)
        return True

    def _alarming(self, observation: Observation) -> bool:
        """Say whether a zone reads so hot that no estimate is to be trusted."""
        limit_degc = self._cap_degc + self._caution.alarm_k
        return any(observation.temps_degc[zone] > limit_degc for zone in self._zones)

    def _choose(self, observation: Observation) -> int:
        """Return the point of the lowest price whose plan holds, or of two that share time."""
        levels = self._menu.level(self._demand_hz(observation))  # (B,)
        if self._plans is None or not np.array_equal(levels, self._plans.levels):
            self._plans = _Plans.of(levels, self._priced, self._menu, self._leakage_w)
        plans = self._plans
        now = plans.now
        over_k = self._over_the_cap_k(plans)
        over_w = np.maximum(plans.power_w - self._battery.power_w, -1e9)
        allowed = self._allowed(now, observation)
        # What is no number fits nothing.
        fits = (over_k.max(axis=(1, 2)) <= 0.0) & (over_w <= 0.0) & allowed
        last = (len(now) if fits.all() else int(fits.argmin())) - 1
        if last < 0:
            return 0
        cool = int(now[last])
        # Within a period half the margin may be used up where time is shared.
        if (
            last + 1 == len(now)
            or now[last + 1] == cool
            or not allowed[last + 1]
            or over_k[last + 1, 0].max() > 0.5 * self._caution.margin_k
        ):
            return cool
        pair = slice(last, last + 2)
        low, high = np.concatenate([over_k[pair].reshape(2, -1), over_w[pair, np.newaxis]], axis=1)
        beyond = high > 0.0
        room, step = -low[beyond], (high - low)[beyond]
        share = float((room / step).min()) if room.size else 1.0
        return self._shared(cool, int(now[last + 1]), share, observation.time_s)

    def _worthwhile(self, index: int, observation: Observation) -> int:
        """Return the point that ran, if a change to a hotter one brings less than it costs."""
        menu, ran = self._menu, self._ran
        if self._caution.switch_s == 0.0 or index == ran:
            return index
        pair = np.array([ran, index])
        busy = menu.busy(pair, menu.level(self._demand_hz(observation))[:1])
        power_w = menu.idle_w[pair] + busy * menu.work_w[pair]
        worth_hz = busy * menu.worth_hz[pair]
        hotter = power_w[1] >= power_w[0]
        return ran if hotter and worth_hz[0] >= (1.0 - _MOST_LOST) * worth_hz[1] else index

    def _demand_hz(self, observation: Observation) -> Vector:
        """Return the frame rate to provide for in each stretch, the backlog in the first [Hz]."""
        demand = self._forecast.over()
        demand[0] = self._forecast.now_hz + max(observation.backlog, 0) / self._clear_s
        return demand

    def _over_the_cap_k(self, plans: "_Plans") -> Array:
        """Return by how much plans pass what is allowed, at ends and junctions, (K, B, J) [K]."""
        caution, board = self._caution, self._filter
        power = plans.switched_w * board.power_factor + plans.leakage_w
        ambient = board.ambient_degc
        junctions = self._prospect.junctions_k(board.temps_degc - ambient, power)
        kept_k = caution.margin_k + board.rounding_k + board.ahead_k
        kept_k += ambient - self._cap_degc
        junctions[:, 0] += kept_k + caution.deviations * board.predicted_spread_k(
            self._reach, plans.switched_w[:, 0]
        )
        junctions[:, 1:] += kept_k + caution.deviations * board.spread_k
        return junctions

    def _busy(self, observation: Observation) -> float:
        """Return how busy the point that ran was in the last period [0..1]."""
        point = self._menu.points[self._ran]
        share = observation.served_hz * point.latency_s
        return min(max(share, 0.0), 1.0) if math.isfinite(share) else point.duty

    def _power_w(self, observation: Observation) -> float:
        """Return the power of the last period, from the model where there is no meter [W]."""
        if observation.power_w is not None:
            return observation.power_w
        idle, work = self._menu.idle_w[self._ran], self._menu.work_w[self._ran]
        return float(idle + self._busy(observation) * work)

    def _allowed(self, now: Indices, observation: Observation) -> NDArray[np.bool_]:
        """Say which points no kernel's or firmware's limit forbids, shape (K,)."""
        caps = observation.caps
        if not caps:
            return np.ones(len(now), dtype=bool)
        return np.array(
            [
                all(
                    not opp.frequency_hz > caps.get(island, math.inf)
                    for island, opp in self._menu.points[index].islands.items()
                )
                for index in now
            ]
        )

    def _shared(self, cool: int, hot: int, share: float, time_s: float) -> int:
        """Share time between two points so that the hotter one gets its share of periods."""
        if self._ran in (cool, hot) and time_s - self._since_s < self._stay_s - 1e-9:
            chosen = self._ran
        else:
            chosen = hot if self._owed + share >= 0.5 else cool
        self._owed = min(max(self._owed + share - (chosen == hot), -0.5), 0.5)
        return chosen
