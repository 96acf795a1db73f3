from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from adaptive.strict_yaml import load_yaml, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e9", 1e9),
        ("1.5E-3", 1.5e-3),
        ("-2e+3", -2e3),
        (".5e1", 5.0),
        ("4.425e-10", 4.425e-10),
        ("1200000000", 1_200_000_000),
    ],
)
def test_numbers_are_numbers_however_they_are_written(text: str, value: float) -> None:
    content = parse_yaml(f"a: {text}", origin="f")
    assert content == {"a": value}
    assert isinstance(content["a"], type(value))  # type: ignore[index]


def test_names_that_look_a_little_like_numbers_stay_names() -> None:
    assert parse_yaml("[a15.0, 12e, e9]", origin="f") == ["a15.0", "12e", "e9"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [", "f: line 2: .*valid YAML"),
        ("a: 1\na: 2", "f: line 2: key 'a' is given twice"),
        ("a: &x [1]\nb: *x", "f: line 2: aliases are not allowed"),
        ("a: [1, {b: .inf}]", r"f: a\[1\].b is not finite, expected a finite number"),
        (".nan", "f: the file is not finite"),
        ("a: 1e999", "f: a is not finite"),
        ("[" * 4000, "f: nested too deeply"),
        ("!!int x", "f: invalid literal"),
        ("!!bool q", "f: 'q', expected valid YAML"),
        ("!!timestamp 'z'", "f: .*expected valid YAML"),
        ("a: " + "9" * 5000, "f: .*expected valid YAML"),
        ("? [1]\n: 2", "f: line 1: found unhashable key"),
        ("!!python/object:os.system x", "f: line 1: could not determine a constructor"),
        ("a: \x00", "f: .*special characters"),
    ],
)
def test_a_fault_is_one_line_that_says_where(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_yaml(text, origin="f")
    assert "\n" not in str(caught.value)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_yaml(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match=r"binary\.yaml: cannot be read: .*codec"):
        load_yaml(binary)
    with pytest.raises(ConfigError, match=r"cannot be read: .*null"):
        load_yaml(Path("a\0b"))


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!?|>%@`#,'\"\n 10.eE~<=\t"), max_size=40))
@example("<<: 3")
@example("!!omap [a: 1]")
@example("!!binary 'é'")
def test_any_text_gives_a_document_or_a_config_error(text: str) -> None:
    message = ""
    try:
        parse_yaml(text, origin="f")
    except ConfigError as error:
        message = str(error)
    assert not message or message.startswith("f: ")
    assert "\n" not in message
