import math

import pytest
from dies import DATA

from experiments.physics.leaky_check import LeakyCheck, check_leakage
from thermal.hotspot.case import load_case

CASE = load_case(
    DATA / "quad.flp",
    DATA / "quad.ptrace",
    config=DATA / "quad.config",
    materials=DATA / "quad.materials",
)


def check(watts: float) -> LeakyCheck:
    return check_leakage(CASE, watts, at_degc=25.0, every_k=25.0, samples=3, tolerance=1e-9)


def test_a_leaky_transient_is_within_a_millikelvin_of_radau():
    found = check(0.02)
    assert found.temps_degc.shape == found.radau_degc.shape == (4, 28)
    assert found.error_k < 1e-3
    assert found.settled_degc == pytest.approx(49.5, abs=5.0)
    assert found.runaway_s == math.inf


def test_leakage_too_great_to_settle_runs_away_in_time():
    found = check(0.5)
    assert found.settled_degc == math.inf
    assert 0.0 < found.runaway_s < 3600.0
