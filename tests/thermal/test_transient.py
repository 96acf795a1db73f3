import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import rc_networks

from thermal.discretise import discretise
from thermal.network import network_from_resistances
from thermal.transient import modal_model, phi_2

ONE = network_from_resistances({"chip": 4.0}, {}, to_ambient_k_per_w={"chip": 5.0})


def test_one_node_warms_as_its_exponential():
    model = modal_model(ONE, 2.0)
    temps, _ = model.run(
        model.start(np.array([25.0]), 25.0), np.full((30, 1), 3.0), ambient_degc=25.0
    )
    time_s = 2.0 * np.arange(1, 31)
    assert temps[:, 0] == pytest.approx(25.0 + 15.0 * -np.expm1(-time_s / 20.0), abs=1e-12)


def test_a_ramp_of_power_is_exact_too():
    model = modal_model(ONE, 7.0)
    state = model.ramp[0] * 3.0  # from cold, power from 0 to 3 W
    tau, resistance = 20.0, 5.0
    rise = 3.0 / 7.0 * resistance * (7.0 - tau * -math.expm1(-7.0 / tau))
    assert float((state @ model.read)[0]) == pytest.approx(rise, rel=1e-12)


@given(rc_networks(), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_a_trace_is_what_the_matrices_step_by_step_give(network, steps, seed):
    rng = np.random.default_rng(seed)
    n = len(network.nodes)
    power, temps = rng.uniform(0.0, 2.0, (steps, n)), rng.uniform(20.0, 60.0, n)
    model, full = modal_model(network, 0.3), discretise(network, 0.3)
    fast, state = model.run(model.start(temps, 25.0), power, ambient_degc=25.0)
    for row, expected in zip(power, fast, strict=True):
        temps = full.step(temps, row, 25.0)
        assert expected == pytest.approx(temps, rel=1e-9)
    assert model.temps_degc(state, 25.0) == pytest.approx(temps, rel=1e-9)


@given(rc_networks(), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_boards_abreast_are_boards_one_by_one(network, steps, seed):
    rng = np.random.default_rng(seed)
    n = len(network.nodes)
    power = rng.uniform(0.0, 2.0, (steps, 3, n))
    ambient, start = rng.uniform(0.0, 40.0, 3), rng.uniform(20.0, 60.0, (3, n))
    model = modal_model(network, 0.3)
    together, _ = model.run(model.start(start, ambient), power, ambient_degc=ambient)
    for k in range(3):
        alone, _ = model.run(
            model.start(start[k], float(ambient[k])), power[:, k], ambient_degc=float(ambient[k])
        )
        assert together[:, k] == pytest.approx(alone, rel=1e-9)


def test_many_boards_and_long_traces_agree_with_single_steps():
    rng = np.random.default_rng(0)
    model = modal_model(ONE, 2.0)
    power = rng.uniform(0.0, 3.0, (20, 5000, 1))
    state = model.start(np.full((5000, 1), 25.0), 25.0)
    temps, last = model.run(state, power, ambient_degc=25.0)
    for row in power:
        state = model.step(state, row)
    assert last == pytest.approx(state)
    assert temps[-1] == pytest.approx(model.temps_degc(state, 25.0))


def test_a_trace_longer_than_a_segment_is_cut_without_a_seam(monkeypatch):
    power = np.random.default_rng(0).uniform(0.0, 3.0, (100, 1))
    model = modal_model(ONE, 2.0)
    state = model.start(np.array([25.0]), 25.0)
    whole, _ = model.run(state, power, ambient_degc=25.0)
    monkeypatch.setattr("thermal.transient._SEGMENT", 17)
    cut, _ = model.run(state, power, ambient_degc=25.0)
    assert cut == pytest.approx(whole, abs=1e-12)


def test_an_empty_trace_leaves_the_state():
    model = modal_model(ONE, 2.0)
    temps, state = model.run(np.array([1.0]), np.zeros((0, 1)), ambient_degc=25.0)
    assert temps.shape == (0, 1)
    assert state.tolist() == [1.0]


@given(rc_networks())
def test_inputs_and_outputs_may_be_some_of_the_nodes(network):
    first, last = network.nodes[0], network.nodes[-1]
    model = modal_model(network, 0.3, inputs=[first], outputs=[last])
    everything = modal_model(network, 0.3)
    power = np.zeros(len(network.nodes))
    power[0] = 2.0
    some = model.step(np.zeros(len(network.nodes)), np.array([2.0]))
    full = everything.step(np.zeros(len(network.nodes)), power)
    assert model.temps_degc(some, 25.0) == pytest.approx(everything.temps_degc(full, 25.0)[-1:])


@pytest.mark.parametrize("period_s", [0.0, -1.0, math.nan, math.inf])
def test_a_period_that_cannot_be_is_refused(period_s):
    with pytest.raises(ValueError, match="period_s is"):
        modal_model(ONE, period_s)


def test_an_unknown_node_is_refused():
    with pytest.raises(ValueError, match="node is 'gpu'"):
        modal_model(ONE, 1.0, outputs=["gpu"])


def test_phi_2_is_smooth_through_zero():
    z = np.array((-50.0, -0.1000001, -0.0999999, -1e-9, 0.0, 0.09, 3.0))
    terms = [z**k / math.factorial(k + 2) for k in range(60)]
    reference = np.sum(terms, axis=0)
    assert phi_2(z)[1:] == pytest.approx(reference[1:], rel=1e-12)
    assert phi_2(z)[0] == pytest.approx(49.0 / 2500.0)
