import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from strategies import rc_networks

from thermal.coupled import doubling_leakage, leaky_step, simulate_leaky
from thermal.headroom import settle
from thermal.network import network_from_resistances
from thermal.transient import modal_model

ONE = network_from_resistances({"chip": 4.0}, {}, to_ambient_k_per_w={"chip": 5.0})
TWO = network_from_resistances(
    {"chip": 0.02, "sink": 4.0}, {("chip", "sink"): 0.5}, to_ambient_k_per_w={"sink": 5.0}
)


def leakage_of(*power_w: float):
    return doubling_leakage(np.array(power_w), at_degc=25.0, every_k=25.0)


def test_leakage_doubles_over_its_interval():
    power, slope = leakage_of(0.5)(np.array([75.0]))
    assert power[0] == pytest.approx(2.0)
    assert slope[0] == pytest.approx(2.0 * math.log(2.0) / 25.0)


@pytest.mark.parametrize(
    ("power", "every_k", "message"),
    [([-1.0], 25.0, "power_w"), ([math.nan], 25.0, "power_w"), ([1.0], 0.0, "every_k")],
)
def test_leakage_that_cannot_be_is_refused(power, every_k, message):
    with pytest.raises(ValueError, match=message):
        doubling_leakage(np.array(power), at_degc=25.0, every_k=every_k)


def test_without_leakage_the_transient_is_the_exact_one():
    power = np.array([[2.0, 0.0], [0.0, 0.0], [3.0, 0.5]])
    start = np.array([30.0, 28.0])
    run = simulate_leaky(
        TWO, start, power_w=power, leakage=leakage_of(0.0, 0.0), ambient_degc=25.0, period_s=0.5
    )
    model = modal_model(TWO, 0.5)
    exact, _ = model.run(model.start(start, 25.0), power, ambient_degc=25.0)
    assert run.temps_degc[0].tolist() == start.tolist()
    assert run.temps_degc[1:] == pytest.approx(exact, abs=1e-10)
    assert run.runaway_s == math.inf
    assert run.sub_steps == 3


@settings(max_examples=30)
@given(st.floats(0.01, 0.4), st.floats(0.0, 4.0), st.floats(0.05, 2.0))
def test_it_agrees_with_an_implicit_runge_kutta_solution(leak_w, power_w, period_s):
    leakage = leakage_of(leak_w, 0.0)
    power = np.tile((power_w, 0.0), (4, 1))
    start = np.full(2, 25.0)
    run = simulate_leaky(
        TWO, start, power_w=power, leakage=leakage, ambient_degc=25.0, period_s=period_s
    )

    def change(_time_s, temps):
        flow = power[0] + leakage(temps)[0] - TWO.laplacian @ (temps - 25.0)
        return flow / TWO.capacitance

    truth = solve_ivp(change, (0.0, 4 * period_s), start, method="Radau", rtol=1e-10, atol=1e-10).y[
        :, -1
    ]
    assert run.temps_degc[-1] == pytest.approx(truth, abs=1e-3)


def test_a_tighter_tolerance_takes_more_steps_and_is_closer():
    runs = {
        tolerance: simulate_leaky(
            TWO,
            np.full(2, 25.0),
            power_w=np.tile((4.0, 0.0), (20, 1)),
            leakage=leakage_of(0.3, 0.0),
            ambient_degc=25.0,
            period_s=1.0,
            tolerance_k=tolerance,
        )
        for tolerance in (1e-1, 1e-5, 1e-8)
    }
    steps = [run.sub_steps for run in runs.values()]
    assert steps == sorted(steps)
    finest = runs[1e-8].temps_degc
    errors = [np.abs(runs[tolerance].temps_degc - finest).max() for tolerance in (1e-1, 1e-5)]
    assert errors[1] < errors[0]
    assert errors[1] < 1e-5


