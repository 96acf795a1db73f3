"""The whole chain, from board file and artifact to a scored run, through the command line."""

import csv
import json
from pathlib import Path

import pytest

from adaptive.cli import main
from experiments.governors import GOVERNORS, make_governor
from experiments.plots import answers, temperatures, timeline
from experiments.study import Study, prepare

KEYS = {
    "governor",
    "peak_degc",
    "cap_degc",
    "time_above_cap_s",
    "energy_j",
    "served",
    "dropped",
    "accuracy",
    "reward",
    "latency_p99_s",
    "backlog_peak",
}


def simulate(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["simulate", "--json", *arguments]) == 0
    out: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return out


@pytest.fixture(scope="module")
def study() -> Study:
    return prepare(minutes=4.0)


@pytest.mark.parametrize("governor", GOVERNORS)
def test_every_governor_runs_and_prints_what_it_promises(
    capsys: pytest.CaptureFixture[str], governor: str
) -> None:
    result = simulate(capsys, "--governor", governor, "--minutes", "0.5")
    assert set(result) >= KEYS
    assert result["governor"] == governor
    assert set(result["accuracy"]) == {"leaf", "shape"}  # type: ignore[call-overload]


def test_the_same_seed_gives_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    first, again = (simulate(capsys, "--minutes", "1", "--seed", "4") for _ in range(2))
    assert first == again


def test_look_ahead_keeps_the_cap_and_beats_the_best_safe_point(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours, safe, fast = (
        simulate(capsys, "--governor", name)
        for name in ("look-ahead", "static-safe", "static-fastest")
    )
    assert ours["peak_degc"] <= ours["cap_degc"]  # type: ignore[operator]
    assert ours["time_above_cap_s"] == 0.0
    assert ours["right_frames"] >= 1.05 * safe["right_frames"]  # type: ignore[operator]
    assert len(ours["plans"]) >= 2  # type: ignore[arg-type]
    assert safe["time_above_cap_s"] == 0.0
    assert fast["peak_degc"] > fast["cap_degc"]  # type: ignore[operator]


@pytest.mark.parametrize("board", ["rpi4b", "rpi5b", "rockpro64", "hikey960"])
def test_look_ahead_keeps_the_cap_of_every_board(
    capsys: pytest.CaptureFixture[str], board: str
) -> None:
    result = simulate(capsys, "--board", board, "--minutes", "3", "--ambient", "30")
    assert result["time_above_cap_s"] == 0.0


def test_points_go_through_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "points.json"
    assert main(["points", "--out", str(path)]) == 0
    capsys.readouterr()
    assert simulate(capsys, "--minutes", "1", "--points", str(path)) == simulate(
        capsys, "--minutes", "1"
    )


def test_telemetry_has_a_row_a_period(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    simulate(capsys, "--minutes", "0.5", "--telemetry", str(path))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "toaster"], "toaster"),
        (["--artifact", "toaster"], "toaster"),
        (["--ambient", "90"], "can be sustained at 90 degC"),
        (["--ambient", "-300"], "degc is -300.0, expected -60 to 120"),
        (["--ambient", "84.9"], "no operating point can be sustained"),
        (["--minutes", "0"], "length_s is 0.0"),
        (["--points", "absent.json"], "absent.json"),
        (["--telemetry", "run.xml"], "expected .csv or .jsonl"),
        (["--cap", "200"], "cap"),
        (["--seed", "-1"], "seed is -1, expected 0 or more"),
        (["--minutes", "1e8"], "expected at most 10,000,000 periods"),
        (["--cap", "0"], "below a cap of 0 degC"),
        (["--scenario", "nowhere"], "scenario 'nowhere' is unknown"),
        (["--scenario", "absent.yaml"], "absent.yaml"),
        (["--governor", "toaster"], "governor 'toaster' is unknown"),
        (["--governor", "toaster.mod:Governor"], "No module named 'toaster'"),
        (["--governor", "json:Governor"], "has no class or function 'Governor'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "--json", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_points_of_another_board_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "points.json"
    assert main(["points", "--board", "rpi4b", "--out", str(path)]) == 0
    assert main(["simulate", "--points", str(path)]) == 2
    assert "board is 'rpi4b', expected 'odroid-xu4'" in capsys.readouterr().err


def test_points_of_another_network_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "points.json"
    assert main(["points", "--out", str(path)]) == 0
    path.write_text(json.dumps(json.loads(path.read_text()) | {"checksum": "0" * 64}))
    assert main(["simulate", "--points", str(path)]) == 2
    assert "make it again" in capsys.readouterr().err


def test_a_run_becomes_a_table_and_pictures(study: Study) -> None:
    governor = make_governor(
        "look-ahead", plant=study.plant, points=study.points, scenario=study.scenario
    )
    run = study.simulate("look-ahead", governor)
    frame = run.frame()
    assert len(frame) == 2400
    assert frame["served"].sum() == run.summary.served
    assert frame["dropped"].sum() == run.summary.dropped
    assert frame["hottest_degc"].max() == run.summary.peak_degc
    assert run.summary.energy_j == pytest.approx(frame["power_w"].sum() * 0.1)
    for figure in (
        timeline(run, frame["bits"]),
        temperatures([run]),
        answers([run.summary]),
    ):
        assert figure.axes
