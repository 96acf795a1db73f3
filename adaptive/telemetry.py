"""Samples of a run as rows: CSV or JSON lines, one object a control period."""

import csv
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from adaptive.errors import ConfigError
from adaptive.loop import Sample

Row = dict[str, str | float | int | None]


def to_row(sample: Sample) -> Row:
    """Flatten a sample; every physical column ends in its unit, zones come last."""
    seen, point = sample.observation, sample.point
    row: Row = {
        "time_s": round(seen.time_s, 6),
        "point": point.name,
        "plan": point.effort.code,
        "level": point.level,
        "cores": point.cores,
        "frequency_hz": point.frequency_hz,
        "duty": point.duty,
        "demand_hz": seen.demand_hz,
        "served_hz": seen.served_hz,
        "latency_s": seen.latency_s,
        "backlog": seen.backlog,
        "power_w": seen.power_w,
    }
    for zone, temp in seen.temps_degc.items():
        row[f"zone_{zone}_degc"] = temp if math.isfinite(temp) else None
    return row


@contextmanager
def open_telemetry(path: Path) -> Iterator[Callable[[Sample], None]]:
    """Open a telemetry file and yield the function that records a sample into it.

    The file's ending chooses the format: ``.csv``, or ``.jsonl`` for JSON lines. Rows go to
    ``<path>.partial`` and appear under their own name only once the run has ended well.

    Raises
    ------
    ConfigError
        If the ending is neither, or the file cannot be written.
    """
    if path.suffix not in {".csv", ".jsonl"}:
        raise ConfigError(f"{path}: telemetry ends in {path.suffix!r}, expected .csv or .jsonl")
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            yield _csv_writer(stream) if path.suffix == ".csv" else _jsonl_writer(stream)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot write telemetry: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _csv_writer(stream: TextIO) -> Callable[[Sample], None]:
    writer: csv.DictWriter[str] | None = None

    def record(sample: Sample) -> None:
        nonlocal writer
        row = to_row(sample)
        if writer is None:
            # Zones that appear later have no column: a board's zones are known at the start.
            writer = csv.DictWriter(stream, list(row), extrasaction="ignore")
            writer.writeheader()
        writer.writerow(row)

    return record


def _jsonl_writer(stream: TextIO) -> Callable[[Sample], None]:
    def record(sample: Sample) -> None:
        stream.write(json.dumps(to_row(sample), allow_nan=False) + "\n")

    return record
