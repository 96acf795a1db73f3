"""What HotSpot's text files have in common: lines, words, numbers, and errors that say where."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ZERO_CELSIUS_K = 273.15


class HotSpotInputError(ValueError):
    """A file that is malformed or asks for something else than the block model."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds something.

    Attributes
    ----------
    where
        File and line number, as errors name them.
    words
        Its words, at least one.
    """

    where: str
    words: tuple[str, ...]

    def error(self, problem: str) -> HotSpotInputError:
        """Return an error that names the line."""
        return HotSpotInputError(f"{self.where}: {problem}")


def lines(text: str, file: str) -> Iterator[Line]:
    """Yield the lines that are neither blank nor a comment (first character ``#``)."""
    for number, line in enumerate(text.split("\n"), start=1):
        words = tuple(line.split())
        if words and not words[0].startswith("#"):
            yield Line(f"{file}:{number}", words)


def is_number(word: str) -> bool:
    """Return whether a word is a number as C reads one."""
    if "_" in word or not word.isascii():
        return False
    try:
        float(word)
    except ValueError:
        return False
    return True


def number(word: str, name: str, *, where: str) -> float:
    """Return a word as a finite number; HotSpotInputError otherwise."""
    if not is_number(word) or not math.isfinite(float(word)):
        raise HotSpotInputError(f"{where}: {name} is {word!r}, expected a finite number")
    return float(word)


def load_text(path: Path) -> str:
    """Return a file's text; HotSpotInputError if it cannot be read.

    Comments in old files hold whatever bytes their authors' editors wrote: what is not UTF-8 is
    taken as Latin-1.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HotSpotInputError(f"{path}: {error.strerror}, expected a readable file") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
