import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import rc_networks

from thermal.headroom import peak_degc
from thermal.network import network_from_resistances
from thermal.peaks import trace_peaks
from thermal.transient import modal_model

ONE = network_from_resistances({"chip": 4.0}, {}, to_ambient_k_per_w={"chip": 5.0})
TWO = network_from_resistances(
    {"chip": 0.5, "sink": 4.0}, {("chip", "sink"): 0.5}, to_ambient_k_per_w={"sink": 5.0}
)


def test_one_node_is_hottest_when_its_power_ends():
    power = np.array([[3.0]] * 4 + [[0.0]] * 6)
    peaks = trace_peaks(ONE, np.array([25.0]), power_w=power, ambient_degc=25.0, period_s=2.0)
    assert peaks.nodes == ("chip",)
    assert peaks.temps_degc[0] == pytest.approx(25.0 + 15.0 * -np.expm1(-8.0 / 20.0))
    assert peaks.time_s[0] == pytest.approx(8.0)


def test_a_node_that_only_cools_is_hottest_at_the_start():
    peaks = trace_peaks(
        ONE, np.array([60.0]), power_w=np.zeros((5, 1)), ambient_degc=25.0, period_s=2.0
    )
    assert (peaks.temps_degc[0], peaks.time_s[0]) == (pytest.approx(60.0), 0.0)


def test_a_node_that_peaks_within_a_period_after_the_power_has_gone_is_caught():
    # The sink is still warming from the chip when the chip's power is switched off.
    power = np.array([[8.0, 0.0], [0.0, 0.0]])
    start = np.full(2, 25.0)
    peaks = trace_peaks(TWO, start, power_w=power, ambient_degc=25.0, period_s=3.0, nodes=["sink"])
    assert 3.0 < peaks.time_s[0] < 6.0
    ends = modal_model(TWO, 3.0, outputs=["sink"])
    sampled, _ = ends.run(ends.start(start, 25.0), power, ambient_degc=25.0)
    assert peaks.temps_degc[0] > sampled.max() + 0.01


@given(rc_networks(), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_peaks_are_those_of_every_period_by_itself(network, steps, seed):
    rng = np.random.default_rng(seed)
    n = len(network.nodes)
    power = rng.uniform(0.0, 3.0, (steps, n)) * rng.integers(0, 2, (steps, n))
    now = rng.uniform(20.0, 60.0, n)
    peaks = trace_peaks(network, now, power_w=power, ambient_degc=25.0, period_s=0.7)
    model = modal_model(network, 0.7)
    best, state = now.copy(), model.start(now, 25.0)
    for row in power:
        within = peak_degc(
            network, model.temps_degc(state, 25.0), power_w=row, ambient_degc=25.0, horizon_s=0.7
        )
        best = np.maximum(best, within)
        state = model.step(state, row)
    assert peaks.temps_degc == pytest.approx(best, abs=1e-9)


def test_a_trace_longer_than_a_segment_is_cut_without_a_seam(monkeypatch):
    power = np.random.default_rng(3).uniform(0.0, 5.0, (40, 2))
    start = np.full(2, 25.0)
    whole = trace_peaks(TWO, start, power_w=power, ambient_degc=25.0, period_s=1.0)
    monkeypatch.setattr("thermal.peaks._SEGMENT", 7)
    cut = trace_peaks(TWO, start, power_w=power, ambient_degc=25.0, period_s=1.0)
    assert cut.temps_degc == pytest.approx(whole.temps_degc, abs=1e-10)
    assert cut.time_s == pytest.approx(whole.time_s, abs=1e-6)
