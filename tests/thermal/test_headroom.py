import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq
from strategies import rc_networks, vectors

from thermal.discretise import discretise
from thermal.headroom import (
    headroom_k,
    loop_gain,
    peak_degc,
    settle,
    sustainable_power_w,
    time_to_trip_s,
)
from thermal.modes import decompose
from thermal.network import RcNetwork, Vector, network_from_resistances

# One node, 4 K/W, 8 s.
ONE = RcNetwork(("die",), np.array([2.0]), np.zeros((1, 1)), np.array([0.25]))
# A small hot die on a large sink: the die peaks while it still has the sink to fill.
TWO = network_from_resistances(
    {"die": 1.0, "sink": 1.0}, {("die", "sink"): 1.0}, to_ambient_k_per_w={"sink": 1.0}
)


def trajectory(network: RcNetwork, start: Vector, power: Vector, times: Vector) -> Vector:
    modes = decompose(network)
    settled = np.linalg.solve(network.laplacian, power)
    terms = modes.coefficients(start, settled)
    return settled + np.exp(-np.outer(times, modes.rate)) @ terms.T


def test_headroom_is_what_the_hottest_node_has_left() -> None:
    assert headroom_k(np.array([70.0, 82.0]), trip_degc=85.0) == pytest.approx(3.0)
    assert headroom_k(np.array([90.0]), trip_degc=85.0) == pytest.approx(-5.0)


def trip_time(power_w: float, *, start: float = 25.0, trip: float = 65.0) -> float:
    return time_to_trip_s(
        ONE,
        np.array([start]),
        power_w=np.array([power_w]),
        ambient_degc=25.0,
        trip_degc=trip,
    )


def test_the_time_to_trip_of_one_node_is_a_logarithm() -> None:
    # 25 + 80 (1 - exp(-t/8)) = 65
    assert trip_time(20.0) == pytest.approx(8.0 * math.log(2.0), rel=1e-12)


def test_what_settles_below_the_trip_never_trips() -> None:
    assert trip_time(9.99) == math.inf


def test_what_is_at_the_trip_has_tripped() -> None:
    assert trip_time(0.0, start=65.0) == 0.0
    assert trip_time(0.0, start=65.0 - 1e-12) == 0.0
    assert trip_time(0.0, start=70.0) == 0.0


def test_an_interior_peak_is_the_closed_form() -> None:
    # x1' = x2 - x1, x2' = x1 - 2 x2 from (0, 60): x1 = 60 (exp(-a t) - exp(-b t)) / (b - a)
    a, b = (3.0 - math.sqrt(5.0)) / 2.0, (3.0 + math.sqrt(5.0)) / 2.0
    at = math.log(b / a) / (b - a)
    highest = 60.0 * (math.exp(-a * at) - math.exp(-b * at)) / (b - a)
    start, none = np.array([25.0, 85.0]), np.zeros(2)
    for horizon_s in (2.0 * at, 100.0):
        peak = peak_degc(TWO, start, power_w=none, ambient_degc=25.0, horizon_s=horizon_s)
        np.testing.assert_allclose(peak, [25.0 + highest, 85.0], rtol=1e-12)
    short = peak_degc(TWO, start, power_w=none, ambient_degc=25.0, horizon_s=0.5 * at)
    assert 25.0 < short[0] < 25.0 + highest


def test_a_node_that_only_passes_through_the_trip_is_caught() -> None:
    # The loaded die rises fast on a warm sink, then follows the draining sink down.
    network = network_from_resistances(
        {"die": 0.05, "sink": 10.0}, {("die", "sink"): 10.0}, to_ambient_k_per_w={"sink": 2.0}
    )
    start, power = np.array([40.0, 60.0]), np.array([3.0, 0.0])  # settles at 61 and 31 degC
    times = np.linspace(0.0, 5.0, 500_001)
    die = trajectory(network, start - 25.0, power, times)[:, 0] + 25.0
    trip = 85.0
    assert die.max() > trip > die[-1] - 10.0
    found = time_to_trip_s(network, start, power_w=power, ambient_degc=25.0, trip_degc=trip)
    assert found == pytest.approx(times[np.argmax(die >= trip)], abs=2e-5)


