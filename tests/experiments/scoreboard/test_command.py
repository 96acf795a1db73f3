import json
from pathlib import Path

import pytest
import yaml

from experiments.scoreboard import tables
from experiments.scoreboard.__main__ import main
from experiments.scoreboard.bounds import KnownBound, load_bounds, save_bounds
from experiments.scoreboard.play import JSON_FIELDS, Row
from experiments.study_config import exit_code

BUNDLED = Path("experiments/scoreboard/scoreboard.yaml")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    content = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    content |= {
        "boards": ["rpi4b"],
        "scenarios": content["scenarios"][:1],
        "baselines": ["static-fastest"],
        "length_s": 20.0,
        "seeds": 2,
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_it_goes_on_where_it_stopped_and_shows_the_same(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "deep" / "journal.jsonl"
    common = ["--config", str(config), "--journal", str(journal), "--json"]
    assert main([*common, "--seeds", "1"]) == 0
    first = lines(capsys)
    assert [tuple(row) for row in first] == [JSON_FIELDS] * 2
    # A line cut off when a run was stopped is not there.
    with journal.open("a", encoding="utf-8") as stream:
        stream.write('{"signature": "')
        stream.write("\n")
    assert main(common) == 0
    both = lines(capsys)
    assert both[:2] == first
    assert len(both) == 4
    before = journal.read_text(encoding="utf-8")
    assert main([*common, "--finished"]) == 0
    assert lines(capsys) == both
    assert journal.read_text(encoding="utf-8") == before


def test_a_governor_that_changed_is_played_anew_beside_what_is_kept(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "journal.jsonl"
    common = ["--config", str(config), "--journal", str(journal), "--json", "--seeds", "1"]
    assert main(common) == 0
    before = lines(capsys)
    whole = journal.read_text(encoding="utf-8")
    ours, other = before
    journal.write_text(
        whole.replace(f'"reward": {ours["reward"]}', '"reward": 0.0'), encoding="utf-8"
    )
    assert main([*common, "--finished", "--anew", "predictive"]) == 0
    assert lines(capsys) == [ours, other]
    assert exit_code(lambda: main([*common, "--anew", "nobody"])) == 2
    assert "--anew nobody: expected one of predictive" in capsys.readouterr().err


def test_bad_input_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = ["--finished", "--journal", str(tmp_path / "none.jsonl")]
    assert exit_code(lambda: main(nothing)) == 2
    assert "holds no finished run" in capsys.readouterr().err
    assert exit_code(lambda: main(["--seeds", "0"])) == 2
    assert "seeds is 0" in capsys.readouterr().err
    assert exit_code(lambda: main(["--config", str(tmp_path / "none.yaml")])) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def row(governor: str, share: float | None, **changes: object) -> Row:
    values: dict[str, object] = {
        "governor": governor,
        "board": "b",
        "scenario": "steady",
        "start": "cold",
        "seed": 0,
        "preview": False,
        "reward": 0.5,
        "share_of_bound": share,
        "share_cap": share,
        "bound_gap": 0.001,
        "void": False,
        "infeasible": False,
        "time_above_cap": 0.0,
        "time_above_cap_1k": 0.0,
        "energy_per_correct_j": 0.01,
        "stress": 0.5,
        "ambient_degc": 25.0,
        "hottest_k": -0.5,
        "answered": 0.9,
        "leaf_accuracy": 0.8,
        "held_coolest": 0.0,
    }
    return Row(**(values | changes))  # type: ignore[arg-type]


ROWS = [
    row("predictive", 0.98),
    row("static-safe", 0.7),
    row("budget", 0.99),
    row("budget", 0.97, seed=1),
    row("hot", 1.1, void=True, time_above_cap=0.5, hottest_k=3.0),
    row("predictive", None, seed=2, infeasible=True),
    row("predictive", None, seed=3, bound_gap=0.1),
]


def test_a_score_with_violations_prints_void_and_what_is_unscored_does_not_count() -> None:
    header, body = tables.by_scenario(tables.frame(ROWS))
    cold = {line[0]: line[header.index("steady cold")] for line in body}
    assert cold == {"predictive": "0.980", "static-safe": "0.700", "budget": "0.980", "hot": "void"}
    assert {line[header.index("steady hot")] for line in body} == {"-"}


def test_the_best_other_is_one_that_keeps_the_cap() -> None:
    header, body = tables.by_case(tables.frame(ROWS))
    assert len(body) == 1
    found = dict(zip(header, body[0], strict=True))
    assert (found["which"], found["best other"]) == ("budget", "0.980")
    assert (found["runs"], found["infeasible"]) == ("3", "1")


def test_cells_in_which_another_is_ahead_are_named_with_a_reason() -> None:
    ahead = [row("predictive", 0.9, hottest_k=-1.5), row("budget", 0.95)]
    _, body = tables.behind(tables.frame(ahead))
    assert body[0][2] == "budget"
    assert "-0.50 K" in body[0][-1]
    assert tables.behind(tables.frame(ROWS[:2]))[1] == []


def test_a_preview_is_a_line_of_its_own() -> None:
    both = tables.frame([*ROWS, row("predictive", 0.99, preview=True)])
    assert [line[0] for line in tables.violations(both)[1]][:2] == [
        "predictive",
        "predictive, preview",
    ]


def test_bounds_are_stored_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "bounds.json.gz"
    assert load_bounds(path) == {}
    bounds = {"b": KnownBound(0.5, 0.49, False), "a": KnownBound(0.0, 0.0, True)}
    save_bounds(bounds, path)
    assert load_bounds(path) == bounds
    content = path.read_bytes()
    save_bounds(dict(reversed(bounds.items())), path)
    assert path.read_bytes() == content
    path.write_bytes(b"no archive")
    assert exit_code(lambda: len(load_bounds(path))) == 2
