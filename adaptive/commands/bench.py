"""`adaptive bench`: latency of precision plans on this machine, in percentiles."""

import argparse
import json

from adaptive.artifact import load_artifact
from adaptive.engine.compiled_plan import MODES
from adaptive.engine.native import NativeEngine
from adaptive.engine.timing import Latency, measure_latency
from adaptive.errors import ConfigError
from adaptive.precision import Effort, parse_plan

HELP = (
    "Time precision plans of a network with the native engine on this machine, the plans taking "
    "turns; latency of one image in percentiles, and the memory of its activations."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--artifact", default="digits", help="bundled name or file (%(default)s)")
    parser.add_argument(
        "--plan",
        action="append",
        help="all-16, all-8, bits in layer order or a file; may be repeated (all-16 and all-8)",
    )
    parser.add_argument(
        "--width", type=float, default=1.0, metavar="SHARE", help="share of the channels (1)"
    )
    parser.add_argument("--head", default="leaf", metavar="NAME", help="head that answers (leaf)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("--isa", help="kernel set; the fastest of this machine by default")
    parser.add_argument("--mode", choices=MODES, default="exact", help="(%(default)s)")
    parser.add_argument("--repeats", type=int, default=200, metavar="N", help="(%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Time the plans and print a row for each."""
    if args.repeats < 1:
        raise ConfigError(f"--repeats is {args.repeats}, expected at least 1")
    artifact = load_artifact(args.artifact)
    plans = args.plan or [f"all-{int(bits)}" for bits in artifact.bits]
    efforts = [Effort(parse_plan(text, artifact.layers), args.width, args.head) for text in plans]
    engine = NativeEngine(artifact, threads=args.threads, isa=args.isa, mode=args.mode)
    rows = measure_latency(engine, efforts, repeats=args.repeats)
    if not args.json:
        print(
            f"{artifact.name}: {engine.isa}, {args.threads} threads, {args.mode} sums, "
            f"{args.repeats} images a plan"
        )
        print(f"{'plan':<24} {'median ms':>10} {'p90 ms':>9} {'p99 ms':>9} {'arena kB':>9}")
    for row in rows:
        _print(engine, row, as_json=args.json)
    return 0


def _print(engine: NativeEngine, row: Latency, *, as_json: bool) -> None:
    arena = engine.arena(row.effort)
    if as_json:
        entry = {
            "plan": row.effort.code,
            "median_s": row.median_s,
            "p90_s": row.p90_s,
            "p99_s": row.p99_s,
            "worst_s": row.worst_s,
            "arena_bytes": arena.held,
        }
        print(json.dumps(entry))
        return
    print(
        f"{row.effort.code:<24} {1e3 * row.median_s:>10.3f} {1e3 * row.p90_s:>9.3f} "
        f"{1e3 * row.p99_s:>9.3f} {arena.held / 1e3:>9.1f}"
    )
