"""`adaptive profile`: what every layer costs at every precision on this machine."""

import argparse
import json
import platform
from pathlib import Path

from adaptive.artifact import load_artifact
from adaptive.engine.native import NativeEngine
from adaptive.engine.timing import LayerTime, clock_hz, cost_document, measure_layers, save_costs
from adaptive.errors import ConfigError

HELP = (
    "Measure time and cycles of every layer at every width and precision with the native engine on "
    "this machine, and write the cost table that `adaptive search --cost` and `adaptive points "
    "--cost` read."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--artifact", default="digits", help="bundled name or file (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("--isa", help="kernel set; the fastest of this machine by default")
    parser.add_argument(
        "--repeats", type=int, default=51, metavar="N", help="images, median taken (%(default)s)"
    )
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="write the table as YAML")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Measure, print and write."""
    if args.repeats < 1:
        raise ConfigError(f"--repeats is {args.repeats}, expected at least 1")
    engine = NativeEngine(load_artifact(args.artifact), threads=args.threads, isa=args.isa)
    times = measure_layers(engine, repeats=args.repeats)
    where = (
        f"measured: adaptive profile, kernel set {engine.isa}, {args.threads} threads, median of "
        f"{args.repeats} images on {platform.processor() or platform.machine()}; cycles are "
        f"times by the monotonic clock at {clock_hz() / 1e6:.0f} MHz, not counted"
    )
    if args.out:
        try:
            save_costs(cost_document(engine.artifact, times, where=where), args.out)
        except OSError as error:
            raise ConfigError(f"{args.out}: {error.strerror}, expected a file to write") from error
    for row in times:
        if args.json:
            print(json.dumps(_row(row)))
    if not args.json:
        _print(engine, times, where)
        if args.out:
            print(f"wrote {len(times)} costs to {args.out}")
    return 0


def _row(row: LayerTime) -> dict[str, str | float]:
    return {
        "layer": row.layer,
        "width": row.width,
        "bits": int(row.bits),
        "time_s": row.time_s,
        "cycles": row.cycles,
        "macs": row.macs,
        "bytes": row.bytes,
    }


def _print(engine: NativeEngine, times: tuple[LayerTime, ...], where: str) -> None:
    print(f"{engine.artifact.name}: {where}")
    print(
        f"{'layer':<28} {'width':>5} {'bits':>4} {'us':>10} {'cycles':>11} "
        f"{'MAC/cycle':>9} {'bytes':>11}"
    )
    for row in times:
        print(
            f"{row.layer:<28} {row.width:>5g} {int(row.bits):>4} {1e6 * row.time_s:>10.1f} "
            f"{row.cycles:>11,.0f} {row.macs / max(row.cycles, 1.0):>9.2f} {row.bytes:>11,}"
        )
