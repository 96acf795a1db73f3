"""What a reader makes of a text that may be no such file."""

from collections.abc import Callable
from typing import TypeVar

from thermal.hotspot.text import HotSpotInputError

_Read = TypeVar("_Read")


def read_or_refusal(read: Callable[[], _Read]) -> _Read | str:
    """Return what is read, or the message with which it is refused."""
    try:
        return read()
    except HotSpotInputError as error:
        return str(error)


def in_one_line(message: str, file: str) -> bool:
    """Return whether a message is one line that names the file first."""
    return "\n" not in message and message.startswith(f"{file}:")
