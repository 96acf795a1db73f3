"""One governor in one scenario with one seed: simulated once, kept, found again."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from adaptive.files import write_atomically
from adaptive.search.executors.protocol import Executor
from experiments.outcome import Run
from experiments.study import Study, input_files, prepare

_BINS = 240  # what a picture of a run can show


@dataclass(frozen=True, slots=True)
class CellRequest:
    """What a cell runs, as names and files; see `experiments.study.simulate`."""

    board: str
    artifact: str
    governor: str
    scenario: str
    seed: int
    ambient_degc: float | None = None
    cap_degc: float | None = None
    minutes: float | None = None
    points: str | None = None

    def key(self, origin: Mapping[str, object]) -> str:
        """Return a name for the cell's file: another request or origin gives another name."""
        text = json.dumps([asdict(self), origin], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]


class Cell(msgspec.Struct, frozen=True):
    """What a cell came to.

    Attributes
    ----------
    governor, scenario, seed
        Which cell.
    row
        Its figures by name; None where there is no finite one.
    course
        How it went, in bins: by column, one number a bin.
    """

    governor: str
    scenario: str
    seed: int
    row: dict[str, float | None]
    course: dict[str, list[float | None]]


def run_cells(
    requests: Sequence[CellRequest],
    folder: Path,
    *,
    origin: Mapping[str, object],
    executor: Executor,
    progress: Callable[[float], None],
) -> list[Cell]:
    """Return all cells, those found in a folder first of all; each new one is kept there.

    Parameters
    ----------
    requests
        What to run.
    folder
        Where cells are kept.
    origin
        What results depend on besides the request: commit, versions, sums of the inputs.
    executor
        Where to work.
    progress
        Called with the share of the cells that are there.
    """
    paths = [folder / f"{request.key(origin)}.json" for request in requests]
    missing = [(r, p) for r, p in zip(requests, paths, strict=True) if _load(p) is None]
    done = len(requests) - len(missing)
    progress(done / len(requests))
    results = executor.map(run_cell, [request for request, _ in missing], shared=None)
    for cell, (_, path) in zip(results, missing, strict=True):
        write_atomically(path, msgspec.json.encode(cell))
        done += 1
        progress(done / len(requests))
    return [kept for path in paths if (kept := _load(path)) is not None]


def _load(path: Path) -> Cell | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Cell)
    except (OSError, msgspec.DecodeError):
        return None  # not there, or not whole: run it (again)


def run_cell(_shared: None, request: CellRequest) -> Cell:
    """Simulate a cell; a task for an executor."""
    files = input_files(request.board, request.artifact, request.scenario, request.points)
    shared = replace(request, governor="")
    study = _study(shared, tuple(path.stat().st_mtime_ns for path in files))
    run = study.simulate(request.governor, study.governor(request.governor))
    return Cell(
        governor=request.governor,
        scenario=study.workload.name,
        seed=request.seed,
        row=_row(run, study.workload.length_s),
        course=_course(run, study.workload.period_s),
    )


@lru_cache(maxsize=1)
def _study(request: CellRequest, _written: tuple[int, ...]) -> Study:
    """Load what the governors of a scenario and seed share, while its files stay as written."""
    return prepare(
        board=request.board,
        artifact=request.artifact,
        scenario=request.scenario,
        seed=request.seed,
        ambient_degc=request.ambient_degc,
        cap_degc=request.cap_degc,
        minutes=request.minutes,
        points=None if request.points is None else Path(request.points),
    )


def _row(run: Run, length_s: float) -> dict[str, float | None]:
    summary = run.summary
    score, waiting = summary.score, summary.waiting
    arrived = max(sum(period.arrived for period in run.truth), 1)
    leaf = next(iter(summary.accuracy.values()))
    values = {
        "reward": score.reward,
        "answered": score.answered,
        "dropped": summary.dropped / arrived,
        "leaf_accuracy": leaf,
        "energy_j": summary.energy_j,
        "energy_per_correct_j": score.energy_per_correct_j,
        "peak_degc": summary.peak_degc,
        "cap_degc": summary.cap_degc,
        "time_above_cap_s": summary.time_above_cap_s,
        "time_above_cap": summary.time_above_cap_s / length_s,
        "latency_mean_s": waiting.mean_s,
        "latency_p99_s": waiting.p99_s,
        "backlog_peak": float(waiting.backlog),
    }
    return {name: _finite(value) for name, value in values.items()}


def _course(run: Run, period_s: float) -> dict[str, list[float | None]]:
    """Average over bins; temperatures keep their maximum."""
    frame = run.frame()
    bins = min(_BINS, len(frame))
    grouped = frame.groupby(np.arange(len(frame)) * bins // len(frame))
    arrived, best = grouped["arrived"].sum(), grouped["earned"].sum()
    columns = {
        "time_s": grouped["time_s"].max(),
        "hottest_degc": grouped["hottest_degc"].max(),
        "bits": grouped["bits"].mean(),
        "frequency_hz": (frame["frequency_hz"] * (frame["duty"] > 0.0))
        .groupby(grouped.ngroup())
        .mean(),
        "fine": (frame["level"] == frame["level"].iloc[0]).groupby(grouped.ngroup()).mean(),
        "arrived_hz": arrived / (grouped.size() * period_s),
        "reward": best / arrived.where(arrived > 0),
    }
    return {name: [_finite(v) for v in series.tolist()] for name, series in columns.items()}


def _finite(value: float) -> float | None:
    return float(f"{value:.9g}") if math.isfinite(value) else None
