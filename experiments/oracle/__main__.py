"""The offline bound of a small set of runs: ``python -m experiments.oracle [--json]``.

For each run: what no governor can beat at the cap and 1 K below it, what a schedule with perfect
foresight reaches on the true board, and the gap between (`experiments.oracle.search`). One line a
run, as it is found.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from adaptive.artifact import load_artifact
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.errors import ConfigError
from experiments.mismatch import NONE, draw_board
from experiments.oracle.search import offline_bound
from experiments.reward import Worth
from experiments.scenarios import Bursts
from experiments.starts import Start, start_degc
from experiments.study_config import exit_code, read_config
from experiments.surroundings import AmbientRamp
from experiments.workloads import Constant, Demand, Diurnal, Poisson, Video, Workload

Stream = Literal["constant", "diurnal", "bursts", "poisson", "video"]
_REGIONS = 4.0  # regions of a picture of the video


@dataclass(frozen=True, slots=True)
class ScenarioEntry:
    """One scenario: a stream, its load over the fastest point's rate, and an ambient step."""

    name: str
    stream: Stream
    load: float
    ambient_degc: tuple[float, float]


@dataclass(frozen=True, slots=True)
class OracleConfig:
    """What to bound; see the comments in ``oracle.yaml``."""

    artifact: str
    images_per_frame: int
    boards: tuple[str, ...]
    scenarios: tuple[ScenarioEntry, ...]
    starts: tuple[Start, ...]
    seeds: tuple[int, ...]
    mismatch: bool
    length_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """The bound of one run; bounds are 0 where it is infeasible."""

    board: str
    scenario: str
    start: str
    seed: int
    bound: float
    bound_cap_minus_1k: float
    feasible: float
    gap: float
    infeasible: bool
    cpu_s: float


def make_demand(stream: Stream, mean_hz: float, *, seed: int) -> Demand:
    """Return a stream of a kind with a mean demand [Hz]."""
    if stream == "constant":
        return Constant(mean_hz)
    if stream == "diurnal":
        return Diurnal(mean_hz)
    if stream == "bursts":
        return Bursts(mean_hz, seed=seed)
    if stream == "poisson":
        return Poisson(mean_hz, seed=seed)
    return Video(mean_hz / _REGIONS, regions=_REGIONS, seed=seed)


def rows(config: OracleConfig) -> Iterator[Row]:
    """Yield the bound of each run: boards, then scenarios, starts and seeds."""
    artifact = load_artifact(config.artifact)
    worth = Worth.of_tree(artifact.labels)
    for name in config.boards:
        nominal = load_board(name)
        points = build_points(nominal, artifact, images_per_frame=config.images_per_frame).points
        fastest_hz = max(point.frames_hz for point in points)
        for entry, start, seed in (
            (e, st, s) for e in config.scenarios for st in config.starts for s in config.seeds
        ):
            board = draw_board(nominal, seed=seed, mismatch=None if config.mismatch else NONE)
            try:
                workload = Workload(
                    name=entry.name,
                    length_s=config.length_s,
                    demand=make_demand(entry.stream, entry.load * fastest_hz, seed=seed),
                    ambient=AmbientRamp(*entry.ambient_degc),
                )
            except ValueError as error:
                raise ConfigError(f"scenario {entry.name}: {error}") from error
            cap = board.plant.cap_degc
            begin = start_degc(board.plant, points, workload, start=start, below_degc=cap - 1.0)
            at_cap, below = (
                offline_bound(
                    board.plant, points, workload, worth=worth, start_degc=begin, cap_degc=degc
                )
                for degc in (cap, cap - 1.0)
            )
            yield Row(
                board=name,
                scenario=entry.name,
                start=start.value,
                seed=seed,
                bound=round(at_cap.bound, 6),
                bound_cap_minus_1k=round(below.bound, 6),
                feasible=round(at_cap.feasible, 6),
                gap=round(at_cap.gap, 6),
                infeasible=at_cap.infeasible,
                cpu_s=round(at_cap.cpu_s + below.cpu_s, 3),
            )


def main() -> int:
    """Print one line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, help="another config (oracle.yaml)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    args = parser.parse_args()
    for row in rows(read_config("oracle/oracle", OracleConfig, args.config)):
        print(json.dumps(asdict(row)) if args.json else _line(row), flush=True)
    return 0


def _line(row: Row) -> str:
    label = f"{row.board:12} {row.scenario:16} {row.start:5} seed {row.seed:<3}"
    if row.infeasible:
        return f"{label} infeasible: the coolest point passes the cap"
    return (
        f"{label} bound {row.bound:.4f}, at cap - 1 K {row.bound_cap_minus_1k:.4f}, "
        f"reached {row.feasible:.4f}, gap {row.gap:.2%}, {row.cpu_s:.1f} s"
    )


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
