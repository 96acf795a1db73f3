"""The kernel's power_allocator thermal governor (IPA): a PID power budget, divided among clusters.

Arithmetic after Linux ``drivers/thermal/gov_power_allocator.c`` at commit 03c11eb3 and
``drivers/thermal/cpufreq_cooling.c`` at commit 03ab8e62, re-implemented from a description: whole
m degC and mW, fixed point with 10 fractional bits, every shift rounding down. Kernels between
commits 912e97c67cc3 and 4ecaa75771a7 (mended in 2025) divide by the weighted but multiply by the
unweighted request; that defect is not modelled, so unequal weights act here as documented.

It knows the hottest zone, the load of each cluster and the kernel's energy model, which has no
leakage. It does not know the heat capacity of the board, the demand, or precision.
"""

import math
from collections.abc import Sequence

import numpy as np

from adaptive.governor.candidates import Candidates, sustainable_power_w
from adaptive.governor.kernel_tables import Ladder, PowerActor, as_ladder, checked_actors
from adaptive.governor.observed import busy_share, hottest_degc
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation

FRAC_BITS = 10
DEFAULT_WEIGHT = 1 << FRAC_BITS


class PidBudget:
    """The controller: temperature error in, power budget out, all integers.

    Gains are the kernel's defaults: ``S / dT`` above the control temperature, ``2 S / dT`` below
    it, a tenth of that for the integral (which grows only above it), none for the derivative.

    Parameters
    ----------
    control_mdegc
        Temperature to hold, the last passive trip [m degC].
    span_mk
        How far below it control starts, ``dT``, above 0 [mK].
    sustainable_mw
        Power that holds the control temperature, ``S`` [mW].
    most_mw
        Highest power the actors can draw together [mW].

    Notes
    -----
    Limits: the derivative term, 0 unless an administrator sets it, is left out.
    """

    def __init__(
        self, *, control_mdegc: int, span_mk: int, sustainable_mw: int, most_mw: int
    ) -> None:
        if span_mk < 1:
            raise ValueError(f"span_mk is {span_mk}, expected at least 1")
        if sustainable_mw < 0:
            raise ValueError(f"sustainable_mw is {sustainable_mw}, expected 0 or more")
        self._control_mdegc = control_mdegc
        self._span_mk = span_mk
        self._sustainable_mw = sustainable_mw
        self._most_mw = most_mw
        self._overshoot = (sustainable_mw << FRAC_BITS) // span_mk
        self._undershoot = (2 * sustainable_mw << FRAC_BITS) // span_mk
        self._integral = max(1, self._undershoot // 10)
        self._error_sum = 0

    def budget_mw(self, temp_mdegc: int) -> int | None:
        """Return the power allowed, or None below the temperature at which control starts [mW]."""
        if temp_mdegc < self._control_mdegc - self._span_mk:
            self._error_sum = 0
            return None
        error = (self._control_mdegc - temp_mdegc) << FRAC_BITS
        gain = self._overshoot if error < 0 else self._undershoot
        integral = (self._integral * self._error_sum) >> FRAC_BITS
        if error < 0:
            grown = integral + ((self._integral * error) >> FRAC_BITS)
            if abs(grown) < self._most_mw << FRAC_BITS:
                integral = grown
                self._error_sum += error
        correction = (((gain * error) >> FRAC_BITS) + integral) >> FRAC_BITS
        return min(max(self._sustainable_mw + correction, 0), self._most_mw)


def divide(budget_mw: int, *, weighted: Sequence[int], most_mw: Sequence[int]) -> list[int]:
    """Divide a budget in proportion to weighted requests; pass on what a cap leaves over.

    Parameters
    ----------
    budget_mw
        What there is [mW].
    weighted
        Weighted request of each actor; where none asks, none is granted anything.
    most_mw
        Highest power each can draw [mW].

    Returns
    -------
    list of int
        Grants, none above its cap [mW].
    """
    total = sum(weighted) or 1
    shares = [_rounded(budget_mw * request, total) for request in weighted]
    grants = [min(share, most) for share, most in zip(shares, most_mw, strict=True)]
    room = [most - grant for grant, most in zip(grants, most_mw, strict=True)]
    extra = min(sum(shares) - sum(grants), sum(room))
    if extra:
        grants = [g + _rounded(r * extra, sum(room)) for g, r in zip(grants, room, strict=True)]
    return grants


def _rounded(numerator: int, denominator: int) -> int:
    """Divide numbers not below 0, rounding to the nearest, up on a tie."""
    return (numerator + denominator // 2) // denominator


class PowerAllocator:
    """Run the working cluster as fast as its share of a power budget pays for.

    Parameters
    ----------
    ladder
        Points of one effort on the working cluster, one for each of its OPPs.
    actors
        Every cluster of the board, the working one first; the others idle at their slowest OPP.
    trip_degc
        Control temperature [degC].
    sustainable_mw
        Power the actors can draw for ever, as the kernel's energy model counts it [mW].
    span_k
        How far below the trip control starts [K].

    Notes
    -----
    Limits: one zone, the hottest, where a board may have several, each with its own budget; the
    load of all CPUs of a cluster is the same; without zones it runs at the slowest OPP.
    """

    def __init__(
        self,
        ladder: Sequence[OperatingPoint],
        actors: Sequence[PowerActor],
        *,
        trip_degc: float,
        sustainable_mw: int,
        span_k: float = 10.0,
    ) -> None:
        self._ladder = as_ladder(ladder)
        self._actors = checked_actors(actors, self._ladder)
        self._most_mw = [actor.most_mw for actor in self._actors]
        self._pid = PidBudget(
            control_mdegc=round(1e3 * trip_degc),
            span_mk=round(1e3 * span_k),
            sustainable_mw=sustainable_mw,
            most_mw=sum(self._most_mw),
        )
        alike = not any(actor.weight for actor in self._actors)
        self._weights = [DEFAULT_WEIGHT if alike else actor.weight for actor in self._actors]
        self._running = self._ladder[-1]

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point that the budget pays for, taking it that the last one ran."""
        self._running = self.ceiling(observation, self._running)
        return self._running

    def ceiling(self, observation: Observation, ran: OperatingPoint) -> OperatingPoint:
        """Return the fastest point that the budget pays for, given the point that ran."""
        temp = hottest_degc(observation)
        if not math.isfinite(temp):
            return self._ladder[0]
        budget = self._pid.budget_mw(round(1e3 * temp))
        if budget is None:
            return self._ladder[-1]
        working = self._actors[0]
        load = working.cpus * int(100.0 * busy_share(observation, ran))
        requests = [working.requested_mw(self._ladder.index(ran), load)]
        requests += [0] * (len(self._actors) - 1)
        weighted = [
            (weight * request) >> FRAC_BITS
            for weight, request in zip(self._weights, requests, strict=True)
        ]
        grant = divide(budget, weighted=weighted, most_mw=self._most_mw)[0]
        return self._ladder[working.index_for(grant, load)]


def sustainable_mw(
    ladder: Ladder, actor: PowerActor, plant: Plant, *, ambient_degc: float, limit_degc: float
) -> int:
    """Return the power that holds a temperature, as the kernel's energy model counts it [mW].

    The board power that the exact model sustains is looked up among the powers of the ladder's
    points, leakage included, and read off in the energy model's own numbers, which have none.

    Parameters
    ----------
    ladder
        Points of the working cluster.
    actor
        Its energy model.
    plant
        The board.
    ambient_degc, limit_degc
        Ambient, and the temperature to hold [degC].
    """
    board_w = sustainable_power_w(
        plant, actor.name, ambient_degc=ambient_degc, limit_degc=limit_degc
    )
    candidates = Candidates.of(ladder, plant, temp_degc=limit_degc)
    busy_w = candidates.idle_w + candidates.work_w
    order = np.argsort(busy_w)
    model_mw = actor.cpus * np.array(actor.power_mw)
    return int(np.interp(board_w, busy_w[order], model_mw[order]))
