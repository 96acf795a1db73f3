import argparse
import json
from pathlib import Path

import pytest

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import load_artifact, save_artifact
from adaptive.errors import AdaptiveError
from experiments.commands import doctor
from experiments.commands.doctor import halves
from experiments.requantise import requantised
from models.data import load_digits


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return doctor.run(parser.parse_args(arguments))


@pytest.fixture(scope="module")
def truncated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits network in radix, not mended."""
    file = tmp_path_factory.mktemp("truncated") / "digits.npz"
    images = load_digits("calibration").images
    save_artifact(
        requantised(load_artifact("digits"), arithmetic=Arithmetic.RADIX, images=images), file
    )
    return file


def test_the_doctor_names_layers_and_causes_and_mends_them(
    truncated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mended.npz"
    options = ["--images", "140", "--json", "-o", str(file)]
    assert call("--artifact", str(truncated), *options) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    layers = [row for row in rows if "layer" in row]
    graph = load_artifact(truncated).graph
    assert [row["layer"] for row in layers] == [n.name for n in graph if hasattr(n, "scale")]
    complaints = [row for row in layers if row["cause"]]
    assert complaints
    assert {row["cause"] for row in complaints} <= {"range", "bias", "rounding"}
    assert sum(row["loss_after_nats"] for row in layers) < sum(row["loss_nats"] for row in layers)
    plans = {row["plan"]: row for row in rows if "plan" in row}
    assert plans["all-8"]["after"] >= plans["all-8"]["before"]
    assert abs(plans["all-16"]["after"] - plans["all-8"]["after"]) < 0.02
    assert plans["all-8"]["before_low"] <= plans["all-8"]["before"] <= plans["all-8"]["before_high"]
    healed = load_artifact(file)
    assert healed.name == "digits_radix_mended"
    assert healed.arithmetic is Arithmetic.RADIX
    mends = next(row["mends"] for row in rows if "mends" in row)
    assert healed.provenance["mends"] == f"{mends}, from 140 calibration images"
    assert {entry.effort.plan.code: entry.accuracy["leaf"] for entry in healed.measured} == {
        plan: row["after"] for plan, row in plans.items()
    }


def test_the_doctor_speaks_to_people_and_into_pages(
    truncated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    marks = ["<!-- doctor digits_radix -->\n", "<!-- /doctor digits_radix -->\n"]
    page.write_text("".join(marks))
    assert call("--artifact", str(truncated), "--images", "60", "--doc", str(page)) == 0
    told = capsys.readouterr().out
    assert page.read_text() == f"{marks[0]}```text\n{told}```\n{marks[1]}"
    lines = told.splitlines()
    assert "layers lose by their few bits" in lines[0]
    assert any("mended without training: " in line for line in lines)
    assert any(line.startswith("all-8 ") for line in lines)


def test_a_healthy_network_is_left_as_it_is_or_made_no_worse(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call("--artifact", "digits", "--images", "140", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert not [row for row in rows if row.get("cause")]
    for row in rows:
        if "plan" in row:
            assert row["after"] >= row["before"] - 0.01


def test_images_are_looked_at_and_checked_on_apart() -> None:
    data = load_digits("calibration")
    seen, others = halves(data, 50)
    assert (len(seen), len(others)) == (50, 50)
    known = {image.tobytes() for image in seen.images}
    assert not known & {image.tobytes() for image in others.images}
    seen, others = halves(data, 1000)
    assert len(seen) + len(others) == len(data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--artifact", "absent"], "absent: No such file"),
        (["--artifact", "digits", "--images", "0"], "--images is 0, expected at least 1"),
        (["--artifact", "digits", "-o", "absent/out.npz"], "absent/out.npz: no such folder"),
        (["--artifact", "digits", "--doc", "absent.md"], "absent.md: No such file"),
        (["--artifact", "digits", "--doc", "README.md"], "expected the marker <!-- doctor digits"),
    ],
)
def test_what_cannot_be_done_is_refused_and_writes_nothing(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("no marks here")
    given = [*arguments] if "-o" in arguments else [*arguments, "-o", str(tmp_path / "out.npz")]
    with pytest.raises(AdaptiveError, match=message):
        call(*given)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
