r"""Capacitance by workload and leakage in V and T, from a rail's power at several frequencies.

.. math:: P = (C_{idle} + u C_w) V^2 f + P_{leak}(V, T)

with the capacitance `C_w` of a workload read off one reference frequency. Residuals are relative,
so that an idle rail counts as much as a busy one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from dvfs.identify.samples import Indices, PowerSamples, VoltageLine, identify_voltages
from dvfs.power import Array, Leakage, leakage_power

# A weak prior on what a rail's own data may leave open: the Exynos 5422's sub-threshold current
# grows 1.4 to 4 % per kelvin and a few times per volt.
TYPICAL_PER_K = 0.02
TYPICAL_PER_V = 3.0
_PRIOR_WEIGHT = 0.01
_SOFT_RELATIVE = 0.03  # relative errors beyond this weigh linearly, not quadratically
_LEAST_SHARE = 5e-3  # a reference row less busy than this says nothing about its workload


@dataclass(frozen=True, slots=True, eq=False)
class ActivityFit:
    r"""Power of a rail by the activity of each case at a reference frequency.

    Attributes
    ----------
    leakage
        Leakage of the rail.
    idle_f
        Capacitance that switches whether or not work is done [F].
    line
        Where the fit holds.
    names, covariance
        Fitted parameters, as logarithms, and their covariance.
    mape
        Mean absolute relative error over the rows fitted to, [0..].

    Notes
    -----
    Limits: one number per case stands for all it does, so a workload that waits more for memory as
    the clock rises is missed unless `busy` tells; holds on the measured voltage line only, and
    between the temperatures measured. Leakage and idle switching are told apart by voltage and
    temperature alone, so their sum is better known than either.
    """

    leakage: Leakage
    idle_f: float
    line: VoltageLine
    names: tuple[str, ...]
    covariance: Array
    mape: float

    def power_w(self, samples: PowerSamples, reference: PowerSamples) -> Array:
        """Return the power of samples, each with the reference row of its case, shape (n,) [W].

        Raises
        ------
        ValueError
            If the two do not pair up by case, or a voltage is off the measured line.
        """
        if samples.case != reference.case:
            raise ValueError(
                "reference names other cases than samples, expected the same row by row"
            )
        self.line.check(samples.frequency_hz, samples.voltage_v)
        self.line.check(reference.frequency_hz, reference.voltage_v)
        return _activity_power(samples, reference, self.leakage, self.idle_f)


def _activity_power(
    samples: PowerSamples, reference: PowerSamples, leakage: Leakage, idle_f: float
) -> Array:
    capacitance = workload_capacitance_f(reference, leakage, idle_f)
    switched = (idle_f + capacitance * samples.busy) * samples.voltage_v**2 * samples.frequency_hz
    leaked = leakage_power(samples.voltage_v, samples.temps_degc, leakage=leakage)
    return np.asarray(switched + leaked)


def workload_capacitance_f(samples: PowerSamples, leakage: Leakage, idle_f: float) -> Array:
    """Return the capacitance a fully busy rail would switch in each sample, shape (n,) [F]."""
    leaked = leakage_power(samples.voltage_v, samples.temps_degc, leakage=leakage)
    cycle = (samples.power_w - leaked) / (samples.voltage_v**2 * samples.frequency_hz)
    return np.asarray(np.maximum(cycle - idle_f, 0.0) / np.maximum(samples.busy, _LEAST_SHARE))


def pair_with_reference(samples: PowerSamples, reference_hz: float) -> tuple[Indices, Indices]:
    """Return the indices of the rows to predict and of the reference row of each.

    Rows at the reference frequency predict nothing; rows whose case lacks one are left out.
    """
    at = np.isclose(samples.frequency_hz, reference_hz, rtol=1e-6)
    home = {samples.case[i]: i for i in np.flatnonzero(at)}
    rows = [i for i in np.flatnonzero(~at) if samples.case[i] in home]
    return np.array(rows, dtype=np.intp), np.array(
        [home[samples.case[i]] for i in rows], dtype=np.intp
    )


def identify_activity(
    samples: PowerSamples, *, reference_hz: float, scaled: bool = True
) -> ActivityFit:
    """Fit leakage and idle capacitance so that reference rows predict all other rows.

    Parameters
    ----------
    samples
        Measurements of several workloads at several frequencies.
    reference_hz
        The frequency each case's activity is read off [Hz].
    scaled
        Whether activity goes with `busy`. If not, it is one constant per case and there is no
        telling idle switching apart: `idle_f` is 0 and `busy` counts as 1.

    Raises
    ------
    ValueError
        If fewer rows than parameters can be predicted.
    """
    seen = samples if scaled else samples.ignoring_busy()
    rows, home = pair_with_reference(seen, reference_hz)
    names = ("I_0", "k_T", "k_V") + (("C_idle",) if scaled else ())
    if len(rows) <= len(names):
        raise ValueError(
            f"samples has {len(rows)} rows with a reference at {reference_hz / 1e6:g} MHz, "
            f"expected more than {len(names)}"
        )
    target, reference = seen.rows(rows), seen.rows(home)
    about = Leakage(
        I_0=0.3 * float(seen.power_w.min()),
        T_0=float(np.median(seen.temps_degc)),
        k_T=TYPICAL_PER_K,
        V_0=float(np.median(seen.voltage_v)),
        k_V=TYPICAL_PER_V,
    )
    quietest = float((seen.power_w / (seen.voltage_v**2 * seen.frequency_hz)).min())
    start = np.log([about.I_0, about.k_T, about.k_V] + ([0.3 * quietest] if scaled else []))

    def unpack(theta: Array) -> tuple[Leakage, float]:
        values = [float(value) for value in np.exp(theta)]
        leakage = replace(about, I_0=values[0], k_T=values[1], k_V=values[2])
        return leakage, values[3] if scaled else 0.0

    def residuals(theta: Array) -> Array:
        return np.asarray(_activity_power(target, reference, *unpack(theta)) / target.power_w - 1.0)

    theta, covariance = _fit(residuals, start)
    leakage, idle_f = unpack(theta)
    line = identify_voltages(seen.frequency_hz, seen.voltage_v)
    mape = float(np.abs(residuals(theta)).mean())
    return ActivityFit(leakage, idle_f, line, names, covariance, mape)


def _fit(residuals: Callable[[Array], Array], start: Array) -> tuple[Array, Array]:
    """Minimise relative residuals over log parameters, k_T and k_V (1 and 2) held by the prior."""
    typical = np.log([TYPICAL_PER_K, TYPICAL_PER_V])
    low, high = start - 8.0, start + 8.0
    low[1:3], high[1:3] = np.log([1e-4, 1e-2]), np.log([0.1, 12.0])

    def cost(theta: Array) -> Array:
        return np.concatenate([residuals(theta), _PRIOR_WEIGHT * (theta[1:3] - typical)])

    found = least_squares(
        cost, start, bounds=(low, high), loss="soft_l1", f_scale=_SOFT_RELATIVE, x_scale=1.0
    )
    error = residuals(found.x)
    freedom = max(len(error) - len(start), 1)
    information = np.asarray(found.jac).T @ np.asarray(found.jac)
    covariance = np.linalg.pinv(information) * float(error @ error) / freedom
    return np.asarray(found.x), np.asarray(covariance)
