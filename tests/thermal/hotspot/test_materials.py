import pytest
from dies import DATA
from hypothesis import given
from hypothesis import strategies as st
from refusals import in_one_line, read_or_refusal

from thermal.hotspot.materials import Material, parse_materials
from thermal.hotspot.text import HotSpotInputError, load_text


def test_solids_and_fluids_are_read():
    assert parse_materials(load_text(DATA / "quad.materials"), "m") == {
        "silicon": Material(120.0, 1.66e6),
        "water": Material(0.6, 4.17e6),
        "copper": Material(390.0, 3.45e6),
    }


def test_the_first_of_two_materials_with_one_name_counts():
    text = "a\nsolid\n1\n2\na\nsolid\n3\n4\n"
    assert parse_materials(text, "m") == {"a": Material(1.0, 2.0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nsolid\n1\n", "m:1: 'a' ends with the file, expected its volumetric heat capacity"),
        ("a\n", "m:1: 'a' ends with the file, expected its solid or fluid"),
        ("a\ngas\n", "m:2: 'a' is 'gas', expected solid or fluid"),
        ("a\nsolid\nx\n", "m:3: thermal conductivity of 'a' is 'x', expected a finite number"),
        ("a\nsolid\n1\n-1\n", "m:4: volumetric heat capacity of 'a' is -1.0, expected not below 0"),
        ("a\nfluid\n1\n1\n", "m:1: 'a' ends with the file, expected its dynamic viscosity"),
    ],
)
def test_what_is_no_list_of_materials_is_refused_with_its_place(text, message):
    with pytest.raises(HotSpotInputError) as caught:
        parse_materials(text, "m")
    assert str(caught.value) == message


@given(st.lists(st.sampled_from(["a", "solid", "fluid", "1", "-1", "nan", "#", ""])))
def test_any_lines_are_materials_or_refused_in_one_line(words):
    result = read_or_refusal(lambda: parse_materials("\n".join(words), "m"))
    assert isinstance(result, dict) or in_one_line(result, "m")
