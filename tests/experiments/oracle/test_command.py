import json
import sys
from pathlib import Path

import pytest

from adaptive.errors import ConfigError
from experiments.oracle.__main__ import OracleConfig, ScenarioEntry, main, make_demand, rows
from experiments.starts import Start
from experiments.study_config import read_config

KEYS = [
    "board",
    "scenario",
    "start",
    "seed",
    "bound",
    "bound_cap_minus_1k",
    "feasible",
    "gap",
    "infeasible",
    "cpu_s",
]
CONFIG = """
artifact: digits
images_per_frame: 64
boards: [odroid-xu4]
scenarios:
  - {name: warm, stream: constant, load: 1.0, ambient_degc: [40.0, 40.0]}
  - {name: oven, stream: poisson, load: 0.5, ambient_degc: [84.0, 84.0]}
starts: [cold]
seeds: [0]
mismatch: true
length_s: 200.0
"""


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["oracle", *arguments])
    assert main() == 0
    return capsys.readouterr().out.splitlines()


def test_one_object_a_line_with_the_keys_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    warm, oven = map(json.loads, run(monkeypatch, capsys, "--json", "--config", str(path)))
    assert list(warm) == list(oven) == KEYS
    assert 0.0 < warm["feasible"] <= warm["bound"] < 1.0
    assert warm["bound_cap_minus_1k"] < warm["bound"]
    assert warm["gap"] < 0.01
    assert not warm["infeasible"]
    assert oven["infeasible"]
    assert oven["bound"] == oven["feasible"] == 0.0
    lines = run(monkeypatch, capsys, "--config", str(path))
    assert "bound 0." in lines[0]
    assert "infeasible" in lines[1]


def test_the_default_config_is_read_and_covers_the_scenarios() -> None:
    config = read_config("oracle/oracle", OracleConfig)
    assert {"steady-25", "steady-40", "steady-55", "step-25-45", "bursts-35"} == {
        entry.name for entry in config.scenarios
    }
    assert set(config.starts) == set(Start)


@pytest.mark.parametrize("stream", ["constant", "diurnal", "bursts", "poisson", "video"])
def test_every_kind_of_stream_has_the_mean_asked_for(stream: str) -> None:
    assert make_demand(stream, 40.0, seed=1).mean_hz == pytest.approx(40.0)  # type: ignore[arg-type]


def test_a_run_of_no_length_is_refused_by_its_name() -> None:
    entry = ScenarioEntry("empty", "constant", 1.0, (25.0, 25.0))
    config = OracleConfig("digits", 64, ("odroid-xu4",), (entry,), (Start.COLD,), (0,), True, 0.0)
    with pytest.raises(ConfigError, match="scenario empty: length_s"):
        next(rows(config))
