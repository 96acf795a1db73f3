"""What the daemon costs is measured on the real daemon."""

import json
import sys
from pathlib import Path

import pytest

from experiments import daemon_bench


def test_every_figure_is_measured_and_the_page_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- daemon-cost -->\n<!-- /daemon-cost -->\n", encoding="utf-8")
    monkeypatch.setattr(
        sys, "argv", ["daemon_bench", "--json", "--seconds", "0.5", "--repeats", "1",
                      "--doc", str(page)],
    )  # fmt: skip
    assert daemon_bench.main() in (0, 1)
    figures = {
        row["metric"]: row["value"] for row in map(json.loads, capsys.readouterr().out.splitlines())
    }
    names = set(daemon_bench.MEANINGS)
    assert set(figures) == names | {name + daemon_bench.BESIDE for name in names}
    assert names >= set(daemon_bench.TARGETS)
    assert all(value > 0.0 for value in figures.values())
    assert page.read_text(encoding="utf-8").count("\n| ") == len(names) + 2


def test_tables_show_medians_and_ranges() -> None:
    names = [name + end for name in daemon_bench.MEANINGS for end in ("", daemon_bench.BESIDE)]
    runs = [dict.fromkeys(names, value) for value in (3.0, 1.0, 2.0)]
    expected = "| resident memory, MiB | 2 (1 .. 3) | 2 (1 .. 3) | 40.0 |"
    assert expected in daemon_bench.table(runs)


def test_a_governor_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["daemon_bench", "--governor", "none", "--seconds", "0.1"])
    assert daemon_bench.main() == 2
    assert "none" in capsys.readouterr().err
