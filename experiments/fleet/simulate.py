"""Running a fleet: squads of boards, each simulated at once, wherever an executor puts them."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from adaptive.errors import ConfigError
from adaptive.search.executors.protocol import Executor
from adaptive.search.executors.serial import SerialExecutor
from experiments.fleet.governors import build_fleet_governor
from experiments.fleet.platform import FleetPlatform
from experiments.fleet.tally import BoardResults, Course, Tally, joined, joined_courses
from experiments.mismatch import DrawnBoard, Mismatch, draw_board
from experiments.scenario_file import load_scenario
from experiments.starts import start_degc
from experiments.study import (
    DEFAULT_SCENARIO,
    HOT_START_BELOW_K,
    Study,
    input_files,
    prepare,
)
from experiments.workloads import Workload

FLEET_MISMATCH = Mismatch(ambient_k=(-5.0, 5.0))
"""How far a fleet's boards are from their file where the scenario does not say."""

SQUAD = 256
"""Boards simulated at once: their matrices stay within a processor's cache."""


@dataclass(frozen=True, slots=True)
class FleetRequest:
    """What a fleet runs; names and files, so that it can be sent anywhere.

    Attributes
    ----------
    board, artifact, governor, scenario
        As of `experiments.study.simulate`.
    ambient_degc, cap_degc, minutes, points
        Likewise [degC], [degC], [min].
    mismatch
        How far boards may be from their file; the scenario's own word if left out, or else
        `FLEET_MISMATCH`.
    """

    board: str = "odroid-xu4"
    artifact: str = "digits"
    governor: str = "look-ahead"
    scenario: str = DEFAULT_SCENARIO
    ambient_degc: float | None = None
    cap_degc: float | None = None
    minutes: float | None = None
    points: str | None = None
    mismatch: Mismatch | None = None

    def study(self) -> Study:
        """Load what the boards share; ConfigError if something is wrong with it."""
        return prepare(
            board=self.board,
            artifact=self.artifact,
            scenario=self.scenario,
            ambient_degc=self.ambient_degc,
            cap_degc=self.cap_degc,
            minutes=self.minutes,
            points=None if self.points is None else Path(self.points),
        )

    def spread(self) -> Mismatch:
        """Return how far boards may be from their file."""
        return self.mismatch or load_scenario(self.scenario).content.drawn or FLEET_MISMATCH


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """A finished fleet.

    Attributes
    ----------
    results
        What each board came to.
    course
        How the runs went.
    draws
        What was drawn for each board, by name, each of shape (N,).
    length_s, cap_degc
        Of every run [s] and [degC].
    """

    results: BoardResults
    course: Course
    draws: dict[str, np.ndarray]
    length_s: float
    cap_degc: float

    def frame(self) -> pd.DataFrame:
        """Return a table, one row a board: what it came to, then what was drawn for it."""
        names = BoardResults.__slots__
        results = {name: getattr(self.results, name) for name in names}
        return pd.DataFrame(results | {f"drawn_{name}": v for name, v in self.draws.items()})

    def percentiles(self, at: Sequence[float] = (1, 5, 25, 50, 75, 95, 99)) -> pd.DataFrame:
        """Return percentiles over the boards, one row a percentile."""
        frame = self.frame()
        columns = [name for name in BoardResults.__slots__ if name not in ("seed", "shut_down")]
        rows = [frame[columns].quantile(p / 100, interpolation="higher").rename(p) for p in at]
        return pd.DataFrame(rows).rename_axis("percentile")


