import pytest
from dies import DATA
from hypothesis import given
from hypothesis import strategies as st
from refusals import in_one_line, read_or_refusal

from thermal.floorplan import Floorplan
from thermal.hotspot.flp import parse_floorplan
from thermal.hotspot.text import HotSpotInputError, load_text


def test_comments_tabs_spaces_and_the_optional_columns_are_read_over():
    plan = parse_floorplan(load_text(DATA / "quad.flp"), "quad.flp")
    assert plan.names == ("CPU", "DSP", "Cache", "IO")
    dsp = plan.blocks[1]
    assert (dsp.width_m, dsp.height_m, dsp.left_m, dsp.bottom_m) == (0.003, 0.002, 0.004, 0.001)


def test_a_last_line_without_a_newline_counts():
    assert parse_floorplan("a 1e-3 1e-3 0 0\nb 1e-3 1e-3 1e-3 0", "f").names == ("a", "b")


def test_wiring_is_skipped_also_between_blocks_called_by_numbers():
    text = "1 1e-3 1e-3 0 0\n2 1e-3 1e-3 1e-3 0\n1 2 0.5\nx y 3\n"
    assert parse_floorplan(text, "f").names == ("1", "2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f: no block, expected lines of name, width, height, left, bottom"),
        ("# only\n\n", "f: no block"),
        ("a 1e-3 1e-3 0\n", "f:1: 3 numbers after 'a', expected width, height, left and bottom"),
        ("a 1e-3 1e-3\n", "f:1: 2 numbers after 'a'"),
        ("a 1 1 0 0 5\n", "f:1: 5 numbers after 'a'"),
        ("a 1 1 0 0 5 6 7\n", "f:1: 7 numbers after 'a'"),
        ("a\n", "f:1: 0 numbers after 'a'"),
        ("\n\na 1e-3 -2e-3 0 0\n", "f:3: height_m of block 'a' is -0.002, expected 1e-09 to 100"),
        ("a 1e-3 nan 0 0\n", "f:1: height is 'nan', expected a finite number"),
        ("a 1e-3 1e-3 0 0 inf 1\n", "f:1: specific heat is 'inf'"),
        ("a 1_0 1e-3 0 0\n", "f:1: 0 numbers after 'a'"),
        ("a 1e-3 1e-3 0 0\n#\nA 1e-3 1e-3 0 1e-3\n", "f:3: name is 'A', expected one that f:1 has"),
    ],
)
def test_what_is_no_floorplan_is_refused_with_its_place(text, message):
    with pytest.raises(HotSpotInputError) as caught:
        parse_floorplan(text, "f")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="ab# \t\r\n\x0c0123456789.eE+-_naif\u00b5\u0663", max_size=80))
def test_any_text_is_a_floorplan_or_refused_in_one_line(text):
    result = read_or_refusal(lambda: parse_floorplan(text, "f"))
    assert isinstance(result, Floorplan) or in_one_line(result, "f")


@given(st.data())
def test_any_damage_to_a_floorplan_is_read_or_refused_in_one_line(data):
    text = load_text(DATA / "quad.flp")
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(len(text), at + 20)))
    damaged = text[:at] + data.draw(st.text(max_size=5)) + text[until:]
    result = read_or_refusal(lambda: parse_floorplan(damaged, "f"))
    assert isinstance(result, Floorplan) or in_one_line(result, "f")