@given(rc_networks(), st.floats(0.0, 0.02))
def test_a_long_run_ends_where_the_steady_state_is(network, leak_w):
    n = len(network.nodes)
    leakage = leakage_of(*([leak_w] * n))
    power = np.full(n, 0.1)

    def heat(temps):
        leak, slope = leakage(temps)
        return power + leak, slope

    settled = settle(network, heat, 25.0)
    assume(settled.temps_degc.max() < 90.0)  # nearer the fold it takes longer and longer
    slowest_s = 1.0 / np.linalg.eigvals(network.laplacian / network.capacitance[:, None]).real.min()
    run = simulate_leaky(
        network,
        np.full(n, 25.0),
        power_w=np.tile(power, (60, 1)),
        leakage=leakage,
        ambient_degc=25.0,
        period_s=slowest_s,
    )
    assert run.temps_degc[-1] == pytest.approx(settled.temps_degc, abs=1e-2)


def test_runaway_is_reported_with_its_time_and_the_rest_is_infinite():
    run = simulate_leaky(
        ONE,
        np.array([100.0]),
        power_w=np.zeros((50, 1)),
        leakage=leakage_of(3.0),
        ambient_degc=25.0,
        period_s=1.0,
        limit_degc=150.0,
    )
    # With one node the time is an integral over temperature: dt = C dT / (P(T) - (T - Ta) / R).
    rise = np.linspace(75.0, 125.0, 100_001)
    flow = 3.0 * 2.0 ** (rise / 25.0) - rise / 5.0
    time_s = np.trapezoid(4.0 / flow, rise)
    assert run.runaway_s == pytest.approx(time_s, rel=0.1)
    whole = int(run.runaway_s)
    assert (run.temps_degc[: whole + 1] <= 150.0).all()
    assert np.isinf(run.temps_degc[whole + 1 :]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"period_s": 0.0}, "period_s"),
        ({"tolerance_k": math.nan}, "tolerance_k"),
        ({"power_w": np.zeros((3, 2))}, r"expected \(1,\) and \(steps, 1\)"),
    ],
)
def test_what_cannot_be_followed_is_refused(change, message):
    fields = {"power_w": np.zeros((3, 1)), "period_s": 1.0, "ambient_degc": 25.0}
    with pytest.raises(ValueError, match=message):
        simulate_leaky(ONE, np.array([25.0]), leakage=leakage_of(0.1), **(fields | change))


def follow(period_s: float, boards: int) -> np.ndarray:
    model = modal_model(TWO, period_s, inputs=["chip"], outputs=["chip"])
    power = np.linspace(1.0, 5.0, boards)[:, np.newaxis]
    ambient = np.linspace(20.0, 35.0, boards)
    state = model.start(np.repeat(ambient[:, np.newaxis], 2, axis=1), ambient)
    for _ in range(round(4.0 / period_s)):
        state = leaky_step(
            model, state, power_w=power, leakage=leakage_of(0.1), ambient_degc=ambient
        )
    return model.temps_degc(state, ambient)[:, 0]


def test_boards_abreast_follow_what_each_does_alone():
    for k, (watts, ambient) in enumerate(((1.0, 20.0), (3.0, 27.5), (5.0, 35.0))):
        alone = simulate_leaky(
            TWO,
            np.full(2, ambient),
            power_w=np.tile((watts, 0.0), (4, 1)),
            leakage=leakage_of(0.1, 0.0),
            ambient_degc=ambient,
            period_s=1.0,
        )
        assert follow(0.01, 3)[k] == pytest.approx(alone.temps_degc[-1, 0], abs=1e-3)


def test_halving_the_period_of_boards_abreast_brings_them_closer():
    finest = follow(0.0025, 3)
    errors = [np.abs(follow(period_s, 3) - finest).max() for period_s in (0.1, 0.05, 0.025)]
    assert errors == sorted(errors, reverse=True)


def test_boards_abreast_must_be_observed_where_they_leak():
    model = modal_model(TWO, 1.0, inputs=["chip"])
    with pytest.raises(ValueError, match="expected its inputs"):
        leaky_step(
            model,
            np.zeros(2),
            power_w=np.array([1.0]),
            leakage=leakage_of(0.1),
            ambient_degc=25.0,
        )
