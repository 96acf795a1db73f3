import numpy as np
import pytest
from dies import DATA

from experiments.physics.hotspot_files import solve, write_case
from thermal.discretise import discretise
from thermal.hotspot.case import load_case
from thermal.hotspot.temperatures import parse_temperatures

CASE = load_case(
    DATA / "quad.flp",
    DATA / "quad.ptrace",
    config=DATA / "quad.config",
    materials=DATA / "quad.materials",
)


def test_the_transient_is_the_exact_step_for_step():
    model = discretise(CASE.model.network(), CASE.config.sampling_s)
    temps = CASE.start_degc
    solution = solve(CASE)
    assert solution.transient_degc[0].tolist() == temps.tolist()
    for row, found in zip(CASE.power_w, solution.transient_degc[1:], strict=True):
        temps = model.step(temps, np.concatenate((row, np.zeros(24))), CASE.config.ambient_degc)
        assert found == pytest.approx(temps, abs=1e-9)


def test_the_steady_state_carries_the_mean_power_to_the_air():
    rise = solve(CASE).steady_degc - CASE.config.ambient_degc
    assert CASE.model.to_ambient @ rise == pytest.approx(CASE.power_w.mean(axis=0).sum())


def test_files_hold_every_digit(tmp_path):
    paths = write_case(CASE, tmp_path / "new")
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "new").iterdir()}
    assert np.array_equal(np.loadtxt(tmp_path / "new/G.csv", delimiter=","), CASE.model.G)
    assert np.array_equal(np.loadtxt(tmp_path / "new/C.csv"), CASE.model.C)
    assert (tmp_path / "new/nodes.txt").read_text().split() == list(CASE.model.nodes)
    text = (tmp_path / "new/steady.steady").read_text()
    steady = parse_temperatures(text, "steady", floorplan=CASE.floorplan)
    assert steady == pytest.approx(solve(CASE).steady_degc, abs=1e-12)
    assert (tmp_path / "new/blocks.ttrace").read_text().startswith("CPU\tDSP\tCache\tIO\n31")