@given(rc_networks(), st.data())
def test_the_first_crossing_agrees_with_dense_sampling(
    network: RcNetwork, data: st.DataObject
) -> None:
    n = len(network.nodes)
    start = data.draw(vectors(n, 0.0, 79.0))
    power = data.draw(vectors(n, 0.0, 20.0))
    slowest = 1.0 / decompose(network).rate[0]
    times = np.concatenate(([0.0], np.geomspace(1e-4, 60.0 * slowest, 20_000)))
    hottest = trajectory(network, start, power, times).max(axis=1)
    assume(abs(hottest.max() - 80.0) > 1e-3)
    found = time_to_trip_s(network, start, power_w=power, ambient_degc=0.0, trip_degc=80.0)
    if hottest.max() < 80.0:
        assert found == math.inf
    else:
        index = int(np.argmax(hottest >= 80.0))
        assert times[index - 1] - 1e-9 <= found <= times[index] + 1e-9
        at = trajectory(network, start, power, np.array([found])).max()
        assert at == pytest.approx(80.0, abs=1e-6)


@given(rc_networks(), st.floats(0.01, 100.0), st.data())
def test_the_peak_is_above_every_sample_and_reached(
    network: RcNetwork, horizon_s: float, data: st.DataObject
) -> None:
    n = len(network.nodes)
    start, power = data.draw(vectors(n, 0.0, 90.0)), data.draw(vectors(n, 0.0, 20.0))
    times = np.concatenate((np.linspace(0.0, horizon_s, 2000), [horizon_s]))
    sampled = trajectory(network, start, power, times).max(axis=0)
    peak = peak_degc(network, start, power_w=power, ambient_degc=0.0, horizon_s=horizon_s)
    assert (peak >= sampled - 1e-9).all()
    times = np.concatenate((times, np.geomspace(1e-6 * horizon_s, horizon_s, 4000)))
    finer = trajectory(network, start, power, times).max(axis=0)
    np.testing.assert_allclose(peak, finer, rtol=1e-4, atol=1e-2)


def test_a_horizon_must_be_finite() -> None:
    with pytest.raises(ValueError, match="horizon_s is"):
        peak_degc(ONE, np.array([25.0]), power_w=np.zeros(1), ambient_degc=25.0, horizon_s=math.inf)


def test_sustainable_power_of_one_node_is_headroom_over_resistance() -> None:
    found = sustainable_power_w(ONE, np.array([1.0]), ambient_degc=25.0, cap_degc=85.0)
    assert found == pytest.approx(15.0)
    background = np.array([5.0])
    less = sustainable_power_w(
        ONE, np.array([9.0]), ambient_degc=25.0, cap_degc=85.0, background_w=background
    )
    assert less == pytest.approx(10.0)


def test_no_power_is_sustainable_when_the_background_is_too_much() -> None:
    assert sustainable_power_w(ONE, np.ones(1), ambient_degc=85.0, cap_degc=85.0) == 0.0
    assert (
        sustainable_power_w(
            ONE, np.ones(1), ambient_degc=25.0, cap_degc=85.0, background_w=np.array([15.1])
        )
        == 0.0
    )


@given(rc_networks(), st.data())
def test_sustainable_power_brings_the_hottest_node_exactly_to_the_cap(
    network: RcNetwork, data: st.DataObject
) -> None:
    share = data.draw(vectors(len(network.nodes), 0.0, 1.0))
    assume(share.sum() > 0.01)
    watts = sustainable_power_w(network, share, ambient_degc=25.0, cap_degc=85.0)
    settled = discretise(network, 1.0).steady_state(watts * share / share.sum(), 25.0)
    assert settled.max() == pytest.approx(85.0, rel=1e-6)


@pytest.mark.parametrize("share", [[-1.0, 2.0], [0.0, 0.0], [math.nan, 1.0]])
def test_a_power_pattern_must_make_sense(share: list[float]) -> None:
    with pytest.raises(ValueError, match="share is"):
        sustainable_power_w(TWO, np.array(share), ambient_degc=25.0, cap_degc=85.0)


def linear(base: Vector, slope: Vector, reference: float):
    def heat(temps: Vector) -> tuple[Vector, Vector]:
        return base + slope * (temps - reference), slope

    return heat


