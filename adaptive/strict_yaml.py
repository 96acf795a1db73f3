"""YAML for people: no surprises, and every fault is one line that says where."""

import math
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from adaptive.errors import ConfigError

_Kind = TypeVar("_Kind")


class _Loader(yaml.SafeLoader):
    """A safe loader without aliases or repeated keys, in which `1e9` is a number."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        # Without `deep` nested values are filled in later; the keys alone decide about repeats.
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = (key_node.tag, str(key_node.value))
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key_node.value!r} is given twice",
                    problem_mark=key_node.start_mark,
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 1e9 and 4.4e10 as text; everybody else reads a number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def load_yaml(path: Path) -> object:
    """Return the content of a YAML file.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not YAML (with the line), or holds a number that is not
        finite (with its path in the file).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path}: cannot be read: {reason}, expected a text file") from error
    return parse_yaml(text, origin=str(path))


def parse_yaml(text: str, *, origin: str) -> object:
    """Return the content of YAML text; errors as `load_yaml`, with `origin` for the file name."""
    try:
        content: object = yaml.load(text, Loader=_Loader)
        if path := _non_finite("", content):
            raise ConfigError(f"{origin}: {path} is not finite, expected a finite number")
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: {_line(error)}, expected valid YAML") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        # What PyYAML lets through for a malformed tag or an absurd number.
        raise ConfigError(f"{origin}: {_one_line(error)}, expected valid YAML") from error
    except RecursionError as error:
        raise ConfigError(f"{origin}: nested too deeply, expected a flat file") from error
    return content


def convert_yaml(content: object, kind: type[_Kind], *, origin: str) -> _Kind:
    """Return parsed YAML as a struct or dataclass, strictly.

    Raises
    ------
    ConfigError
        If it is no such thing; names `origin`, the field, its value and what was expected.
    """
    try:
        return msgspec.convert(content, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: {_describe(str(error), content)}") from error


_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)


def _describe(message: str, content: object) -> str:
    """Turn a msgspec message into: field path, value, expectation, on one line."""
    match = _AT.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    what = " ".join(what.replace("`", "'").split())
    field = path.lstrip(".") or "the file"
    missing = re.search(r"field '(?P<name>[^']*)'", what)
    if missing:
        inner = missing["name"] if field == "the file" else f"{field}.{missing['name']}"
        return f"{inner}: {what[0].lower()}{what[1:]}"
    return f"{field} is {_value_at(content, path)}: {what[0].lower()}{what[1:]}"


def _value_at(content: object, path: str) -> str:
    """Return the value at a path such as `.islands[0].opps[3].voltage_v`, shortened."""
    value: Any = content
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path):
        value = value[int(index)] if index else value[name]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _non_finite(path: str, value: object) -> str:
    """Return the path of the first number that is NaN or infinite, or an empty text."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else path or "the file"
    if isinstance(value, dict):
        parts = [(f"{path}.{key}" if path else str(key), part) for key, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    else:
        return ""
    return next((found for at, part in parts if (found := _non_finite(at, part))), "")


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return where + _one_line(getattr(error, "problem", None) or error)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
