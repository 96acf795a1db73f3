import argparse
from pathlib import Path

import pytest
from fake_clock import FakeClock
from rehearsal import PI_KHZ, Heating

from adaptive.board.calibration import Row, plan_stages, trace_text
from adaptive.commands import calibrate
from adaptive.errors import ConfigError, PlatformError
from experiments.physics.traces import load_trace
from experiments.stand_in import FakeBoard, write


def arguments(folder: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    calibrate.add_arguments(parser)
    return parser.parse_args(
        ["--board", "rpi4b", "--policy", "policy0", "--root", str(folder / "board"),
         "--runtime", str(folder / "run"), "--out", str(folder / "sbcbench_rpi4b_mine.csv"),
         "--opps", "3", "--minutes", "1", *more]
    )  # fmt: skip


def driven(folder: Path, *more: str, ambient_degc: float = 25.0) -> tuple[FakeBoard, FakeClock]:
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ)
    heating = Heating(board, ambient_degc=ambient_degc)
    clock = FakeClock(heating.advance)
    assert calibrate.calibrate(arguments(folder, *more), clock) == 0
    return board, clock


def test_the_board_is_driven_through_its_opps_and_given_back(tmp_path: Path) -> None:
    board, _ = driven(tmp_path)
    assert board.read("scaling_governor") == "schedutil"
    assert not (tmp_path / "run/snapshot.json").exists()
    trace = load_trace(tmp_path / "sbcbench_rpi4b_mine.csv")
    assert set(trace.phase) == {
        "idle-600MHz", "busy-600MHz", "busy-1200MHz", "busy-1800MHz"
    }  # fmt: skip
    assert set(trace.clocks_hz[:, 0]) == {6e8, 1.2e9, 1.8e9}
    assert trace.temps_degc.max() > 40.0


def test_a_hot_reading_ends_a_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    driven(tmp_path, "--hot", "50", ambient_degc=45.0)
    assert "busy-1800MHz: ended at 50 degC" in capsys.readouterr().out
    trace = load_trace(tmp_path / "sbcbench_rpi4b_mine.csv")
    busy = [t for t, p in zip(trace.temps_degc, trace.phase, strict=True) if "busy" in p]
    assert sum(temp >= 50.0 for temp in busy) <= 3, "no more than the row that ended each stage"


def test_a_limit_too_close_to_critical_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--hot is 89, expected 5 K or more below"):
        calibrate.calibrate(arguments(tmp_path, "--hot", "89"), FakeClock())


def test_a_zone_that_is_lost_ends_it_and_settings_go_back(tmp_path: Path) -> None:
    board = FakeBoard(tmp_path / "board", frequencies_khz=PI_KHZ)
    seconds = 0

    def fail_later(_time_s: float) -> None:
        nonlocal seconds
        seconds += 1
        if seconds > 20:
            write(board.zone(), "")

    with pytest.raises(PlatformError, match="no zone is believed"):
        calibrate.calibrate(arguments(tmp_path), FakeClock(fail_later))
    assert board.read("scaling_governor") == "schedutil"
    assert (tmp_path / "sbcbench_rpi4b_mine.csv").exists(), "what was recorded is kept"


def test_stages_spread_over_the_range() -> None:
    stages = plan_stages([1e9, 2e9, 3e9, 4e9, 5e9], most=3, length_s=10.0)
    assert [s.frequency_hz for s in stages if s.busy] == [1e9, 3e9, 5e9]
    assert not stages[0].busy


def test_what_is_not_known_is_left_empty() -> None:
    text = trace_text([Row(1.0, 1e9, 0.5, float("nan"), None, "idle-1000MHz")])
    assert text.splitlines()[1] == "1.00,1000,,50.0,,,,,,idle-1000MHz"
