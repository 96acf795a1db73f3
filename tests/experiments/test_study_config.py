import subprocess
import sys
from pathlib import Path

import pytest

from adaptive.errors import ConfigError
from experiments.physics.thermal_headroom import HeadroomConfig
from experiments.study_config import exit_code, read_config


def test_a_study_that_ends_well_gives_its_own_code() -> None:
    assert exit_code(lambda: 0) == 0


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ConfigError("table.tsv: column 'Power'\nis missing")

    assert exit_code(fail) == 2
    assert capsys.readouterr().err == "table.tsv: column 'Power' is missing\n"


def test_a_config_of_the_wrong_form_names_file_and_field(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("step_s: fast\n")
    with pytest.raises(ConfigError) as caught:
        read_config("physics/thermal_headroom", HeadroomConfig, path)
    assert str(path) in str(caught.value)


def test_a_study_without_its_references_says_where_they_should_be(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "experiments.physics.real_power"],
        capture_output=True,
        text=True,
        check=False,
        env={"ADAPTIVE_REFERENCE": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "ADAPTIVE_REFERENCE" in done.stderr
