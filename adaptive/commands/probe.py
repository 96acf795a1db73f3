"""`adaptive probe`: what a board shows of itself, and a first board file for it."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from adaptive.board.draft import draft_board
from adaptive.board.inventory import Inventory, take_inventory
from adaptive.board.roots import Roots
from adaptive.config import build_plant, load_board, parse_board
from adaptive.errors import ConfigError
from adaptive.files import write_atomically

HELP = "Find zones, trips, policies, OPPs, meters and throttle flags; write a first board file."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, metavar="BOARD.yaml", help="write a board file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="FOLDER",
        help="what stands for / (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Print what was found and what was not; write the board file; 1 if it cannot be governed."""
    found = take_inventory(Roots(args.root))
    print(json.dumps(summarise(found)) if args.json else "\n".join(_lines(found)))
    if args.out:
        _write(found, args.out)
        if not args.json:
            print(f"wrote {args.out}; see what in it is assumed: adaptive boards {args.out}")
    return 0 if found.zones else 1


def summarise(found: Inventory) -> dict[str, object]:
    """Return an inventory as plain values."""
    return {
        "model": found.model,
        "kernel": found.kernel,
        "zones": {
            zone.name: {
                "path": str(zone.path),
                "trips": [{"kind": t.kind, "temp_degc": t.temp_degc} for t in zone.trips],
            }
            for zone in found.zones
        },
        "policies": {
            policy.name: {
                "cores": policy.core,
                "cpus": list(policy.cpus),
                "driver": policy.driver,
                "governors": list(policy.governors),
                "frequencies_hz": list(policy.frequencies_hz),
                "voltages_v": list(found.voltages_v.get(policy.name, {}).values()) or None,
            }
            for policy in found.policies
        },
        "cooling": [{"kind": c.kind, "states": c.most, "fan": c.is_fan} for c in found.cooling],
        "meters": {meter.name: meter.kind for meter in found.meters},
        "firmware_flags": None if found.flags is None else str(found.flags),
        "missing": list(found.missing()),
    }


def _lines(found: Inventory) -> Iterator[str]:
    yield f"{found.model}, Linux {found.kernel}"
    for zone in found.zones:
        trips = ", ".join(f"{t.kind} {t.temp_degc:g}" for t in zone.trips)
        yield f"  zone {zone.name}: {zone.path}" + (f" (trips {trips} degC)" if trips else "")
    for policy in found.policies:
        clocks = policy.frequencies_hz
        yield (
            f"  {policy.name}: {len(policy.cpus)} x {policy.core or 'unknown core'}, "
            f"{len(clocks)} frequencies from {clocks[0] / 1e6:.0f} to {clocks[-1] / 1e6:.0f} MHz, "
            f"driver {policy.driver or 'unknown'}, governors {' '.join(policy.governors) or 'none'}"
        )
    for device in found.cooling:
        yield f"  cooling {device.kind}: {device.most} states{' (fan)' if device.is_fan else ''}"
    for meter in found.meters:
        yield f"  meter {meter.name}: {meter.kind}"
    if found.flags is not None:
        yield f"  firmware throttle flags: {found.flags}"
    yield from (f"  not found: {what}" for what in found.missing())


def _write(found: Inventory, path: Path) -> None:
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"--out is {str(path)!r}, expected a file that ends in .yaml")
    content = draft_board(found)
    build_plant(parse_board(content, origin=str(path)), origin=str(path))
    text = yaml.safe_dump(content, sort_keys=False, width=100, allow_unicode=True)
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot write the board file: {error.strerror}") from error
    load_board(path)  # what was written is a board
