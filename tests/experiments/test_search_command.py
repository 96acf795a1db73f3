import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from adaptive.artifact import load_artifact
from adaptive.errors import ConfigError
from adaptive.operating_point import load_points
from adaptive.precision import Bits
from experiments.commands import search
from experiments.search.asking import chosen_space
from experiments.search.hint import load_hint
from experiments.study import prepare

QUICK = ["digits", "--board", "odroid-xu4", "--budget", "12", "--images", "160"]


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    search.add_arguments(parser)
    return search.run(parser.parse_args([*QUICK, *arguments]))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    out = ["--out", str(folder / "points.json"), "--hint", str(folder / "hint.json")]
    assert call(*out, "--report", str(folder / "page"), "--images-per-frame", "64") == 0
    return folder


def test_the_loop_loads_what_was_written(written: Path) -> None:
    table = load_points(written / "points.json")
    assert {point.level for point in table} == {"leaf"}
    for point in table:
        low, high = point.accuracy_interval
        assert low <= point.accuracy <= high
    study = prepare(points=written / "points.json", minutes=0.1)
    assert study.points == table


def test_the_page_carries_three_pictures(written: Path) -> None:
    page = (written / "page" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "told apart" in page


def test_training_reads_the_hint(written: Path) -> None:
    layers = load_points(written / "points.json").points[0].effort.plan.layers
    plans = load_hint(written / "hint.json", layers)
    assert plans
    assert all(set(plan.bits) <= set(Bits) for plan in plans)
    with pytest.raises(ConfigError, match=r"hint\.json: layers is"):
        load_hint(written / "hint.json", ("other",))


def test_a_search_started_again_says_the_same(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = written / "points.journal"
    before = journal.read_bytes()
    said = []
    for _ in range(2):
        assert call("--journal", str(journal), "--json") == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert journal.read_bytes() == before
    rows = [json.loads(line) for line in said[0].splitlines()]
    assert {row["kind"] for row in rows} == {"point", "target"}
    assert {row["level"] for row in rows} == {"leaf", "shape"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--objective", "wide_ratio", "--most-cost", "0.5"],
        ["--cost", "accelerator", "--objective", "cycles", "--least-accuracy", "0.5"],
        ["--objective", "latency_s", "--cores", "a7", "--mhz", "1000", "--grouping", "block"],
        ["--method", "aimet-chain", "--groups", "3", "--no-race", "--level", "shape"],
    ],
)
def test_every_way_to_ask_is_answered(
    written: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    journal = written / f"{'-'.join(arguments).replace('/', '')}.journal"
    assert call(*arguments, "--journal", str(journal)) == 0
    assert "mixes measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "luck"], "--method is 'luck'"),
        (["--budget", "1"], "--budget is 1"),
        (["--method", "exhaustive"], "at least the 64 mixes"),
        (["--bits", "16"], "two or more of 16,8"),
        (["--bits", "x"], "--bits is 'x'"),
        (["--split", "1,2"], "expected three shares"),
        (["--split", "a,b,c"], "--split is"),
        (["--split", "0.5,0.5,0.5"], "add up to 1"),
        (["--level", "kingdom"], "--level is 'kingdom'"),
        (["--mhz", "1"], "--mhz is 1"),
        (["--cores", "m4"], "--cores is 'm4'"),
        (["--cost", "nowhere.yaml"], "nowhere"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--max-loss", "0"], "--max-loss is 0"),
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(*arguments, "--journal", str(tmp_path / "journal"))


def test_ours_needs_no_extra() -> None:
    code = "import experiments.commands.search, sys; print([m for m in ('pymoo', 'dask', 'torch') "
    code += "if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_genes_are_what_the_heads_of_the_level_run() -> None:
    artifact = load_artifact("digits_early")
    args = argparse.Namespace(grouping="layer", groups=None, bits=None, level=None)
    leaf = chosen_space(artifact, args)
    assert (leaf.heads, leaf.widths) == (("leaf",), artifact.widths)
    assert leaf.names[-1] == "width"
    assert set(leaf.idle) == {name for name in artifact.layers if name.startswith("early")}
    args.level = "shape"
    coarse = chosen_space(artifact, args)
    assert (coarse.heads, coarse.idle) == (("leaf", "early"), ())
    assert coarse.names[-2:] == ("width", "head")
