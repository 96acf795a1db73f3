import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dies import DATA

from adaptive.errors import ConfigError
from experiments.physics import hotspot_check
from experiments.physics.hotspot_check import (
    HotSpotCheckConfig,
    figure,
    load_reference,
    main,
    metrics,
    relative_error,
    sentences,
)
from experiments.physics.leaky_check import LeakyCheck
from experiments.study_config import read_config
from thermal.hotspot.case import load_case

QUAD = ["--flp", str(DATA / "quad.flp"), "--ptrace", str(DATA / "quad.ptrace")]
PARTS = ["--config", str(DATA / "quad.config"), "--materials", str(DATA / "quad.materials")]


@pytest.fixture
def config() -> HotSpotCheckConfig:
    return read_config("physics/hotspot_check", HotSpotCheckConfig)


@pytest.fixture
def referenced(config: HotSpotCheckConfig) -> HotSpotCheckConfig:
    try:
        load_reference(config)
    except ConfigError as error:
        pytest.skip(str(error))
    return config


def test_the_reference_case_agrees_with_hotspot_and_with_exact_solutions(referenced):
    found = {metric.metric: metric.value for metric in metrics(replace(referenced, timing_s=0.0))}
    assert found["hotspot_G_rel"] < 1e-9
    assert found["hotspot_C_rel"] < 1e-9
    assert found["exact_error_k"] < 1e-8
    assert found["hotspot_error_k"] < 0.03
    assert found["radau_error_k"] < 1e-3
    assert set(found) == {
        *("hotspot_G_rel", "hotspot_C_rel", "exact_error_k", "hotspot_error_k"),
        *("hotspot_speedup", "radau_error_k"),
    }


def test_the_check_writes_its_page(referenced, tmp_path, capsys):
    study = tmp_path / "short.yaml"
    text = Path(hotspot_check.__file__).with_suffix(".yaml").read_text()
    study.write_text(text.replace("[0.03, 0.1]", "[0.03]").replace("samples: 100", "samples: 2"))
    assert main(["--json", "--study", str(study), "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(set(json.loads(line)) == {"metric", "value", "unit"} for line in lines)
    assert (tmp_path / "hotspot_check.png").exists()


def test_other_inputs_are_written_out_for_comparison(tmp_path, capsys):
    assert main([*QUAD, *PARTS, "--set", "sampling_intvl=0.1", "--out", str(tmp_path)]) == 0
    assert "transient.csv" in capsys.readouterr().out
    conductance = np.loadtxt(tmp_path / "G.csv", delimiter=",")
    transient = np.loadtxt(tmp_path / "transient.csv", delimiter=",")
    assert conductance.shape == (28, 28)
    assert transient.shape == (4, 28)
    assert transient[0] == pytest.approx(np.full(28, 313.15))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (QUAD, "--out missing: other inputs need --flp, --ptrace, --out"),
        (["--config", "c", "--out", "o"], "--flp and --ptrace missing"),
        ([*QUAD, "--out", "o", "--set", "model_type"], "--set 'model_type', expected NAME=VALUE"),
        ([*QUAD, "--out", "o", "--set", "model_type=grid"], "model_type is 'grid', expected block"),
        ([*QUAD, "--out", "o", "--config", "none"], "none: No such file or directory"),
        ([*QUAD, "--out", __file__], "File exists"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_status(arguments, message, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_references_that_are_not_there_are_named(config, tmp_path, monkeypatch):
    monkeypatch.setenv("ADAPTIVE_REFERENCE", str(tmp_path))
    with pytest.raises(ConfigError, match="ADAPTIVE_REFERENCE"):
        load_reference(config)


def test_relative_errors_are_of_entries_that_are_not_zero():
    assert relative_error(np.array([0.0, 2.0]), np.array([0.0, 1.0])) == 1.0
    assert relative_error(np.array([1e-30, 2.0]), np.array([0.0, 2.0])) == float("inf")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"leakage_samples": 0}, "leakage_samples"), ({"leakage_w": ()}, "leakage_w")],
)
def test_a_study_that_cannot_be_run_is_refused(config, change, message):
    with pytest.raises(ValueError, match=message):
        replace(config, **change)


def test_runaway_is_said_in_words(config):
    def check(settled_degc: float, runaway_s: float) -> LeakyCheck:
        temps = np.full((3, 2), 30.0)
        return LeakyCheck(0.1, temps, temps, settled_degc, runaway_s)

    said = sentences(config, [check(60.0, float("inf")), check(float("inf"), 155.4)])
    assert "quoted" in said[0]
    assert "settles at 60.00" in said[1]
    assert "thermal runaway, past 400 °C 155 s after" in said[2]


def test_the_figure_has_a_line_for_each_block_and_each_leakage():
    case = load_case(DATA / "quad.flp", DATA / "quad.ptrace")
    temps = np.full((4, 28), 60.0)
    drawn = figure(case, [LeakyCheck(0.1, temps, temps, 70.0, float("inf"))])
    assert [len(axis.lines) for axis in drawn.axes] == [4, 2]
