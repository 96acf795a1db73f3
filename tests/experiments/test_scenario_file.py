from pathlib import Path

import documents
import pytest
import yaml
from plants import make_points, two_node_plant

from adaptive.errors import ConfigError
from experiments.scenario_file import load_scenario, scenario_names
from experiments.workloads import Workload

GOOD = """
length_s: 60
demand: {kind: constant, mean_hz: 20}
ambient: {kind: steady, degc: 30}
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def workload(source: str, seed: int = 0) -> Workload:
    scenario = load_scenario(source)
    return scenario.workload(two_node_plant(), make_points(), cap_degc=70.0, seed=seed)


@pytest.mark.parametrize("name", scenario_names())
def test_every_bundled_scenario_fits_any_board(name: str) -> None:
    run = workload(name)
    assert run.name == name
    assert run.demand.mean_hz > 0.0
    assert load_scenario(name).content.title


def test_a_file_is_a_scenario_of_its_name(tmp_path: Path) -> None:
    run = workload(written(tmp_path, GOOD))
    assert (run.name, run.length_s, run.demand.mean_hz) == ("mine", 60.0, 20.0)
    assert run.ambient_degc()(3.0) == 30.0


def test_loads_are_over_the_fastest_point_and_over_what_lasts(tmp_path: Path) -> None:
    fastest = workload(written(tmp_path, GOOD.replace("mean_hz: 20", "load: 0.5")))
    assert fastest.demand.mean_hz == pytest.approx(0.5 * max(p.frames_hz for p in make_points()))
    lasting = workload(written(tmp_path, GOOD.replace("mean_hz: 20", "sustained: 1.0")))
    assert lasting.demand.mean_hz in [p.frames_hz for p in make_points()]


def test_a_camera_lies_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "camera.csv").write_text("arrival_s\n0.05\n0.25\n", encoding="utf-8")
    text = GOOD.replace("{kind: constant, mean_hz: 20}", "{kind: trace, file: camera.csv}")
    assert workload(written(tmp_path, text)).demand_hz()(0.05) == pytest.approx(10.0)
    scaled = text.replace("camera.csv}", "camera.csv, mean_hz: 40}")
    assert workload(written(tmp_path, scaled)).demand.mean_hz == pytest.approx(40.0)


def test_sun_on_the_case_falls_on_what_loses_heat_to_the_air(tmp_path: Path) -> None:
    run = workload(written(tmp_path, GOOD + "sun: {case_w: 2.0, heat_w: {cpu: 0.5}}\n"))
    assert dict(run.sun.heat_w) == {"cpu": 0.5, "sink": 2.0}


def test_seeds_differ_in_the_stream(tmp_path: Path) -> None:
    source = written(tmp_path, GOOD.replace("constant", "poisson"))
    first, again, other = (workload(source, seed).demand_hz()(0.05) for seed in (1, 1, 2))
    assert first == again
    assert first != other


RICH = """
title: everything
length_s: 60
period_s: 0.1
deadline_s: 0.5
cap_degc: 70
start: hot
demand: {kind: bursts, sustained: 0.5, factor: 2.0, burst_s: 3, cycle_s: 12}
ambient: {kind: day, coolest_degc: 20, warmest_degc: 30, day_s: 60}
fan: {starts: [0.0, 0.5], factors: [1.0, 2.0]}
sun: {heat_w: {cpu: 0.5}, case_w: 1, begin: 0.1, end: 0.9}
mismatch: {resistance: 0.1, leakage: [0.5, 2.0], ambient_k: [-5, 5]}
"""
ODD = (None, -1, 0, 1e30, "x", [], {}, [1, 2, 3], True)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_odd_values_anywhere_are_a_scenario_or_one_line(tmp_path: Path, odd: object) -> None:
    whole = yaml.safe_load(RICH)
    for at in documents.paths(whole):
        source = written(tmp_path, yaml.safe_dump(documents.replaced(whole, at, odd)))
        try:
            run = workload(source)
            profiles = (run.demand_hz(), run.ambient_degc(), run.cooling_factor(), run.heat_w())
            assert all(profile(1.0) is not None for profile in profiles)
        except ConfigError as error:
            message = str(error)
            assert "\n" not in message
            assert "mine.yaml" in message or "two-node" in message, message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("length_s: 60", "length_s: soon"), "length_s is 'soon'"),
        (("mean_hz: 20", "mean_hz: 20, load: 1"), "one of mean_hz, load and sustained"),
        (("mean_hz: 20", "mean_hz: -1"), "above 0"),
        (("kind: constant", "kind: constnt"), "'constnt', expected one of constant, diurnal"),
        (("degc: 30", "degc: 300"), "scenario mine: degc is 300.0, expected -60 to 120"),
        (("degc: 30", "degc: 30, hot: 1"), "ambient.hot"),
        (("length_s: 60", "length_s: 0.01"), "length_s is 0.01, expected a period or more"),
        (("length_s: 60", "length_s: 60\nsun: {heat_w: {lid: 1}}"), "sun.heat_w names ['lid']"),
        (("length_s: 60", "length_s: 60\nmismatch: {power: 2}"), "power is 2.0"),
        (("length_s: 60", "length_s: 60\nfan: {starts: [0.5], factors: [1]}"), "starts is (0.5,)"),
        (("{kind: constant, mean_hz: 20}", "{kind: trace, file: no.csv}"), "no.csv: cannot read"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused_in_one_line(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    source = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError) as caught:
        workload(source)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
