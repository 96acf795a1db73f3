"""`adaptive simulate`: one governor, one board, a bursty stream of real images."""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path

from adaptive.telemetry import open_telemetry
from experiments.governors import GOVERNORS, make_governor
from experiments.outcome import Summary
from experiments.progress import Progress
from experiments.study import prepare

HELP = (
    "Run a governor on a simulated board against a bursty stream of real images. Board, heat, "
    "power and latency are modelled; images, labels and integer inference are real."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--board", default="odroid-xu4", help="bundled name or file (%(default)s)")
    parser.add_argument("--artifact", default="digits", help="bundled name or file (%(default)s)")
    parser.add_argument("--points", type=Path, metavar="FILE", help="from `adaptive points --out`")
    parser.add_argument("--governor", default="look-ahead", choices=GOVERNORS, help="(%(default)s)")
    parser.add_argument(
        "--ambient", type=_number, default=35.0, metavar="DEGC", help="(%(default)s)"
    )
    parser.add_argument("--cap", type=_number, metavar="DEGC", help="the board's own by default")
    parser.add_argument(
        "--minutes", type=_number, default=20.0, metavar="MIN", help="(%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="bursts and image order (%(default)s)")
    parser.add_argument(
        "--telemetry", type=Path, metavar="FILE", help="write samples: .csv or .jsonl"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Simulate and print the summary."""
    study = prepare(
        board=args.board,
        artifact=args.artifact,
        ambient_degc=args.ambient,
        cap_degc=args.cap,
        minutes=args.minutes,
        seed=args.seed,
        points=args.points,
    )
    governor = make_governor(
        args.governor, plant=study.plant, points=study.points, scenario=study.scenario
    )
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
        _print(outcome.summary, study.stream.inferences)
    return 0


def to_json(summary: Summary) -> dict[str, object]:
    """Return a summary as plain values."""
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
    }


def _print(summary: Summary, inferences: int) -> None:
    shares = ", ".join(f"{level} {value:.2%}" for level, value in summary.accuracy.items())
    plans = ", ".join(f"{code} {share:.1%}" for code, share in summary.plans.items())
    print(f"governor        {summary.governor}")
    print(f"peak            {summary.peak_degc:.2f} degC, cap {summary.cap_degc:g} degC")
    print(f"above the cap   {summary.time_above_cap_s:.1f} s")
    print(f"frames          {summary.served:,} answered, {summary.dropped:,} dropped")
    print(f"digits right    {shares}")
    print(f"energy          {summary.energy_j:.0f} J")
    print(f"precision       {plans}")
    print(f"real inferences {inferences:,} (integer engine); board, heat, power, latency modelled")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a finite number")
    return value
