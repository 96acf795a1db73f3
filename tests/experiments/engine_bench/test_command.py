import json
import shutil
import sys
from pathlib import Path

import pytest

from experiments.engine_bench import __main__ as command
from experiments.engine_bench import venvs
from experiments.engine_bench.config import NetworkEntry
from experiments.engine_bench.fleet import answer_of
from experiments.engine_bench.networks import prepare
from experiments.study_config import exit_code

CONFIG = """
networks:
  - {kind: resnet8, artifact: resnet8_cifar10}
peers:
  - {name: fake, module: tests.support.fake_peer, plans: [int8, int16x8]}
  - {name: dying, module: tests.support.fake_peer, plans: [fp32, int8]}
  - {name: absent, module: tests.support.fake_peer, plans: [int8], requirements: [nowhere==1]}
threads: [1, 2]
rounds: 2
burst_s: 1.0e-4
burst_runs: 3
slow_ms: 1000.0
slow_rounds: 1
layer_rounds: 1
seed: 0
calibration_images: 1
"""
KEYS = ["network", "threads", "runtime", "plan", "median_ms", "p99_ms"]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a config with fake peers, and the answer they give, to a cache of its own."""
    monkeypatch.setenv("ADAPTIVE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "bench.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    models = tmp_path / "cache" / "engine_bench" / "models"
    models.mkdir(parents=True)
    network = prepare(NetworkEntry("resnet8", "resnet8_cifar10"), tmp_path, seed=0, images=1)
    answer = json.dumps(answer_of(network).tolist())
    (models / "answer.json").write_text(answer, encoding="utf-8")
    return path


def run(arguments: list[str]) -> int:
    return exit_code(lambda: command.main(arguments))


def test_every_model_timed_is_a_line_and_every_other_is_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--json", "--config", str(config)]) == 0
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    rows = [line for line in lines if line.get("runtime") == "fake"]
    assert [list(row) for row in rows] == [KEYS, KEYS]
    assert [(row["network"], row["threads"], row["plan"]) for row in rows] == [
        ("resnet8", 1, "int8"),
        ("resnet8", 2, "int8"),
    ]
    assert all(0.0 <= row["median_ms"] <= row["p99_ms"] for row in rows)
    missing = {line["missing"]: line["reason"] for line in lines if "missing" in line}
    assert missing["fake resnet8 int16x8"] == "fake: RuntimeError: no such kernel"
    assert "the worker ended with code 3" in missing["dying resnet8 fp32"]
    assert "expected --set-up-peers first" in missing["absent"]
    assert "not measured: absent" in printed.err


def test_a_model_of_another_network_is_not_timed(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = tmp_path / "cache" / "engine_bench" / "models" / "answer.json"
    answer.write_text(json.dumps([float(k % 2) for k in range(10)]), encoding="utf-8")
    assert run(["--json", "--config", str(config), "--peers", "fake", "--threads", "1"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    reasons = [line["reason"] for line in lines if line.get("missing") == "fake resnet8 int8"]
    assert len(reasons) == 1
    assert "correlate with ours" in reasons[0]


def test_tables_of_a_page_are_filled(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    names = ("machine", "eight", "sixteen", "tails")
    page.write_text("".join(f"<!-- {n} -->\n<!-- /{n} -->\n" for n in names), encoding="utf-8")
    arguments = ["--config", str(config), "--peers", "fake", "--threads", "1", "--rounds", "1"]
    assert run([*arguments, "--doc", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "| resnet8 | 1 | fake | int8 |" in text
    assert "Not measured: fake resnet8 int16x8." in text
    assert "| network | threads | native | onnxruntime |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--networks", "resnet9"], "--networks: 'resnet9' is unknown, expected among resnet8"),
        (["--peers", "tvm"], "--peers: 'tvm' is unknown, expected among fake, dying, absent"),
        (["--threads", "0"], "threads is (0,), expected counts of at least 1"),
        (["--rounds", "0"], "rounds is 0, expected at least 1"),
    ],
)
def test_arguments_that_fit_nothing_are_one_line(
    arguments: list[str], said: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(config), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nowhere==1", "nowhere", "expected a pinned NAME==VERSION"),
        ("name: dying", "name: native", "none called native"),
        ("name: dying", "name: fake", "expected each once"),
        ("plans: [fp32, int8]", "plans: []", "plans of peer dying is empty"),
        ("plans: [fp32, int8]", "plans: [int3]", "Invalid enum value 'int3'"),
        ("burst_s: 1.0e-4", "burst_s: 0.0", "burst_s is 0.0, expected above 0"),
    ],
)
def test_a_config_that_is_wrong_names_the_field(
    old: str, new: str, said: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.replace(old, new), encoding="utf-8")
    assert run(["--config", str(config)]) == 2
    assert said in capsys.readouterr().err


def test_a_peer_that_cannot_be_installed_is_named(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--config", str(config), "--peers", "absent", "--threads", "1", "--json"]
    # A stand-in for Python's own: `-m venv` does nothing, and there is no pip afterwards.
    monkeypatch.setattr(venvs, "PYTHON", shutil.which("true"))
    assert run([*arguments, "--set-up-peers"]) == 0
    assert "peer absent: " in capsys.readouterr().out
    # It is not taken for set up the next time.
    assert run(arguments) == 0
    assert "expected --set-up-peers first" in capsys.readouterr().out


def test_the_command_is_started_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["engine_bench", "--help"])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert stopped.value.code == 0
