import shutil
import subprocess
from collections import deque
from pathlib import Path

import pytest
from rehearsal import Rehearsal
from rich.console import Console

from adaptive.cli import main
from adaptive.commands.service import unit_text
from adaptive.commands.top import picture
from adaptive.daemon.configuration import load_configuration
from adaptive.daemon.grant import FILES, grant
from experiments.stand_in import FakeBoard


def test_the_service_is_installed_and_taken_away_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(tmp_path)]
    assert main(["service", "install", "--board", "rpi5b", *root]) == 0
    unit = tmp_path / "etc/systemd/system/adaptived.service"
    configuration = tmp_path / "etc/adaptived/adaptived.yaml"
    assert unit.read_text() == unit_text()
    assert load_configuration(configuration).board == "rpi5b"
    assert main(["service", "install", "--board", "rpi4b", *root]) == 0
    assert load_configuration(configuration).board == "rpi5b", "what is configured is kept"
    assert main(["service", "uninstall", "--purge", *root]) == 0
    assert not unit.exists()
    assert not configuration.exists()
    capsys.readouterr()


def test_a_board_that_is_unknown_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["service", "install", "--board", "toaster", "--root", str(tmp_path)]) == 2
    assert "board 'toaster' is unknown" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_unit_has_no_mark_left_and_names_this_python() -> None:
    text = unit_text()
    assert "@python@" not in text
    assert "@config@" not in text
    assert "Conflicts=thermald.service tlp.service auto-cpufreq.service" in text
    assert "WatchdogSec=" in text
    assert "OOMScoreAdjust=-500" in text, "row 38: memory pressure"
    assert "MemoryMax=" in text
    assert "StartLimitBurst=" in text, "row 27: a crash loop ends"


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze; apt-get install systemd"
)
def test_the_unit_is_hardened(tmp_path: Path) -> None:
    path = tmp_path / "adaptived.service"
    path.write_text(unit_text())
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_a_group_may_write_what_the_daemon_needs_and_nothing_else(tmp_path: Path) -> None:
    board = FakeBoard(tmp_path)
    group = board.policy().group()
    assert grant(group, board.roots) == len(FILES) if group != "root" else True
    count = grant("daemon", board.roots) if _is_root() else 0
    writable = {p.name for p in board.policy().iterdir() if p.stat().st_mode & 0o020}
    assert writable >= (set(FILES) if count else set())
    if count:
        assert grant("root", board.roots) == count
        assert not (board.policy() / FILES[0]).stat().st_mode & 0o020


def _is_root() -> bool:
    import os

    return os.getuid() == 0


def test_top_shows_heat_clock_precision_and_faults(tmp_path: Path) -> None:
    r = Rehearsal(tmp_path)
    shown: list[str] = []

    def look() -> None:
        console = Console(width=100, record=True, file=(tmp_path / "out").open("w"))
        console.print(picture(r.service.status(), deque()))
        shown.append(console.export_text())
        console.file.close()

    r.run(20, {5: look, 6: lambda: r.board.rewrite(scaling_governor="performance"), 12: look})
    assert "cpu-thermal 45.0 (good)" in shown[0]
    assert "1800 MHz" in shown[0]
    assert "no faults" in shown[0]
    assert "rival" in shown[1]
