import pytest

from thermal.hotspot.text import HotSpotInputError, lines, load_text


def test_lines_carry_their_number_and_words():
    found = list(lines("# c\n\n a\tb\r\nc", "f"))
    assert [(line.where, line.words) for line in found] == [
        ("f:3", ("a", "b")),
        ("f:4", ("c",)),
    ]


def test_bytes_that_are_no_utf8_are_read_all_the_same(tmp_path):
    path = tmp_path / "old"
    path.write_bytes(b"# 5 \xb5m\na")
    assert load_text(path) == "# 5 \u00b5m\na"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "new"
    path.write_bytes(b"\xef\xbb\xbf# a")
    assert load_text(path) == "# a"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(HotSpotInputError, match="none: No such file or directory, expected"):
        load_text(tmp_path / "none")
