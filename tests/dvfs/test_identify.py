from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvfs.identify.activity import (
    identify_activity,
    pair_with_reference,
    workload_capacitance_f,
)
from dvfs.identify.counters import identify_counters
from dvfs.identify.samples import PowerSamples, identify_voltages
from dvfs.power import Leakage, leakage_power

TRUTH = Leakage(I_0=0.16, T_0=60.0, k_T=0.025, V_0=1.0, k_V=3.0)
IDLE_F = 1.5e-10
COSTS = np.array([6e-10, 7e-10, 0.0])
CLOCKS = np.array([0.2, 0.6, 1.0, 1.4, 1.8]) * 1e9
VOLTS = np.array([0.91, 0.912, 0.95, 1.04, 1.18])


def samples(seed: int = 0, *, noise: float = 0.0, workloads: int = 12) -> PowerSamples:
    """A rail that obeys both models: rates in proportion to what a workload switches."""
    rng = np.random.default_rng(seed)
    names, clock, volts, busy, rates = [], [], [], [], []
    for index in range(workloads):
        mix = rng.uniform(0.2, 1.0, 3)
        for f, v in zip(CLOCKS, VOLTS, strict=True):
            used = rng.uniform(0.3, 1.0)
            names.append(f"w{index}")
            clock.append(f)
            volts.append(v + rng.uniform(-0.01, 0.01))
            busy.append(used)
            rates.append(mix * used * f)
    clock_, volts_, rates_ = np.array(clock), np.array(volts), np.array(rates)
    temps = rng.uniform(45.0, 85.0, len(names))
    power = (rates_ @ COSTS + IDLE_F * clock_) * volts_**2
    power += leakage_power(volts_, temps, leakage=TRUTH)
    power *= 1.0 + noise * rng.normal(size=len(names))
    return PowerSamples(
        tuple(names), tuple(names), clock_, volts_, temps, power, np.array(busy), rates_
    )


def test_activity_of_the_reference_predicts_other_workloads_at_other_clocks() -> None:
    fit = identify_activity(samples(), reference_hz=1e9)
    other = samples(seed=1)
    rows, home = pair_with_reference(other, 1e9)
    target = other.rows(rows)
    error = fit.power_w(target, other.rows(home)) / target.power_w - 1.0
    assert np.abs(error).max() < 0.01
    assert fit.idle_f == pytest.approx(IDLE_F, rel=0.1)
    assert fit.leakage.k_T == pytest.approx(TRUTH.k_T, rel=0.15)
    assert fit.leakage.k_V == pytest.approx(TRUTH.k_V, rel=0.15)
    assert fit.mape < 0.005
    assert fit.covariance.shape == (4, 4)


def test_leakage_of_a_noisy_rail_lies_within_its_covariance() -> None:
    fit = identify_activity(samples(noise=0.02, workloads=40), reference_hz=1e9)
    at = (np.array([1.0]), np.array([60.0]))
    spread = np.sqrt(np.diagonal(fit.covariance))
    found = leakage_power(*at, leakage=fit.leakage)[0]
    true = leakage_power(*at, leakage=TRUTH)[0]
    assert abs(np.log(found / true)) < 4.0 * spread[0]


def test_a_constant_activity_ignores_how_busy_a_row_was() -> None:
    data = samples()
    one = identify_activity(data, reference_hz=1e9, scaled=False)
    two = identify_activity(replace(data, busy=0.5 * data.busy), reference_hz=1e9, scaled=False)
    assert one.leakage == two.leakage
    assert one.idle_f == 0.0
    assert one.names == ("I_0", "k_T", "k_V")


def test_counters_give_the_costs_back_and_none_below_zero() -> None:
    fit = identify_counters(samples())
    assert (fit.coefficients_j_per_v2 >= 0.0).all()
    np.testing.assert_allclose(fit.coefficients_j_per_v2, COSTS, atol=3e-11)
    other = samples(seed=3)
    assert np.abs(fit.power_w(other) / other.power_w - 1.0).max() < 0.02
    assert fit.mape < 0.01


@given(st.floats(0.5, 50.0))
@settings(deadline=None, max_examples=5)
def test_power_in_another_unit_scales_costs_and_leakage(factor: float) -> None:
    data = samples(workloads=6)
    fit = identify_counters(data)
    scaled = identify_counters(replace(data, power_w=factor * data.power_w))
    np.testing.assert_allclose(scaled.power_w(data), factor * fit.power_w(data), rtol=1e-3)


def test_power_is_refused_off_the_measured_line() -> None:
    data = samples()
    fit = identify_counters(data)
    reference = data.rows(np.zeros(1, dtype=np.intp))
    for change in ({"voltage_v": np.array([1.1])}, {"frequency_hz": np.array([1.9e9])}):
        with pytest.raises(ValueError, match="off the measured line"):
            fit.power_w(replace(reference, **change))
    activity = identify_activity(data, reference_hz=1e9)
    with pytest.raises(ValueError, match="off the measured line"):
        activity.power_w(replace(reference, voltage_v=np.array([1.1])), reference)


def test_the_line_is_the_median_by_clock_and_holds_between_opps() -> None:
    line = identify_voltages(np.array([1e9, 1e9, 1e9, 2e9]), np.array([0.9, 0.95, 0.96, 1.2]))
    assert [opp.voltage_v for opp in line.table] == [0.95, 1.2]
    assert line.margin_v == pytest.approx(0.1)
    assert line.holds(np.array([1.5e9, 1.5e9]), np.array([1.07, 1.3])).tolist() == [True, False]


def test_capacitance_is_what_the_rail_switches_beyond_idle() -> None:
    data = samples()
    found = workload_capacitance_f(data, TRUTH, IDLE_F)
    expected = data.rates @ COSTS / data.frequency_hz / data.busy
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_rows_whose_case_has_no_reference_are_left_out() -> None:
    data = samples(workloads=2)
    without = data.rows(~((data.frequency_hz == 1e9) & (np.array(data.case) == "w1")))
    rows, home = pair_with_reference(without, 1e9)
    assert {without.case[i] for i in rows} == {"w0"}
    assert set(without.frequency_hz[home]) == {1e9}


def test_mismatched_reference_and_too_few_rows_are_refused() -> None:
    data = samples()
    fit = identify_activity(data, reference_hz=1e9)
    with pytest.raises(ValueError, match="other cases"):
        fit.power_w(data.rows(np.array([0])), data.rows(np.array([7])))
    with pytest.raises(ValueError, match="expected more than"):
        identify_activity(data, reference_hz=3e9)
    with pytest.raises(ValueError, match="rates"):
        identify_counters(replace(data, rates=np.zeros((len(data), 0))))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("power_w", -1.0),
        ("voltage_v", 0.0),
        ("busy", -0.1),
        ("temps_degc", np.nan),
        ("frequency_hz", np.inf),
    ],
)
def test_samples_no_rail_can_give_are_refused(field: str, value: float) -> None:
    data = samples(workloads=1)
    broken = getattr(data, field).copy()
    broken[1] = value
    with pytest.raises(ValueError, match=field):
        replace(data, **{field: broken})


def test_samples_of_unequal_lengths_are_refused() -> None:
    data = samples(workloads=1)
    with pytest.raises(ValueError, match="power_w has shape"):
        replace(data, power_w=data.power_w[:-1])
    with pytest.raises(ValueError, match="case has"):
        replace(data, case=data.case[:-1])