def simulate_fleet(
    request: FleetRequest,
    *,
    boards: int,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> Fleet:
    """Run one governor on many boards of a kind, each drawn from a seed of its own.

    Board `k` is the very board, stream and start that `experiments.study.prepare` gives for seed
    ``seed + k`` where the scenario asks for the same mismatch.

    Parameters
    ----------
    request
        What to run.
    boards
        How many boards.
    seed
        The first one's.
    executor
        Where to work; here by default.
    progress
        Called with the share of the boards that are done.

    Raises
    ------
    ConfigError
        If there are no boards, or something is wrong with the request.
    """
    if boards < 1:
        raise ConfigError(f"boards is {boards}, expected 1 or more")
    if seed < 0:
        raise ConfigError(f"seed is {seed}, expected 0 or more")
    study = request.study()  # what is wrong shows here, not in a worker
    build_fleet_governor(
        request.governor, plant=study.plant, points=study.points, scenario=study.scenario, boards=1
    )
    squads = list(_squads(seed, boards))
    parts = []
    for part in (executor or SerialExecutor()).map(run_squad, squads, shared=request):
        parts.append(part)
        progress(len(parts) / len(squads))
    return Fleet(
        results=joined([part.results for part in parts]),
        course=joined_courses([part.course for part in parts]),
        draws={
            name: np.concatenate([part.draws[name] for part in parts]) for name in parts[0].draws
        },
        length_s=parts[0].length_s,
        cap_degc=parts[0].cap_degc,
    )


def _squads(seed: int, boards: int) -> Iterator[tuple[int, ...]]:
    """Yield the seeds of each squad, of equal sizes as far as may be."""
    count = math.ceil(boards / SQUAD)
    for part in np.array_split(np.arange(seed, seed + boards), count):
        yield tuple(part.tolist())


@lru_cache(maxsize=1)
def _loaded(request: FleetRequest, _written: tuple[int, ...]) -> tuple[Study, Mismatch]:
    """Load what a worker needs, once while its files stay as they were written."""
    return request.study(), request.spread()


def run_squad(request: FleetRequest, seeds: Sequence[int]) -> Fleet:
    """Simulate the boards of some seeds at once; a task for an executor."""
    files = input_files(request.board, request.artifact, request.scenario, request.points)
    study, mismatch = _loaded(request, tuple(path.stat().st_mtime_ns for path in files))
    boards = [draw_board(study.plant, seed=seed, mismatch=mismatch) for seed in seeds]
    return simulate_boards(study, boards, seeds=seeds, governor=request.governor)


def simulate_boards(
    study: Study, boards: Sequence[DrawnBoard], *, seeds: Sequence[int], governor: str
) -> Fleet:
    """Simulate some boards at once.

    Parameters
    ----------
    study
        What they share.
    boards, seeds
        The boards as they truly are, and the seeds of their streams.
    governor
        Name or import path.
    """
    workloads = [reseeded(study.workload, seed) for seed in seeds]
    cap_degc, shared = study.scenario.cap_degc, study.workload
    starts = [
        start_degc(
            board.plant,
            study.points,
            board.surrounded(workload),
            start=study.start,
            below_degc=cap_degc - HOT_START_BELOW_K,
        )
        for board, workload in zip(boards, workloads, strict=True)
    ]
    platform = FleetPlatform(
        study.plant,
        boards,
        points=study.points,
        workloads=workloads,
        cap_degc=cap_degc,
        start_degc=np.array(starts),
    )
    policy = build_fleet_governor(
        governor,
        plant=study.plant,
        points=study.points,
        scenario=study.scenario,
        boards=len(boards),
    )
    tally = Tally(study.points, study.worth, workload=shared, boards=len(boards))
    everyone, deadline_s = np.ones(len(boards), dtype=bool), 0.0
    for period in range(shared.periods):
        platform.apply(policy.decide(platform.observe(), everyone))
        deadline_s += shared.period_s
        spans = platform.wait_until(deadline_s)
        tally.add(period, spans, platform.waiting)
    return Fleet(
        results=tally.results(seeds, platform.heat.on),
        course=tally.course(),
        draws=_draws(boards),
        length_s=shared.length_s,
        cap_degc=cap_degc,
    )


def reseeded(workload: Workload, seed: int) -> Workload:
    """Return a workload whose stream is drawn from another seed, if it is drawn at all."""
    demand = workload.demand
    if not hasattr(demand, "seed"):
        return workload
    return replace(workload, demand=replace(demand, seed=seed))  # type: ignore[type-var]


def _draws(boards: Sequence[DrawnBoard]) -> dict[str, np.ndarray]:
    rows = [
        {
            **board.factors,
            "resolution_k": board.plant.zones[0].resolution_k,
            "noise_k": board.sensing.noise_k,
            "lag_s": board.sensing.lag_s,
            "delay_s": board.actuator_delay_s,
            "warmer_k": board.warmer_k,
        }
        for board in boards
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
