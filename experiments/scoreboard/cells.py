"""What is run: cells of board, case, scenario, start and seed, and what each is made of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Literal

import numpy as np

from adaptive.artifact import Artifact, load_artifact
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.errors import ConfigError
from adaptive.governor.candidates import sustainable_power_w
from adaptive.governor.static import fastest
from adaptive.operating_point import OperatingPointTable
from adaptive.plant import Plant
from adaptive.surroundings import cooled
from experiments.mismatch import NONE, DrawnBoard, draw_board
from experiments.reward import Worth
from experiments.scenarios import Bursts, Scenario
from experiments.starts import Start, start_degc
from experiments.surroundings import Ambient, AmbientDay, AmbientRamp
from experiments.workloads import Constant, Demand, Diurnal, Poisson, Video, Workload
from thermal.network import Vector

Stream = Literal["constant", "diurnal", "bursts", "poisson", "video"]
_REGIONS = 4.0  # regions of a picture of the video
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class ScenarioEntry:
    """One scenario; see the comments in ``scoreboard.yaml``."""

    name: str
    stream: Stream
    load: float
    rise_k: float = 0.0
    day_k: float = 0.0
    preview: bool = False


@dataclass(frozen=True, slots=True)
class QuickEntry:
    """What `--quick` runs instead."""

    boards: tuple[str, ...]
    seeds: int
    length_s: float


@dataclass(frozen=True, slots=True)
class TuningEntry:
    """Runs that trips are lowered on, and how many boards a static point must be safe on."""

    first_seed: int
    scenarios: tuple[str, ...]
    length_s: float
    draws: int


@dataclass(frozen=True, slots=True)
class ScoreboardConfig:
    """What to run; see the comments in ``scoreboard.yaml``."""

    artifact: str
    images_per_frame: int
    boards: tuple[str, ...]
    stresses: tuple[float, ...]
    ambients_degc: tuple[float, ...]
    scenarios: tuple[ScenarioEntry, ...]
    length_s: float
    seeds: int
    mismatch: bool
    baselines: tuple[str, ...]
    quick: QuickEntry
    tuning: TuningEntry

    def __post_init__(self) -> None:
        for name in ("boards", "stresses", "ambients_degc", "scenarios"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty, expected at least one")
        if not all(0.0 < stress <= 1.0 for stress in self.stresses):
            raise ValueError(f"stresses is {self.stresses}, expected all above 0, at most 1")
        if self.seeds < 1:
            raise ValueError(f"seeds is {self.seeds}, expected 1 or more")

    def shortened(self) -> "ScoreboardConfig":
        """Return what `--quick` runs."""
        quick = self.quick
        return replace(self, boards=quick.boards, seeds=quick.seeds, length_s=quick.length_s)


@dataclass(frozen=True, slots=True)
class Cell:
    """One run, whatever governor is in it."""

    board: str
    scenario: ScenarioEntry
    stress: float
    ambient_degc: float
    start: Start
    seed: int
    length_s: float

    @property
    def key(self) -> str:
        """A name that tells it from all others."""
        return (
            f"{self.board}/{self.scenario.name}/{self.stress:g}/{self.ambient_degc:g}/"
            f"{self.start.value}/{self.seed}/{self.length_s:g}"
        )


def cells(config: ScoreboardConfig, seeds: range | None = None) -> Iterator[Cell]:
    """Yield the cells, seed by seed, so that whatever part is run is balanced.

    Board, scenario and seed are crossed. Stress, ambient and start go round with them: eighteen
    seeds meet every combination of three stresses, three ambients and two starts on every board
    in every scenario.
    """
    around = list(product(config.stresses, config.ambients_degc, Start))
    for seed in seeds or range(config.seeds):
        for (b, board), (s, entry) in product(
            enumerate(config.boards), enumerate(config.scenarios)
        ):
            stress, ambient, start = around[(seed + 7 * b + 5 * s) % len(around)]
            yield Cell(board, entry, stress, ambient, start, seed, config.length_s)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A board in its case, as its file and the governors have it.

    Attributes
    ----------
    plant
        The board.
    artifact, points, worth
        The network, what it can run, and what its answers are worth.
    """

    plant: Plant
    artifact: Artifact
    points: OperatingPointTable
    worth: Worth


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A cell made ready: the true board, where it starts, and what is known beforehand."""

    case: Case
    board: DrawnBoard
    workload: Workload
    start_degc: Vector
    scenario: Scenario


@cache
def case(artifact: str, images_per_frame: int, board: str, stress: float, ambient: float) -> Case:
    """Return a board in the case that a stress and an ambient call for.

    Raises
    ------
    ConfigError
        If no case does.
    """
    network, plant = load_artifact(artifact), load_board(board)
    point = fastest(build_points(plant, network, images_per_frame=images_per_frame))
    at_cap = np.full(len(plant.network.nodes), plant.cap_degc)
    own = [plant.network.index(block) for block in plant.cluster(point.cores).blocks]
    full_w = plant.node_power_w(point.islands, {point.cores: 1.0}, at_cap)[own].sum()
    others_w = (
        plant.node_power_w({}, {}, at_cap).sum() - plant.node_power_w({}, {}, at_cap)[own].sum()
    )

    def share(factor: float) -> float:
        cased = replace(plant, network=cooled(plant.network, factor))
        sustained_w = sustainable_power_w(
            cased, point.cores, ambient_degc=ambient, limit_degc=plant.cap_degc
        )
        return float((sustained_w - others_w) / full_w)

    low, high = 1e-3, 1e4
    if not share(low) <= stress <= share(high):
        raise ConfigError(
            f"board {board}: no case sustains {stress:g} of full power at {ambient:g} degC ambient"
        )
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if share(middle) < stress else (low, middle)
    cased = replace(plant, network=cooled(plant.network, high))
    points = build_points(cased, network, images_per_frame=images_per_frame)
    return Case(cased, network, points, Worth.of_tree(network.labels))


def make_demand(stream: Stream, mean_hz: float, *, seed: int, length_s: float) -> Demand:
    """Return a stream of a kind with a mean demand [Hz]; a day is as long as the run."""
    if stream == "constant":
        return Constant(mean_hz)
    if stream == "diurnal":
        return Diurnal(mean_hz, day_s=length_s, phase=0.75)
    if stream == "bursts":
        return Bursts(mean_hz, seed=seed)
    if stream == "poisson":
        return Poisson(mean_hz, seed=seed)
    return Video(mean_hz / _REGIONS, regions=_REGIONS, seed=seed)


def prepare(config: ScoreboardConfig, cell: Cell) -> Setting:
    """Draw the true board of a cell and set its run up."""
    cased = case(
        config.artifact, config.images_per_frame, cell.board, cell.stress, cell.ambient_degc
    )
    entry, hottest = cell.scenario, cell.ambient_degc
    demand = make_demand(
        entry.stream,
        entry.load * fastest(cased.points).frames_hz,
        seed=cell.seed,
        length_s=cell.length_s,
    )
    ambient: Ambient = AmbientRamp(hottest - entry.rise_k, hottest)
    if entry.day_k:
        ambient = AmbientDay(hottest - entry.day_k, hottest)
    workload = Workload(entry.name, cell.length_s, demand, ambient)
    board = draw_board(cased.plant, seed=cell.seed, mismatch=None if config.mismatch else NONE)
    cap = cased.plant.cap_degc
    return Setting(
        case=cased,
        board=board,
        workload=workload,
        start_degc=start_degc(
            board.plant, cased.points, workload, start=cell.start, below_degc=cap - 1.0
        ),
        scenario=Scenario(
            ambient_degc=hottest, cap_degc=cap, length_s=cell.length_s, demand=demand
        ),
    )
