"""Lowering each baseline's trip in steps of 0.5 K until it keeps the cap, on boards of its own."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.governor.static import settled_peak_degc
from adaptive.strict_yaml import load_yaml
from experiments.scoreboard.bounds import KnownBound
from experiments.scoreboard.cells import Cell, ScoreboardConfig, Setting, cells, prepare
from experiments.scoreboard.play import Work, play

Kelvin = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]
STORED = Path(__file__).with_name("trips.yaml")
STEP_K = 0.5
_MOST_STEPS = 64
_NONE = KnownBound(0.0, 0.0, False)  # no run is scored here
# They know no temperature, or no trip.
TRIPLESS = ("static-safe", "static-fastest", "ondemand", "schedutil")

_HEADER = """\
# How far below the cap each baseline's trip must be to keep it on the boards drawn for tuning [K].
# Written by `python -m experiments.scoreboard --tune`; no score is taken from those boards.
"""


def tuning_cells(config: ScoreboardConfig, board: str) -> list[Cell]:
    """Return the runs that a board's trips are lowered on."""
    tuning = config.tuning
    scenarios = tuple(s for s in config.scenarios if s.name in tuning.scenarios)
    chosen = replace(config, scenarios=scenarios, length_s=tuning.length_s)
    seeds = range(tuning.first_seed, tuning.first_seed + 2)
    return [cell for cell in cells(chosen, seeds) if cell.board == board]


def can_keep(setting: Setting) -> bool:
    """Say whether the coolest point, kept for ever, keeps the cap."""
    cap = setting.case.plant.cap_degc
    coolest = setting.case.points.coolest
    hottest_degc = setting.scenario.ambient_degc
    return settled_peak_degc(setting.board.plant, coolest, ambient_degc=hottest_degc) <= cap


class _Trial:
    """The tuning runs of a governor on a board."""

    def __init__(self, config: ScoreboardConfig, governor: str, board: str) -> None:
        self._config, self._governor, self._board = config, governor, board
        self._runs = [
            (cell, setting)
            for cell in tuning_cells(config, board)
            if can_keep(setting := prepare(config, cell))
        ]
        self._mendable: set[str] = set()

    def keeps_all(self, steps: int) -> bool:
        """Say whether a trip so many steps below the cap keeps it in every run.

        Runs in which not even the lowest trip does, as where a governor begins a hot start at full
        speed, are left out.
        """
        for run in list(self._runs):
            cell, _ = run
            if self._keeps(steps, run):
                continue
            self._runs.remove(run)
            if cell.key in self._mendable or self._keeps(_MOST_STEPS, run):
                self._mendable.add(cell.key)
                self._runs.insert(0, run)  # the likeliest to refuse the next
                return False
        return True

    def _keeps(self, steps: int, run: tuple[Cell, Setting]) -> bool:
        work = Work(self._config, {self._governor: {self._board: STEP_K * steps}}, {})
        row = play(work, *run, governor=self._governor, preview=False, at_cap=_NONE, below=_NONE)
        return not row.void


def lowered_k(config: ScoreboardConfig, governor: str) -> dict[str, float]:
    """Return the least distance of the trip from the cap, in steps, that keeps it on each board.

    A lower trip is taken to be cooler: on each board the step is looked for around that of the
    board before, ever further away, then by halving.
    """
    found: dict[str, float] = {}
    steps = 0
    for board in config.boards:
        keeps = _Trial(config, governor, board).keeps_all
        stride = 1
        if keeps(steps):
            low, high = steps, steps
            while low > 0 and keeps(low := max(high - stride, 0)):
                high, stride = low, 2 * stride
        else:
            low = high = steps
            while high < _MOST_STEPS and not keeps(high := min(low + stride, _MOST_STEPS)):
                low, stride = high, 2 * stride
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if keeps(middle) else (middle, high)
        steps = high
        found[board] = STEP_K * steps
    return found


def with_trips(config: ScoreboardConfig) -> list[str]:
    """Return the baselines that have a trip to lower."""
    return [governor for governor in config.baselines if governor not in TRIPLESS]


def save_trips(table: Mapping[str, Mapping[str, float]], path: Path = STORED) -> None:
    """Write how far trips are to be lowered."""
    plain = {governor: dict(boards) for governor, boards in table.items()}
    body = yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=200)
    write_atomically(path, (_HEADER + body).encode())


def load_trips(config: ScoreboardConfig, path: Path = STORED) -> Mapping[str, Mapping[str, float]]:
    """Read how far trips are to be lowered.

    Raises
    ------
    ConfigError
        If the file cannot be read, or lacks a baseline or a board.
    """
    try:
        table = msgspec.convert(load_yaml(path), dict[str, dict[str, Kelvin]])
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    for governor in with_trips(config):
        for board in config.boards:
            if board not in table.get(governor, {}):
                raise ConfigError(
                    f"{path}: {governor}: {board} is missing; "
                    "run python -m experiments.scoreboard --tune"
                )
    return table
