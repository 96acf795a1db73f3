from pathlib import Path

import pytest

from adaptive.errors import ConfigError
from experiments.docs import markdown_table, replace_block


def test_a_table_has_a_line_a_row() -> None:
    table = markdown_table(["a", "b"], [["x", "1"], ["y", "2"]])
    assert table.splitlines() == ["| a | b |", "| --- | ---: |", "| x | 1 |", "| y | 2 |"]


def test_only_the_text_between_the_markers_changes(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- t -->\nold \\1\n<!-- /t -->\nafter\n")
    replace_block(path, "t", "new \\1")
    replace_block(path, "t", "newer \\1")
    assert path.read_text() == "before\n<!-- t -->\nnewer \\1\n<!-- /t -->\nafter\n"
    assert [p.name for p in tmp_path.iterdir()] == ["page.md"]


@pytest.mark.parametrize("text", ["nothing", "<!-- t -->\n", "<!-- t -->\n<!-- /t -->\n" * 2])
def test_markers_that_are_not_there_once_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(ConfigError, match="expected the markers"):
        replace_block(path, "t", "new")
    assert path.read_text() == text


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.md"):
        replace_block(tmp_path / "absent.md", "t", "new")