def test_constant_power_settles_at_the_resistive_solution() -> None:
    state = settle(TWO, linear(np.array([2.0, 1.0]), np.zeros(2), 25.0), 25.0)
    assert not state.runaway
    np.testing.assert_allclose(state.temps_degc, [25.0 + 2.0 + 3.0, 28.0])


@pytest.mark.parametrize(("gain", "runaway"), [(0.999999, False), (1.000001, True)])
def test_runaway_begins_exactly_at_a_loop_gain_of_one(gain: float, runaway: bool) -> None:
    slope = np.array([0.25 * gain])
    assert loop_gain(ONE, slope) == pytest.approx(gain)
    state = settle(ONE, linear(np.array([1.0]), slope, 25.0), 25.0)
    assert state.runaway is runaway
    if runaway:
        assert np.isposinf(state.temps_degc).all()
    else:
        assert state.temps_degc[0] == pytest.approx(25.0 + 4.0 / (1.0 - gain), rel=1e-6)


@given(rc_networks(), st.data())
def test_the_loop_gain_decides_in_networks_too(network: RcNetwork, data: st.DataObject) -> None:
    slope = data.draw(vectors(len(network.nodes), 0.001, 0.2))
    gain = loop_gain(network, slope)
    assume(abs(gain - 1.0) > 1e-6)
    state = settle(network, linear(np.ones(len(slope)), slope, 25.0), 25.0)
    assert state.runaway is (gain > 1.0)


def exponential(switching_w: float, leak_w: float, k_T: float):
    def heat(temps: Vector) -> tuple[Vector, Vector]:
        leak = leak_w * np.exp(k_T * (temps - 50.0))
        return switching_w + leak, k_T * leak

    return heat


@given(st.floats(0.0, 15.0), st.floats(0.01, 2.0), st.floats(0.005, 0.04))
def test_leakage_settles_at_the_coolest_root(switching_w: float, leak_w: float, k_T: float) -> None:
    heat = exponential(switching_w, leak_w, k_T)
    state = settle(ONE, heat, 25.0)

    def excess(temp: float) -> float:
        return float(heat(np.array([temp]))[0][0] - 0.25 * (temp - 25.0))

    # Convex: the excess is least where its slope is zero; a root exists iff it is below zero there.
    lowest = 50.0 + math.log(0.25 / (k_T * leak_w)) / k_T
    assume(abs(excess(lowest)) > 1e-6)
    if lowest > 25.0 and excess(lowest) < 0.0:
        assert not state.runaway
        assert state.temps_degc[0] == pytest.approx(brentq(excess, 25.0, lowest), rel=1e-8)
    else:
        assert state.runaway


def test_hopeless_leakage_is_runaway_without_a_warning() -> None:
    for watts in (1e3, 1e6, 1e200):
        assert settle(ONE, exponential(watts, 1.0, 0.04), 25.0).runaway


def test_leakage_just_short_of_the_fold_still_settles() -> None:
    k_T, leak_w = 0.02, 0.5
    lowest = 50.0 + math.log(0.25 / (k_T * leak_w)) / k_T
    fold_w = 0.25 * (lowest - 25.0) - 0.25 / k_T
    assert not settle(ONE, exponential(fold_w - 1e-9, leak_w, k_T), 25.0).runaway
    assert settle(ONE, exponential(fold_w + 1e-9, leak_w, k_T), 25.0).runaway


def test_settling_agrees_with_stepping_for_a_long_time() -> None:
    heat = exponential(3.0, 0.2, 0.02)
    model = discretise(TWO, 0.05)
    temps = np.full(2, 25.0)
    for _ in range(4000):
        temps = model.step(temps, heat(temps)[0], 25.0)
    np.testing.assert_allclose(settle(TWO, heat, 25.0).temps_degc, temps, atol=1e-6)


def test_heat_that_never_settles_is_not_looped_on() -> None:
    def thermostat(temps: Vector) -> tuple[Vector, Vector]:
        return np.where(temps < 30.0, 5.0, 0.0), np.zeros(1)

    assert settle(ONE, thermostat, 25.0).runaway
