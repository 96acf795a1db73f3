from pathlib import Path

import msgspec
import pytest

from experiments import simulation_page
from experiments.mismatch import Mismatch
from experiments.scenario_entries import (
    BurstsEntry,
    ConstantEntry,
    DayEntry,
    DiurnalEntry,
    PoissonEntry,
    RampEntry,
    ScenarioFile,
    SteadyEntry,
    SunEntry,
    TraceEntry,
    VideoEntry,
)
from experiments.surroundings import Fan

KINDS = (
    ScenarioFile,
    ConstantEntry,
    DiurnalEntry,
    BurstsEntry,
    PoissonEntry,
    VideoEntry,
    TraceEntry,
    SteadyEntry,
    RampEntry,
    DayEntry,
    SunEntry,
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_tells_of_every_field_of_a_scenario(kind: type[msgspec.Struct]) -> None:
    page = simulation_page.PAGE.read_text(encoding="utf-8")
    for name in kind.__struct_fields__:
        assert f"`{name}`" in page or f"{name}," in page or f"{name}}}" in page, name
    tag = kind.__struct_config__.tag
    assert tag is None or f"`{tag}`" in page or f"kind: {tag}" in page


@pytest.mark.parametrize("kind", [Mismatch, Fan])
def test_the_page_tells_of_every_field_of_a_dataclass(kind: type) -> None:
    page = simulation_page.PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in kind.__slots__)


def test_every_table_is_written_between_its_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(simulation_page.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr("experiments.commands.fleet._SPEED_BOARDS", 250)
    monkeypatch.setattr(simulation_page, "COMPARED", ("static-safe",))
    monkeypatch.setattr(simulation_page, "FLEET_GOVERNORS", ("static-safe",))
    small = ["--boards", "3", "--minutes", "0.05", "--seeds", "1", "--speed-minutes", "0.01"]
    monkeypatch.setattr("sys.argv", ["page", "--page", str(page), *small])
    assert simulation_page.main() == 0
    text = page.read_text(encoding="utf-8")
    assert "| bursts | static-safe |" in text
    assert "| static-safe, 50 % |" in text
    assert "`sun`" in text
