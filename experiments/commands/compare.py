"""`adaptive compare`: several governors in several scenarios, side by side."""

import argparse
import importlib
import io
import json
import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from adaptive.artifact import load_artifact
from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.search.executors.choose import add_executor_arguments, open_executor
from experiments.commands.simulate import add_shared_arguments, governor_names
from experiments.comparison.cells import Cell, CellRequest, run_cells
from experiments.comparison.plots import timelines
from experiments.comparison.table import HEADER, frame_of, lines_of
from experiments.docs import console_table
from experiments.figures import pdf_bytes
from experiments.governors import GOVERNORS
from experiments.progress import Progress
from experiments.provenance import commit, sha256, sha256_of, versions
from experiments.report import write_report
from experiments.scenario_file import load_scenario, scenario_names
from experiments.study import input_files, prepare
from experiments.user_governor import check_governor

HELP = (
    "Simulate several governors in several scenarios and write one table, one figure a scenario "
    "(PNG and PDF), one HTML page and provenance.json. An interrupted comparison is resumed."
)
COMPARED = (
    "static-safe",
    "step-wise",
    "schedutil-power-allocator",
    "budget",
    "look-ahead",
    "predictive",
)
"""What is compared unless asked otherwise."""
_SCENARIOS = ("bursts", "step")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--governor",
        dest="governors",
        action="append",
        metavar="NAME",
        help=f"once or more: {governor_names()} (default: {', '.join(COMPARED)})",
    )
    parser.add_argument(
        "--scenario",
        dest="scenarios",
        action="append",
        metavar="NAME|FILE",
        help=f"once or more: {', '.join(scenario_names())}, or a .yaml file "
        f"(default: {', '.join(_SCENARIOS)})",
    )
    parser.add_argument("--board", default="odroid-xu4", help="bundled name or file (%(default)s)")
    add_shared_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="the first seed (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="(%(default)s)")
    add_executor_arguments(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("comparison"), metavar="FOLDER", help="(%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a run")


def run(args: argparse.Namespace) -> int:
    """Simulate what is not there yet, then write and print everything."""
    governors = tuple(dict.fromkeys(args.governors or COMPARED))
    scenarios = tuple(dict.fromkeys(args.scenarios or _SCENARIOS))
    if args.seeds < 1 or args.seed < 0:
        raise ConfigError(
            f"--seeds is {args.seeds} from --seed {args.seed}, expected 1 or more from 0 or more"
        )
    requests = _requests(args, governors, scenarios)
    inputs = _check(args, governors, scenarios)
    origin = {"commit": commit(), "versions": versions(), "inputs": inputs}
    kept = args.out / "cells"
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {args.out}: cannot be made: {error.strerror}") from error
    progress = Progress(f"{len(requests)} runs")
    with ExitStack() as stack:
        stack.callback(progress.close)
        executor = stack.enter_context(open_executor(jobs=args.jobs, cluster=args.cluster))
        cells = run_cells(requests, kept, origin=origin, executor=executor, progress=progress)
    frame = frame_of(cells)
    written = _write(args, scenarios, cells, frame)
    provenance = {
        "command": f"adaptive compare {shlex.join(_arguments(args, governors, scenarios))}",
        **origin,
        "seeds": sorted(set(frame["seed"].tolist())),
        "outputs": {path.name: sha256(path) for path in written},
    }
    text = json.dumps(provenance, indent=1) + "\n"
    write_atomically(args.out / "provenance.json", text.encode())
    if args.json:
        for cell in cells:
            row = {"scenario": cell.scenario, "governor": cell.governor, "seed": cell.seed}
            print(json.dumps(row | cell.row))
    else:
        print(console_table(HEADER, lines_of(frame)))
        print(f"\nSimulated; nothing was measured on a board. Page: {args.out / 'index.html'}")
    return 0


