"""The notebooks run from top to bottom, quickly set, and carry nothing they have shown."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest

FOLDER = Path(__file__).parents[2] / "experiments" / "notebooks"
QUICK = {
    "MINUTES": "0.05",
    "EPOCHS": "3",
    "BOARDS": '("rpi4b",)',
    "GOVERNORS": '("static-safe", "look-ahead")',
    "SCENARIOS": '("bursts",)',
    "SEEDS": "(0,)",
}


@pytest.mark.parametrize("name", ["energy_accuracy", "thermal_headroom", "your_own"])
def test_a_notebook_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mpl.use("Agg")
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    set_quickly = re.sub(
        r"^([A-Z]+) = .*$", lambda m: f"{m[1]} = {QUICK[m[1]]}", text, flags=re.MULTILINE
    )
    assert set_quickly != text
    exec(compile(set_quickly, f"{name}.py", "exec"), {"__name__": "__main__"})
    mpl.pyplot.close("all")


def test_notebooks_are_text_with_cells_and_no_output() -> None:
    notebooks = sorted(path.name for path in FOLDER.iterdir() if path.suffix == ".py")
    assert notebooks == ["energy_accuracy.py", "thermal_headroom.py", "your_own.py"]
    for name in notebooks:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert "format_name: percent" in text
        assert text.count("# %% [markdown]") >= 3
    assert not list(FOLDER.glob("*.ipynb"))
