import json
from pathlib import Path

import pandas as pd
import pytest

from experiments.fleet.__main__ import main


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["fleet", *arguments])
    code = main()
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_fleet_is_one_object_and_four_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "fleet"
    arguments = ("--boards", "8", "--minutes", "0.1", "--governor", "step-wise", "--out", str(out))
    code, printed, _ = run(monkeypatch, capsys, "--json", *arguments)
    assert code == 0
    result = json.loads(printed)
    assert (result["boards"], result["length_s"]) == (8, 6.0)
    assert set(result["percentiles"]) == {"1", "5", "25", "50", "75", "95", "99"}
    names = ["boards.csv", "fleet.pdf", "fleet.png", "percentiles.csv"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert len(pd.read_csv(out / "boards.csv")) == 8
    assert (out / "fleet.png").read_bytes().startswith(b"\x89PNG")
    code, printed, _ = run(monkeypatch, capsys, *arguments)
    assert "boards were above the cap" in printed


def test_speed_is_told_for_one_board_and_for_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("experiments.commands.fleet._SPEED_BOARDS", 250)
    arguments = ("--speed", "--minutes", "0.02", "--governor", "static-safe")
    _, printed, _ = run(monkeypatch, capsys, "--json", *arguments)
    one, many = (json.loads(line) for line in printed.splitlines())
    assert (one["boards"], many["boards"]) == (1, 250)
    assert one["simulated_s_per_cpu_s"] > 0
    _, printed, _ = run(monkeypatch, capsys, *arguments)
    assert "simulated board seconds per CPU second" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--boards", "0"], "boards is 0, expected 1 or more"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--board", "toaster"], "board 'toaster' is unknown"),
        (["--scenario", "absent.yaml"], "absent.yaml"),
        (["--governor", "no.such:Policy"], "no.such:Policy"),
    ],
)
def test_bad_input_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    code, printed, error = run(monkeypatch, capsys, *arguments)
    assert (code, printed) == (2, "")
    assert message in error
    assert error.count("\n") == 1
