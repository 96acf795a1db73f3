"""Every row of the daemon's table of faults has a test that bears its number."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = 43


def numbers(name: str) -> Iterator[int]:
    """Yield the rows in `test_row_7_...` or `test_rows_6_to_9_and_16_...`."""
    said = re.match(r"test_rows?_(\d+(?:_(?:and|to)_\d+)*)_", name)
    for part in said[1].split("_and_") if said else ():
        first, *last = map(int, part.split("_to_"))
        yield from range(first, (last or [first])[0] + 1)


def with_a_test() -> set[int]:
    files = [*(ROOT / "tests/adaptive").rglob("test_*.py"), *(ROOT / "tests/kernel").glob("*.py")]
    names = [
        name
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    return {row for name in names for row in numbers(name)}


def documented() -> list[int]:
    """Rows as the table lists them: `7`, `3, 4` or `6-9`."""
    text = (ROOT / "docs/daemon.md").read_text(encoding="utf-8")
    found: list[int] = []
    for cell in re.findall(r"^\| (\d[\d, -]*) \|", text, re.MULTILINE):
        for part in cell.split(", "):
            first, *last = map(int, part.split("-"))
            found += range(first, (last or [first])[0] + 1)
    return found


def test_every_row_of_the_table_is_documented_once_and_tested() -> None:
    rows = list(range(1, ROWS + 1))
    assert documented() == rows
    assert [row for row in rows if row not in with_a_test()] == []


def test_names_tell_their_rows() -> None:
    assert list(numbers("test_rows_6_to_9_and_16_nonsense")) == [6, 7, 8, 9, 16]
    assert list(numbers("test_row_7_x")) == [7]
    assert list(numbers("test_rows_that_are_no_points")) == []
