from pathlib import Path

import pytest

from adaptive.board.roots import Roots
from experiments.live import show
from experiments.stand_in import FakeBoard


def test_a_machine_without_sensors_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(1.0, Roots(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "nothing to govern live here" in said
    assert "no thermal zone" in said


def test_a_machine_with_sensors_is_advised_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = FakeBoard(tmp_path / "board", parts=dict.fromkeys(range(4), "0xd08"))
    before = board.settings()
    assert show(1.2, board.roots) == 0
    assert "cpu-thermal 45.0 degC (cap 85)  advice" in capsys.readouterr().out
    assert board.settings() == before
