"""`adaptive simulate`: one governor, one board, one scenario."""

import argparse
import json
import math
from contextlib import ExitStack
from pathlib import Path

from adaptive.engine.protocol import add_engine_option
from adaptive.telemetry import open_telemetry
from experiments.governors import GOVERNORS
from experiments.outcome import Summary
from experiments.progress import Progress
from experiments.scenario_file import scenario_names
from experiments.study import DEFAULT_SCENARIO, Study, prepare

HELP = (
    "Run a governor on a simulated board against a stream of frames. Board, heat, power and "
    "latency are modelled; with the bundled digits, images and integer inference are real."
)
_OWN = "or your own as package.module:Class"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--board", default="odroid-xu4", help="bundled name or file (%(default)s)")
    parser.add_argument(
        "--governor", default="look-ahead", help=f"(%(default)s) {governor_names()}"
    )
    parser.add_argument(
        "--scenario",
        default=DEFAULT_SCENARIO,
        metavar="NAME|FILE",
        help=f"{', '.join(scenario_names())}, or a .yaml file (%(default)s)",
    )
    add_shared_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="stream, images, board (%(default)s)")
    parser.add_argument(
        "--telemetry", type=Path, metavar="FILE", help="write samples: .csv or .jsonl"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def governor_names() -> str:
    """Return what a governor may be, for help texts."""
    return f"{', '.join(GOVERNORS)}, {_OWN}"


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every simulation may change: network, points, ambient, cap, length."""
    parser.add_argument("--artifact", default="digits", help="bundled name or file (%(default)s)")
    add_engine_option(parser)
    parser.add_argument("--points", type=Path, metavar="FILE", help="from `adaptive points --out`")
    parser.add_argument(
        "--ambient", type=_number, metavar="DEGC", help="steady, instead of the scenario's"
    )
    parser.add_argument("--cap", type=_number, metavar="DEGC", help="the board's own by default")
    parser.add_argument(
        "--minutes", type=_number, metavar="MIN", help="length, instead of the scenario's"
    )


def run(args: argparse.Namespace) -> int:
    """Simulate and print the summary."""
    study = prepare(
        board=args.board,
        artifact=args.artifact,
        scenario=args.scenario,
        ambient_degc=args.ambient,
        cap_degc=args.cap,
        minutes=args.minutes,
        seed=args.seed,
        points=args.points,
        engine=args.engine,
    )
    governor = study.governor(args.governor)
    progress = Progress(args.governor)
    with ExitStack() as stack:
        stack.callback(progress.close)
        record = stack.enter_context(open_telemetry(args.telemetry)) if args.telemetry else None
        outcome = study.simulate(
            args.governor, governor, progress=progress, record=record or (lambda _sample: None)
        )
    if args.json:
        print(json.dumps(to_json(outcome.summary)))
    else:
        _print(outcome.summary, study)
    return 0


def to_json(summary: Summary) -> dict[str, object]:
    """Return a summary as plain values."""
    score, waiting = summary.score, summary.waiting
    return {
        "governor": summary.governor,
        "peak_degc": round(summary.peak_degc, 4),
        "cap_degc": summary.cap_degc,
        "time_above_cap_s": round(summary.time_above_cap_s, 4),
        "energy_j": round(summary.energy_j, 3),
        "served": summary.served,
        "dropped": summary.dropped,
        "accuracy": {level: round(value, 6) for level, value in summary.accuracy.items()},
        "right_frames": round(summary.right_frames, 3),
        "plans": {code: round(share, 6) for code, share in summary.plans.items()},
        "reward": round(score.reward, 6),
        "answered": round(score.answered, 6),
        "energy_per_correct_j": (
            round(score.energy_per_correct_j, 9)
            if math.isfinite(score.energy_per_correct_j)
            else None
        ),
        "latency_mean_s": round(waiting.mean_s, 6),
        "latency_p99_s": round(waiting.p99_s, 6),
        "backlog_peak": waiting.backlog,
    }


def _print(summary: Summary, study: Study) -> None:
    shares = ", ".join(f"{level} {value:.2%}" for level, value in summary.accuracy.items())
    plans = ", ".join(f"{code} {share:.1%}" for code, share in summary.plans.items())
    waiting, inferences = summary.waiting, study.stream.inferences
    print(f"governor        {summary.governor}")
    print(f"scenario        {study.workload.name}: {study.workload.length_s / 60:g} min simulated")
    print(f"peak            {summary.peak_degc:.2f} degC, cap {summary.cap_degc:g} degC")
    print(f"above the cap   {summary.time_above_cap_s:.1f} s")
    print(f"frames          {summary.served:,} answered, {summary.dropped:,} dropped")
    print(
        f"latency         {1e3 * waiting.mean_s:.0f} ms mean, {1e3 * waiting.p99_s:.0f} ms p99; "
        f"at most {waiting.backlog:,} frames waiting"
    )
    print(f"images right    {shares}{'' if inferences else ' (expected)'}")
    print(f"reward          {summary.score.reward:.4f} of the best effort on every frame")
    print(f"energy          {summary.energy_j:.0f} J")
    print(f"precision       {plans}")
    engine = f"{study.stream.engine} integer engine" if inferences else "no images"
    print(f"real inferences {inferences:,} ({engine}); board, heat, power, latency modelled")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a finite number")
    return value
