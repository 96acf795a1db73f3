"""Walking and changing nested documents, as YAML gives them."""

import copy
from collections.abc import Iterator

Path = tuple[str | int, ...]


def paths(document: object, at: Path = ()) -> Iterator[Path]:
    """Yield the path of every part of a document, its root excepted."""
    if at:
        yield at
    if isinstance(document, dict):
        for key, part in document.items():
            yield from paths(part, (*at, key))
    elif isinstance(document, list):
        for index, part in enumerate(document):
            yield from paths(part, (*at, index))


def part(document: object, at: Path) -> object:
    """Return what is at a path."""
    for step in at:
        document = document[step]  # type: ignore[index]
    return document


def replaced(document: object, at: Path, value: object) -> object:
    """Return a copy with another value at a path."""
    changed = copy.deepcopy(document)
    part(changed, at[:-1])[at[-1]] = value  # type: ignore[index]
    return changed


def removed(document: object, at: Path) -> object:
    """Return a copy without what is at a path."""
    changed = copy.deepcopy(document)
    del part(changed, at[:-1])[at[-1]]  # type: ignore[attr-defined]
    return changed


def spelt(at: Path) -> str:
    """Return a path as error messages spell it: `islands[0].opps[3].voltage_v`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at)
    return text.lstrip(".")
