import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from documents import replaced

from adaptive.commands import boards
from adaptive.config import board_names, load_board
from adaptive.errors import ConfigError
from adaptive.strict_yaml import load_yaml

XU4 = Path(boards.__file__).parents[1] / "boards" / "odroid-xu4.yaml"


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    boards.add_arguments(parser)
    return boards.run(parser.parse_args(list(arguments)))


def test_the_list_names_every_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    out = capsys.readouterr().out
    assert all(f"{name}: " in out for name in board_names())
    assert "4 x cortex-a15, 200 to 2000 MHz" in out
    assert "numbers are assumed" in out


def test_json_is_one_object_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == list(board_names())
    for row in rows:
        assert 0 < row["assumed"] < row["numbers"]
        for cluster in row["clusters"]:
            assert cluster["sustainable_w"]["25"] > cluster["sustainable_w"]["35"] > 0.0


def test_one_board_shows_the_source_of_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("odroid-xu4") == 0
    out = capsys.readouterr().out
    assert "power[0].leakage  [ASSUMPTION D]  numbers: 5" in out
    assert "limits.cap  [A]  numbers: 1" in out
    assert "source: Linux device tree" in out
    assert "note: Nothing here was measured" in out
    assert "D = assumption" in out


def test_one_board_as_json_carries_its_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("rpi4b", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert sum(block["numbers"] for block in row["blocks"]) == row["numbers"]
    assumed = [block for block in row["blocks"] if block["assumption"]]
    assert sum(block["numbers"] for block in assumed) == row["assumed"]
    assert {block["confidence"] for block in assumed} == {"D"}


def test_a_falling_voltage_is_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The mainline kernel's table for this board: 1.25 V at 1.7 GHz, 1.2375 V at 1.8 GHz.
    content = load_yaml(XU4)
    content = replaced(content, ("islands", 0, "opps", 15, "voltage_v"), 1.25)
    content = replaced(content, ("islands", 0, "opps", 16, "voltage_v"), 1.2375)
    path = tmp_path / "mainline.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert call(str(path)) == 0
    assert "1700 MHz ask for more volts than a faster OPP" in capsys.readouterr().out
    assert call(str(path), "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["clusters"][0]["falling_hz"] == [1.7e9]


def test_the_sustainable_power_brings_the_board_to_the_cap() -> None:
    plant = load_board("rpi4b")
    watts = boards.sustainable_w(plant, plant.cluster("a72"), ambient_degc=25.0)
    # The cores see 15 K/W, the 1.7 W of the rest see 13 K/W.
    assert watts * 15.0 + 1.7 * 13.0 == pytest.approx(55.0)
    rise = np.linalg.solve(plant.network.laplacian, [watts, 1.7])
    assert 25.0 + rise[0] == pytest.approx(80.0)


def test_an_unknown_board_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'toaster' is unknown"):
        call("toaster")
