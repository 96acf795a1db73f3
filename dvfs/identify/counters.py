r"""Cost of hardware events and leakage in V and T, from a rail's power and its event rates.

.. math:: P = V^2 (\sum_k c_k r_k + C_{idle} f) + P_{leak}(V, T), \qquad c_k \ge 0
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from dvfs.identify.activity import TYPICAL_PER_K, TYPICAL_PER_V
from dvfs.identify.samples import PowerSamples, VoltageLine, identify_voltages
from dvfs.power import Array, Leakage, leakage_power

_SOFT_RELATIVE = 0.01  # relative errors beyond this weigh linearly, not quadratically
_SWEEPS = 6
_STEP = math.log(2.0)


@dataclass(frozen=True, slots=True, eq=False)
class CounterFit:
    """Power of a rail by hardware event rates.

    Attributes
    ----------
    coefficients_j_per_v2
        What one event per second costs at one volt, none below 0, shape (k,) [J/V^2].
    idle_f
        Capacitance that switches every clock cycle, work or none [F].
    leakage
        Leakage of the rail.
    line
        Where the fit holds.
    mape
        Mean absolute relative error over the rows fitted to, [0..].

    Notes
    -----
    Limits: events stand for what they correlate with, so a workload unlike any seen (a vector unit
    without a counter) may be wrong by tens of per cent; holds on the measured voltage line only.

    References
    ----------
    .. [1] M. J. Walker et al., "Accurate and stable run-time power modeling for mobile and embedded
       CPUs," *IEEE TCAD*, vol. 36, no. 1, pp. 106-119, 2017 (event set and the factor V^2; its
       polynomial in f and V is replaced by leakage in V and T; equation numbers unverified).
    """

    coefficients_j_per_v2: Array
    idle_f: float
    leakage: Leakage
    line: VoltageLine
    mape: float

    def power_w(self, samples: PowerSamples) -> Array:
        """Return the power of samples, shape (n,) [W]; ValueError off the measured line."""
        self.line.check(samples.frequency_hz, samples.voltage_v)
        leaked = leakage_power(samples.voltage_v, samples.temps_degc, leakage=self.leakage)
        switched = samples.rates @ self.coefficients_j_per_v2 + self.idle_f * samples.frequency_hz
        return np.asarray(switched * samples.voltage_v**2 + leaked)


def identify_counters(samples: PowerSamples) -> CounterFit:
    """Fit event costs, idle capacitance and leakage by non-negative least squares.

    For given exponents of the leakage everything else is linear; the exponents are searched by a
    pattern search around it.

    Raises
    ------
    ValueError
        If there are no rates, or fewer rows than parameters.
    """
    k = samples.rates.shape[1]
    if k == 0 or len(samples) <= k + 4:
        raise ValueError(f"rates has shape {samples.rates.shape}, expected events, rows > k + 4")
    about = Leakage(
        I_0=1.0,
        T_0=float(np.median(samples.temps_degc)),
        k_T=TYPICAL_PER_K,
        V_0=float(np.median(samples.voltage_v)),
        k_V=TYPICAL_PER_V,
    )

    def unit_leakage(logs: Sequence[float]) -> Leakage:
        return replace(about, k_T=math.exp(logs[0]), k_V=math.exp(logs[1]))

    def error(logs: Sequence[float]) -> float:
        return _relative_nnls(_columns(samples, unit_leakage(logs)), samples.power_w)[0]

    start = [math.log(TYPICAL_PER_K), math.log(TYPICAL_PER_V)]
    unit = unit_leakage(_pattern_search(error, start))
    columns = _columns(samples, unit)
    mape, weights = _relative_nnls(columns, samples.power_w)
    return CounterFit(
        coefficients_j_per_v2=weights[:k],
        idle_f=float(weights[k]),
        leakage=replace(unit, I_0=float(weights[-1])),
        line=identify_voltages(samples.frequency_hz, samples.voltage_v),
        mape=mape,
    )


def _columns(samples: PowerSamples, unit: Leakage) -> Array:
    switched = np.column_stack([samples.rates, samples.frequency_hz])
    leaked = leakage_power(samples.voltage_v, samples.temps_degc, leakage=unit)
    return np.column_stack([switched * samples.voltage_v[:, np.newaxis] ** 2, leaked])


def _relative_nnls(columns: Array, power_w: Array) -> tuple[float, Array]:
    """Return the mean relative error and the weights that (nearly) minimise it, none below 0."""
    scale = np.maximum(np.abs(columns).max(axis=0), 1e-300)
    relative = columns / scale / power_w[:, np.newaxis]
    heed = np.ones(len(power_w))
    weights = np.zeros(columns.shape[1])
    error = np.ones(len(power_w))
    for _ in range(_SWEEPS):
        weights = np.asarray(nnls(relative * heed[:, np.newaxis], heed)[0])
        error = np.abs(relative @ weights - 1.0)
        heed = 1.0 / np.sqrt(np.maximum(error, _SOFT_RELATIVE))
    return float(error.mean()), weights / scale


def _pattern_search(cost: Callable[[Sequence[float]], float], start: list[float]) -> list[float]:
    """Return a local minimum in two variables: step to the best neighbour, else halve the step."""
    best, at, step = cost(start), start, _STEP
    while step > 0.02:
        tried = [
            [at[0] + step * dx, at[1] + step * dy] for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        ]
        # e^-9 to e^-2 per kelvin: beyond, the exponential is either flat or absurd.
        costs = [
            cost(point) if -9.0 <= point[0] <= -2.0 and -5.0 <= point[1] <= 2.5 else math.inf
            for point in tried
        ]
        if min(costs) < best:
            best, at = min(costs), tried[int(np.argmin(costs))]
        else:
            step /= 2.0
    return at
