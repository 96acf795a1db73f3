"""Every physical field says its unit, and the house keeps its small habits."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("adaptive", "dvfs", "thermal")
PHYSICAL = re.compile(r"_(s|hz|v|a|w|j|f|k|degc|k_per_w|j_per_k|w_per_k)$")


def documented_fields() -> Iterator[tuple[str, str, str]]:
    for package in PACKAGES:
        root = importlib.import_module(package)
        for info in pkgutil.walk_packages(root.__path__, f"{package}."):
            if info.name == "adaptive.engine.libadaptive_engine":
                continue  # a C library where the engine is built, no module
            module = importlib.import_module(info.name)
            for name, cls in inspect.getmembers(module, dataclasses.is_dataclass):
                if cls.__module__ != info.name or name.startswith("_"):
                    continue
                for field in dataclasses.fields(cls):
                    if PHYSICAL.search(field.name) and not field.name.startswith("_"):
                        yield f"{info.name}.{name}", field.name, inspect.getdoc(cls) or ""


FIELDS = list(documented_fields())


def test_there_are_physical_fields_to_check() -> None:
    assert len(FIELDS) > 20


@pytest.mark.parametrize(("where", "field", "doc"), FIELDS)
def test_a_physical_field_states_its_unit(where: str, field: str, doc: str) -> None:
    entry = re.search(rf"^(?:\w+, )*{field}(?:, \w+)*\n((?: {{4}}.*\n?)+)", doc, re.MULTILINE)
    if entry is None:
        pytest.fail(f"{where}.{field} is not described under Attributes or Parameters")
    assert re.search(r"\[[^\]]+\]", entry[1]), f"{where}.{field} states no [unit]"


@pytest.mark.parametrize("package", [*PACKAGES, "models", "experiments"])
def test_package_files_hold_a_docstring_and_nothing_else(package: str) -> None:
    for path in (ROOT / package).rglob("__init__.py"):
        text = path.read_text(encoding="utf-8").strip()
        assert re.fullmatch(r'"""[^"]+"""', text), path
