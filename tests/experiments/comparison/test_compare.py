"""`adaptive compare`, from its arguments to everything it leaves in its folder."""

import argparse
import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from adaptive.errors import ConfigError
from experiments.commands import compare
from experiments.comparison import cells as cells_module
from experiments.comparison.table import HEADER, lines_of

SCENARIO = """
title: a short one
length_s: 2
demand: {kind: poisson, load: 0.5}
ambient: {kind: steady, degc: 30}
mismatch: true
"""
FILES = {
    "cells",
    "index.html",
    "provenance.json",
    "runs.csv",
    "table.csv",
    "short.pdf",
    "short.png",
}


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.run(parser.parse_args(arguments))


@pytest.fixture
def short(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "short.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    governors = ("--governor", "static-safe", "--governor", "look-ahead")
    out = str(tmp_path / "out")
    return (*governors, "--scenario", str(path), "--seeds", "2", "--seed", "5", "--out", out)


def test_one_table_one_figure_one_page_and_where_they_come_from(
    short: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*short) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split()[:3] == ["scenario", "governor", "reward"]
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == FILES
    frame = pd.read_csv(out / "runs.csv")
    assert len(frame) == 4
    assert sorted(set(frame["seed"])) == [5, 6]
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "a short one" in page
    assert "look-ahead" in page
    assert (out / "short.pdf").read_bytes().startswith(b"%PDF")
    kept = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    assert kept["seeds"] == [5, 6]
    assert str(tmp_path / "short.yaml") in kept["inputs"]
    for name, digest in kept["outputs"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert kept["command"].startswith("adaptive compare --governor static-safe")


def test_what_is_there_is_not_run_again(
    short: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--json", *short) == 0
    first = capsys.readouterr().out
    kept = sorted((tmp_path / "out" / "cells").iterdir())
    kept[0].write_bytes(kept[0].read_bytes()[:50])  # as if written by something that died
    ran = []
    real = cells_module.run_cell
    monkeypatch.setattr(
        cells_module, "run_cell", lambda shared, request: ran.append(1) or real(shared, request)
    )
    assert run("--json", *short) == 0
    assert len(ran) == 1
    assert capsys.readouterr().out == first
    rows = [json.loads(line) for line in first.splitlines()]
    assert [(row["governor"], row["seed"]) for row in rows] == [
        ("static-safe", 5),
        ("look-ahead", 5),
        ("static-safe", 6),
        ("look-ahead", 6),
    ]


def test_another_scenario_under_the_same_name_is_run_anew(
    short: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--json", *short) == 0
    first = capsys.readouterr().out
    path = tmp_path / "short.yaml"
    path.write_text(SCENARIO.replace("load: 0.5", "load: 0.9"), encoding="utf-8")
    assert run("--json", *short) == 0
    assert capsys.readouterr().out != first


def test_a_run_above_its_cap_makes_its_line_void() -> None:
    row = {
        "scenario": "s",
        "governor": "g",
        "reward": 0.5,
        "answered": 0.5,
        "leaf_accuracy": 0.5,
        "energy_per_correct_j": 0.001,
        "latency_p99_s": 0.1,
        "peak_degc": 80.5,
        "cap_degc": 80.0,
        "time_above_cap": 0.0005,
    }
    for change, void in (
        ({}, ""),
        ({"peak_degc": 81.5}, "void"),
        ({"time_above_cap": 0.002}, "void"),
    ):
        (line,) = lines_of(pd.DataFrame([row, row | change]))
        assert len(line) == len(HEADER)
        assert line[-1] == void


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--governor", "toaster"), "governor 'toaster' is unknown"),
        (("--scenario", "toaster"), "scenario 'toaster' is unknown"),
        (("--board", "toaster"), "board 'toaster' is unknown"),
        (("--seeds", "0"), "--seeds is 0"),
        (("--scenario=step", "--scenario=step.yaml"), "step.yaml"),
        (("--jobs", "0"), "--jobs is 0"),
        (("--out", "pyproject.toml"), "cannot be made"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(
    arguments: tuple[str, str], message: str, tmp_path: Path
) -> None:
    out = () if arguments[0] == "--out" else ("--out", str(tmp_path / "out"))
    with pytest.raises(ConfigError) as caught:
        run(*arguments, *out)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
