"""Finished cells, one JSON object a line, so that a run can go on where it stopped."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import msgspec

from adaptive.errors import ConfigError
from experiments.scoreboard.bounds import KnownBound
from experiments.scoreboard.play import Played, Row


class Journal:
    """What was played under one configuration.

    Parameters
    ----------
    path
        The file; begun if it is not there.
    signature
        A hash of all that rows depend on; lines of another one are not taken up.

    Raises
    ------
    ConfigError
        If the file cannot be read or written.
    """

    def __init__(self, path: Path, signature: str) -> None:
        self._path = path
        self._signature = signature
        self.rows: dict[str, tuple[Row, ...]] = {}
        self.bounds: dict[str, KnownBound] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        except OSError as error:
            raise ConfigError(f"{path}: cannot use the journal: {error.strerror}") from error
        for line in lines:
            self._take(line)

    def _take(self, line: str) -> None:
        """Take up a line; one that was cut off when a run was stopped counts as not there."""
        try:
            entry = json.loads(line)
            bounds = {k: KnownBound(*b) for k, b in entry["bounds"].items()}
            if entry["signature"] == self._signature:
                rows = tuple(msgspec.convert(row, Row) for row in entry["rows"])
                self.rows[entry["cell"]] = rows
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        self.bounds |= bounds  # they carry their own hash

    def add(self, played: Played) -> None:
        """Write a finished cell down; rows of governors that were not played anew are kept."""
        anew = {row.governor for row in played.rows}
        kept = [r for r in self.rows.get(played.cell.key, ()) if r.governor not in anew]
        rows = (*played.rows, *kept)
        entry = {
            "signature": self._signature,
            "cell": played.cell.key,
            "rows": [asdict(row) for row in rows],
            "bounds": _plain(played.bounds),
        }
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot write: {error.strerror}") from error
        self.rows[played.cell.key] = rows
        self.bounds |= dict(played.bounds)


def _plain(bounds: Mapping[str, KnownBound]) -> dict[str, list[float | bool]]:
    return {key: [b.bound, b.feasible, b.infeasible] for key, b in bounds.items()}