def _requests(
    args: argparse.Namespace, governors: Sequence[str], scenarios: Sequence[str]
) -> list[CellRequest]:
    """Return every run: scenarios, then seeds, then governors, which share what is loaded."""
    return [
        CellRequest(
            board=args.board,
            artifact=args.artifact,
            governor=governor,
            scenario=scenario,
            seed=seed,
            ambient_degc=args.ambient,
            cap_degc=args.cap,
            minutes=args.minutes,
            points=None if args.points is None else str(args.points),
        )
        for scenario in scenarios
        for seed in range(args.seed, args.seed + args.seeds)
        for governor in governors
    ]


def _check(
    args: argparse.Namespace,
    governors: Sequence[str],
    scenarios: Sequence[str],
) -> dict[str, str]:
    """Refuse what is wrong before anything runs; return the sum of every input."""
    for governor in governors:
        check_governor(governor)
    names = [load_scenario(scenario).name for scenario in scenarios]
    if len(set(names)) < len(names):
        raise ConfigError(f"--scenario: two of {', '.join(scenarios)} have one name, expected none")
    for scenario in scenarios:
        study = prepare(
            board=args.board,
            artifact=args.artifact,
            scenario=scenario,
            ambient_degc=args.ambient,
            cap_degc=args.cap,
            minutes=args.minutes,
            seed=args.seed,
            points=args.points,
        )
        for governor in governors:
            study.governor(governor)
    files = {
        path
        for scenario in scenarios
        for path in input_files(args.board, args.artifact, scenario, args.points)
    }
    for governor in governors:
        if governor not in GOVERNORS:
            files.add(Path(importlib.import_module(governor.partition(":")[0]).__file__ or ""))
    return {f"artifact {args.artifact}": load_artifact(args.artifact).checksum} | sha256_of(
        sorted(files)
    )


def _write(
    args: argparse.Namespace, scenarios: Sequence[str], cells: Sequence[Cell], frame: pd.DataFrame
) -> list[Path]:
    """Write tables, figures and the page; return what was written."""
    out: Path = args.out
    lines = lines_of(frame)
    pictures, written = {}, []
    for loaded in map(load_scenario, scenarios):
        stem, title = loaded.name, loaded.content.title
        own = [cell for cell in cells if cell.scenario == stem]
        figure = timelines(own, title=f"{stem} on {args.board}")
        about = f"{stem}: {title}" if title else stem
        pictures[stem] = (f"Scenario {about}. Median of the seeds, range as a band.", figure)
        write_atomically(out / f"{stem}.pdf", pdf_bytes(figure))
        written += [out / f"{stem}.pdf", out / f"{stem}.png"]
    tables = {
        "runs.csv": _csv(frame),
        "table.csv": _csv(pd.DataFrame(lines, columns=list(HEADER))),
    }
    for name, content in tables.items():
        write_atomically(out / name, content)
        written.append(out / name)
    page = write_report(
        out,
        title=f"Governors side by side on {args.board}",
        paragraphs=[
            "Simulated: board, heat, power and latency are modelled; nothing was measured on a "
            "board. Reward: what answered frames are worth (accuracy times the information of "
            "their level) over the best effort's on every frame demanded; late frames are worth "
            "nothing. Figures are means over the seeds; least, most, latency (p99), peak and time "
            "above the cap are the extremes.",
            "A line is void where a run was above the cap for more than 0.1 % of its time or by "
            "more than 1 K.",
        ],
        header=HEADER,
        rows=lines,
        pictures=pictures,
        footer="Made by adaptive compare; provenance.json says from what.",
    )
    return [*written, page]


def _arguments(
    args: argparse.Namespace, governors: Sequence[str], scenarios: Sequence[str]
) -> list[str]:
    """Return the command line that makes the same comparison again."""
    words = []
    for option, values in (("--governor", governors), ("--scenario", scenarios)):
        words += [word for value in values for word in (option, value)]
    words += ["--board", args.board, "--artifact", args.artifact]
    for option, value in (
        ("--points", args.points),
        ("--ambient", args.ambient),
        ("--cap", args.cap),
        ("--minutes", args.minutes),
    ):
        words += [] if value is None else [option, str(value)]
    return [*words, "--seed", str(args.seed), "--seeds", str(args.seeds)]


def _csv(frame: pd.DataFrame) -> bytes:
    stream = io.StringIO()
    frame.to_csv(stream, index=False)
    return stream.getvalue().encode()
