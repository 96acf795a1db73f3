"""Which network is run: named, and opened and checked in a process of its own.

What it takes to open an artifact and check its seal (a cryptographic library, a zip reader, the
weights) is as much again as half of what the daemon needs to govern. So the daemon has it done by
a child, which answers with the table of operating points and ends.
"""

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from adaptive.errors import ConfigError
from adaptive.operating_point import OperatingPointTable, decode_points

_PATIENCE_S = 120.0
Text = Annotated[str, Meta(min_length=1, max_length=4096)]


class NetworkEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A network to run: bundled name or file, and its operating points if they are measured."""

    artifact: Text
    points: Text | None = None
    images_per_frame: Annotated[int, Meta(ge=1, le=100_000)] = 1


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The network that is run.

    Attributes
    ----------
    artifact
        Its name.
    table
        Its operating points.
    skipped
        What cannot be run, networks and points, each with the reason.
    """

    artifact: str
    table: OperatingPointTable
    skipped: tuple[tuple[str, str], ...]


class Question(msgspec.Struct, frozen=True):
    """What the child is asked."""

    board: str
    networks: tuple[NetworkEntry, ...]


class Answer(msgspec.Struct, frozen=True):
    """What the child answers."""

    artifact: str
    points: str
    skipped: tuple[tuple[str, str], ...]


def choose_in_child(board: str, networks: tuple[NetworkEntry, ...]) -> Chosen:
    """Return the first network that can be run, found by `adaptive.daemon.fitting` in a child.

    Raises
    ------
    ConfigError
        If the board file is wrong, or no network can be run.
    """
    isolated = ["-I"] if sys.flags.isolated else []
    child = subprocess.run(
        [sys.executable, *isolated, "-m", "adaptive.daemon.fitting"],
        input=msgspec.json.encode(Question(board, networks)),
        capture_output=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    if child.returncode != 0:
        said = " ".join(child.stderr.decode(errors="replace").split())
        raise ConfigError(said or f"networks: their check ended with code {child.returncode}")
    answer = msgspec.json.decode(child.stdout, type=Answer)
    table = decode_points(answer.points.encode(), origin="networks")
    return Chosen(answer.artifact, table, answer.skipped)
