"""Playing a cell with a governor, and judging it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from adaptive.errors import ConfigError
from adaptive.governor.objective import Objective
from adaptive.governor.protocol import Governor
from adaptive.governor.static import Static, settled_peak_degc
from adaptive.loop import run
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.safety import SafetyGuard, SafetyLimits
from experiments.governors import make_governor
from experiments.mismatch import draw_board
from experiments.reward import score
from experiments.scoreboard.bounds import KnownBound, bound_key, find_bound
from experiments.scoreboard.cells import Cell, ScoreboardConfig, Setting, case, prepare

OURS = "predictive"
LARGEST_GAP = 0.015  # a bound less sharp than this is no measure
MOST_ABOVE_CAP = 1e-3  # share of a run that a junction may be above the cap
_STEP_S = 0.01  # between looks at the junctions


@dataclass(frozen=True, slots=True)
class Row:
    """What a governor came to in a cell; times above the cap are shares of the run."""

    governor: str
    board: str
    scenario: str
    start: str
    seed: int
    preview: bool
    reward: float
    share_of_bound: float | None
    share_cap: float | None
    bound_gap: float
    void: bool
    infeasible: bool
    time_above_cap: float
    time_above_cap_1k: float
    energy_per_correct_j: float | None
    stress: float
    ambient_degc: float
    hottest_k: float
    answered: float
    leaf_accuracy: float
    held_coolest: float


JSON_FIELDS = tuple(Row.__slots__)[:15]  # what `--json` prints; the rest is for the tables


@dataclass(frozen=True, slots=True)
class Work:
    """What every cell needs to be played.

    Attributes
    ----------
    config
        What is run.
    below_k
        How far below the cap each baseline's trip is, by governor and board [K].
    bounds
        Bounds known already.
    only
        Governors to play; all, if empty.
    """

    config: ScoreboardConfig
    below_k: Mapping[str, Mapping[str, float]]
    bounds: Mapping[str, KnownBound]
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Played:
    """The rows of a cell, and bounds that were not known before."""

    cell: Cell
    rows: tuple[Row, ...]
    bounds: Mapping[str, KnownBound]


def governor_names(config: ScoreboardConfig) -> tuple[str, ...]:
    """Return the governors that are played, ours first."""
    return (OURS, *config.baselines)


def play_cell(work: Work, cell: Cell) -> Played:
    """Bound a cell and play it with every governor, ours with a preview too where it is asked."""
    setting = prepare(work.config, cell)
    cap = setting.case.plant.cap_degc
    keys = [bound_key(setting, degc) for degc in (cap, cap - 1.0)]
    found = {
        key: work.bounds.get(key) or find_bound(setting, degc)
        for key, degc in zip(keys, (cap, cap - 1.0), strict=True)
    }
    players = [(name, False) for name in governor_names(work.config)]
    if cell.scenario.preview:
        players.append((OURS, True))
    if work.only:
        players = [player for player in players if player[0] in work.only]
    rows = tuple(
        play(
            work,
            cell,
            setting,
            governor=name,
            preview=preview,
            at_cap=found[keys[0]],
            below=found[keys[1]],
        )
        for name, preview in players
    )
    return Played(cell, rows, {k: b for k, b in found.items() if k not in work.bounds})


def play(
    work: Work,
    cell: Cell,
    setting: Setting,
    *,
    governor: str,
    preview: bool,
    at_cap: KnownBound,
    below: KnownBound,
) -> Row:
    """Play a cell with one governor and judge it by the bounds at the cap and 1 K below."""
    case_, workload = setting.case, setting.workload
    cap = case_.plant.cap_degc
    below_k = work.below_k.get(governor, {}).get(cell.board, 0.0)
    player = build(work.config, cell, setting, governor=governor, preview=preview, below_k=below_k)
    hotter = setting.board.platform(
        workload, cap_degc=cap, start_degc=setting.start_degc, step_s=_STEP_S
    )
    coolest, kept = case_.points.coolest, 0

    def count(point: OperatingPoint) -> None:
        nonlocal kept
        kept += point is coolest

    run(
        hotter,
        player,
        period_s=workload.period_s,
        stop=lambda: len(hotter.truth) >= workload.periods,
        record=lambda sample: count(sample.point),
    )
    peaks = [period.hottest_degc - cap for period in hotter.truth]
    # A period in which a junction passed cap + 1 K counts as a whole.
    above_1k = sum(peak > 1.0 for peak in peaks) / len(peaks)
    above = sum(period.over_cap_s for period in hotter.truth) / workload.length_s
    leaf = case_.artifact.labels.levels[0]
    scored = score(
        hotter.truth,
        case_.points,
        worth=case_.worth,
        period_s=workload.period_s,
        leaf_accuracy={m.effort: m.accuracy.get(leaf, 0.0) for m in case_.artifact.measured},
    )
    infeasible = below.infeasible or at_cap.infeasible
    measured = not infeasible and below.gap <= LARGEST_GAP

    def share(bound: KnownBound) -> float | None:
        return round(scored.reward / bound.bound, 5) if measured and bound.bound else None

    energy_j = scored.energy_per_correct_j
    return Row(
        governor=governor,
        board=cell.board,
        scenario=cell.scenario.name,
        start=cell.start.value,
        seed=cell.seed,
        preview=preview,
        reward=round(scored.reward, 5),
        share_of_bound=share(below),
        share_cap=share(at_cap),
        bound_gap=round(below.gap, 5),
        void=not infeasible and (above_1k > 0.0 or above > MOST_ABOVE_CAP),
        infeasible=infeasible,
        time_above_cap=round(above, 6),
        time_above_cap_1k=round(above_1k, 6),
        energy_per_correct_j=round(energy_j, 6) if math.isfinite(energy_j) else None,
        stress=cell.stress,
        ambient_degc=cell.ambient_degc,
        hottest_k=round(max(peaks), 3),
        answered=round(scored.answered, 5),
        leaf_accuracy=round(scored.leaf_accuracy, 5),
        held_coolest=round(kept / len(peaks), 4),
    )


def build(
    config: ScoreboardConfig,
    cell: Cell,
    setting: Setting,
    *,
    governor: str,
    preview: bool = False,
    below_k: float = 0.0,
) -> Governor:
    """Return a governor for a cell, set up with what is known beforehand."""
    case_, plant = setting.case, setting.case.plant
    if governor == "static-safe":
        point = static_safe(
            config,
            cell.board,
            cell.stress,
            cell.ambient_degc,
            demand_hz=setting.workload.demand.mean_hz,
        )
        return SafetyGuard(
            Static(point),
            case_.points.coolest,
            zones=tuple(zone.name for zone in plant.zones),
            limits=SafetyLimits(critical_degc=plant.critical_degc, watched=True),
        )
    return make_governor(
        governor,
        plant=plant,
        points=case_.points,
        scenario=setting.scenario,
        trip_degc=plant.cap_degc - below_k,
        objective=Objective(case_.worth.of_level, deadline_s=setting.workload.deadline_s),
        preview=setting.workload.demand_hz() if preview else None,
    )


@cache
def static_safe(
    config: ScoreboardConfig, board: str, stress: float, ambient_degc: float, *, demand_hz: float
) -> OperatingPoint:
    """Return the best point that is safe for ever on the worst of the boards drawn for tuning.

    Boards whose coolest point passes the cap are left out.

    Raises
    ------
    ConfigError
        If no point is safe on the others.
    """
    cased = case(config.artifact, config.images_per_frame, board, stress, ambient_degc)
    first = config.tuning.first_seed
    plants = [
        draw_board(cased.plant, seed=seed).plant
        for seed in range(first, first + config.tuning.draws)
    ]
    cap = cased.plant.cap_degc
    plants = [p for p in plants if _safe(p, cased.points.coolest, ambient_degc, cap)]
    ranked = sorted(
        cased.points,
        key=lambda p: (min(p.frames_hz, demand_hz) * cased.worth.of_frame(p), -p.power_w),
        reverse=True,
    )
    for point in ranked:
        if _safe_on_all(plants, point, ambient_degc, cap):
            return point
    raise ConfigError(f"board {board}: no point is safe at {ambient_degc:g} degC")


def _safe(plant: Plant, point: OperatingPoint, ambient_degc: float, cap_degc: float) -> bool:
    return settled_peak_degc(plant, point, ambient_degc=ambient_degc) <= cap_degc


def _safe_on_all(
    plants: list[Plant], point: OperatingPoint, ambient_degc: float, cap_degc: float
) -> bool:
    """Ask the board that last refused first."""
    for index, plant in enumerate(plants):
        if not _safe(plant, point, ambient_degc, cap_degc):
            plants.insert(0, plants.pop(index))
            return False
    return True


def is_void(rows: Sequence[Row]) -> bool:
    """Say whether any of some runs passed the cap as it must not."""
    return any(row.void for row in rows)
