from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from adaptive.search.journal import Entry, Header, Journal, known_answers

HEADER = Header(1, "a" * 64, "b" * 64, (("x",), ("y",)), (16, 8), ("leaf", "group"))
RIGHT = np.array([[[1, 0, 1], [1, 1, 1]], [[0, 0, 1], [0, 1, 1]]], dtype=bool)
ENTRY = Entry.of("search", 128, [(0, 1), (1, 1)], RIGHT)


def written(path: Path, entries: int = 2) -> bytes:
    with Journal(path, HEADER) as journal:
        for _ in range(entries):
            journal.add(ENTRY)
    return path.read_bytes()


@given(st.integers(0, 3), st.integers(1, 3), st.integers(1, 20), st.integers(0, 99))
def test_answers_survive_packing(mixes: int, levels: int, images: int, seed: int) -> None:
    right = np.random.default_rng(seed).random((mixes, levels, images)) < 0.5
    entry = Entry.of("search", 7, [(k,) for k in range(mixes)], right)
    assert (entry.start, entry.stop) == (7, 7 + images)
    if mixes:
        assert np.array_equal(entry.answers(), right)


def test_what_was_added_is_there_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path)
    with Journal(path, HEADER) as journal:
        known = known_answers(journal.entries)
    assert set(known) == {("search", 128, 131, (0, 1)), ("search", 128, 131, (1, 1))}
    assert np.array_equal(known["search", 128, 131, (1, 1)], RIGHT[1])


def test_a_journal_cut_at_any_byte_keeps_its_whole_lines_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = written(path)
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        with Journal(path, HEADER) as journal:
            assert len(journal.entries) == max(0, content[:cut].count(b"\n") - 1)
            journal.add(ENTRY)
        with Journal(path, HEADER) as journal:
            assert journal.entries[-1] == ENTRY


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = bytearray(written(path))
    at = content.index(b"search")
    content[at] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ConfigError, match="line 2 does not match its checksum"):
        Journal(path, HEADER)


def test_a_journal_of_another_search_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path)
    other = Header(1, "c" * 64, "b" * 64, (("x",), ("y",)), (16, 8), ("leaf", "group"))
    with pytest.raises(ConfigError, match=r"artifact is a.*this search has c.*begin a new journal"):
        Journal(path, other)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot keep a journal"):
        Journal(tmp_path / "missing" / "journal", HEADER)


def test_lines_that_are_no_entries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"00000000 \n")
    with pytest.raises(ConfigError, match="not a journal"):
        Journal(path, HEADER)
