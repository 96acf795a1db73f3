"""Work for executors; in a module of its own, so that other processes can import it."""

import os
import signal
from pathlib import Path
from typing import Any


def scaled(factor: int, item: int) -> int:
    return factor * item


def failing(shared: None, item: int) -> int:
    if item == 3:
        raise ValueError("item 3 is no good")
    return item


def dying_once(marker: Path, item: int) -> int:
    """Take the worker down with item 5, the first time."""
    if item == 5 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def dying_always(shared: Any, item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def process_of(shared: Any, item: int) -> int:
    return os.getpid()


def object_of_its_own() -> list[int]:
    return [1, 2, 3]
