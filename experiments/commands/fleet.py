"""`adaptive fleet`: one governor on thousands of boards that differ from their file."""

import argparse
import io
import json
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.search.executors.choose import add_executor_arguments, open_executor
from experiments.commands.simulate import add_shared_arguments, governor_names
from experiments.figures import pdf_bytes, png_bytes
from experiments.fleet.governors import VECTORISED
from experiments.fleet.plots import bands
from experiments.fleet.simulate import Fleet, FleetRequest, simulate_boards, simulate_fleet
from experiments.mismatch import draw_board
from experiments.progress import Progress
from experiments.scenario_file import scenario_names
from experiments.study import DEFAULT_SCENARIO

HELP = (
    "Run a governor on many simulated boards with drawn parameters (heat, power, leakage, sensors, "
    "actuator, ambient) and print percentiles over the fleet."
)
_SPEED_BOARDS, _SPEED_MINUTES = 10_000, 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--board", default="odroid-xu4", help="bundled name or file (%(default)s)")
    parser.add_argument("--boards", type=int, default=1000, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--governor",
        default="look-ahead",
        help=f"(%(default)s) {governor_names()}; at once for all boards: {', '.join(VECTORISED)}",
    )
    parser.add_argument(
        "--scenario",
        default=DEFAULT_SCENARIO,
        metavar="NAME|FILE",
        help=f"{', '.join(scenario_names())}, or a .yaml file (%(default)s)",
    )
    add_shared_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the first board (%(default)s)")
    add_executor_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write boards.csv, percentiles.csv, fleet.png and fleet.pdf",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object (a line)")
    parser.add_argument(
        "--speed",
        action="store_true",
        help="instead, print simulated seconds per CPU second for one board and for "
        f"{_SPEED_BOARDS:,}",
    )


def run(args: argparse.Namespace) -> int:
    """Simulate and print percentiles."""
    request = FleetRequest(
        board=args.board,
        artifact=args.artifact,
        governor=args.governor,
        scenario=args.scenario,
        ambient_degc=args.ambient,
        cap_degc=args.cap,
        minutes=args.minutes,
        points=None if args.points is None else str(args.points),
    )
    if args.speed:
        for line in speeds(request):
            print(json.dumps(line) if args.json else _speed_line(line), flush=True)
        return 0
    if args.out:
        _make_folder(args.out)
    begin_s = time.perf_counter()
    progress = Progress(f"{args.boards:,} boards")
    with ExitStack() as stack:
        stack.callback(progress.close)
        executor = stack.enter_context(open_executor(jobs=args.jobs, cluster=args.cluster))
        fleet = simulate_fleet(
            request, boards=args.boards, seed=args.seed, executor=executor, progress=progress
        )
    spent_s = time.perf_counter() - begin_s
    title = f"{args.governor} on {args.boards:,} boards {args.board}, scenario {args.scenario}"
    if args.out:
        write(fleet, args.out, title=title)
    if args.json:
        print(json.dumps(to_json(fleet, args, spent_s=spent_s)))
    else:
        _print(fleet, title, spent_s)
    return 0


def write(fleet: Fleet, folder: Path, *, title: str) -> None:
    """Write the tables and pictures of a fleet, each whole."""
    figure = bands(fleet, title=title)
    contents = {
        "boards.csv": _csv(fleet.frame(), index=False),
        "percentiles.csv": _csv(fleet.percentiles(), index=True),
        "fleet.png": png_bytes(figure),
        "fleet.pdf": pdf_bytes(figure),
    }
    for name, content in contents.items():
        write_atomically(folder / name, content)


def to_json(fleet: Fleet, args: argparse.Namespace, *, spent_s: float) -> dict[str, object]:
    """Return percentiles and what was run as plain values."""
    table = fleet.percentiles()
    return {
        "board": args.board,
        "governor": args.governor,
        "scenario": args.scenario,
        "boards": len(fleet.results.seed),
        "seed": args.seed,
        "length_s": fleet.length_s,
        "cap_degc": fleet.cap_degc,
        "boards_above_cap": int(np.count_nonzero(fleet.results.time_above_cap_s > 0.0)),
        "boards_shut_down": int(fleet.results.shut_down.sum()),
        "percentiles": {
            str(percentile): {
                name: round(value, 6) if math.isfinite(value) else None
                for name, value in row.items()
            }
            for percentile, row in table.to_dict("index").items()
        },
        "wall_s": round(spent_s, 2),
    }


def speeds(request: FleetRequest) -> Iterator[dict[str, object]]:
    """Yield simulated seconds per CPU second: one board alone, then many at once."""
    request = replace(request, minutes=request.minutes or _SPEED_MINUTES)
    alone = replace(request, minutes=25.0 * (request.minutes or _SPEED_MINUTES)).study()
    governor = alone.governor(request.governor)
    begin_s = time.process_time()
    alone.simulate(request.governor, governor)
    yield _speed(request.governor, 1, alone.workload.length_s, time.process_time() - begin_s, 0.0)
    study, mismatch = request.study(), request.spread()
    drawing_s = simulating_s = 0.0
    for first in range(0, _SPEED_BOARDS, 250):
        begin_s = time.process_time()
        seeds = range(first, first + 250)
        boards = [draw_board(study.plant, seed=seed, mismatch=mismatch) for seed in seeds]
        drawn_s = time.process_time()
        simulate_boards(study, boards, seeds=seeds, governor=request.governor)
        drawing_s += drawn_s - begin_s
        simulating_s += time.process_time() - drawn_s
    simulated_s = _SPEED_BOARDS * study.workload.length_s
    yield _speed(request.governor, _SPEED_BOARDS, simulated_s, simulating_s, drawing_s)


def _speed(
    governor: str, boards: int, simulated_s: float, cpu_s: float, drawing_s: float
) -> dict[str, object]:
    return {
        "governor": governor,
        "boards": boards,
        "simulated_board_s": simulated_s,
        "cpu_s": round(cpu_s, 3),
        "drawing_cpu_s": round(drawing_s, 3),
        "simulated_s_per_cpu_s": round(simulated_s / cpu_s),
    }


def _speed_line(line: dict[str, object]) -> str:
    return (
        f"{line['governor']}, {line['boards']:,} boards: {line['simulated_s_per_cpu_s']:,} "
        f"simulated board seconds per CPU second ({line['cpu_s']} s; drawing the boards "
        f"{line['drawing_cpu_s']} s)"
    )


def _print(fleet: Fleet, title: str, spent_s: float) -> None:
    results = fleet.results
    print(
        f"{title}: {fleet.length_s / 60:g} min each, cap {fleet.cap_degc:g} degC, {spent_s:.0f} s"
    )
    table = fleet.percentiles().T
    table.columns = [f"{percentile} %" for percentile in table.columns]
    print(table.to_string(float_format=lambda value: f"{value:.4g}"))
    above = np.count_nonzero(results.time_above_cap_s > 0.0)
    print(
        f"{above:,} boards were above the cap at some time, {results.shut_down.sum():,} shut down"
    )
    print("Simulated: every board is a draw around its file; nothing was measured on a board.")


def _csv(frame: pd.DataFrame, *, index: bool) -> bytes:
    stream = io.StringIO()
    frame.to_csv(stream, index=index, float_format="%.6g")
    return stream.getvalue().encode()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {folder}: cannot be made: {error.strerror}") from error
