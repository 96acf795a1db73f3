"""Latency of the native engine beside other runtimes: ``python -m experiments.engine_bench``.

    python -m experiments.engine_bench --set-up-peers --json

Every model is timed in one interleaved run: one long-lived process a runtime, short bursts in
turns. One line a model; then one a layer of ours, against the core's measured peak. Peers run in
virtual environments of their own in ``$ADAPTIVE_CACHE``, made by ``--set-up-peers`` (a few
gigabytes); a peer that is not there is named and left out.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from adaptive.errors import ConfigError
from experiments.docs import replace_block
from experiments.engine_bench.config import BenchConfig
from experiments.engine_bench.fleet import fleet_of
from experiments.engine_bench.networks import BenchNetwork, prepare
from experiments.engine_bench.rounds import Row, Target, time_in_rounds
from experiments.engine_bench.tables import eight_bit_table, sixteen_bit_table, tail_table
from experiments.engine_bench.venvs import cache_folder
from experiments.progress import Progress
from experiments.study_config import exit_code, read_config

_Known = TypeVar("_Known")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m experiments.engine_bench",
        description="Latency of the native engine beside other runtimes, in one interleaved run.",
    )
    made.add_argument("--config", type=Path, help="another config (engine_bench.yaml)")
    made.add_argument("--networks", nargs="+", metavar="NAME", help="only these (all)")
    made.add_argument("--peers", nargs="*", metavar="NAME", help="only these (all)")
    made.add_argument("--threads", nargs="+", type=int, metavar="N", help="thread counts (1 2)")
    made.add_argument("--rounds", type=int, metavar="N", help="rounds of bursts (40)")
    made.add_argument("--set-up-peers", action="store_true", help="make the peers' environments")
    made.add_argument("--json", action="store_true", help="print one JSON object a line")
    made.add_argument("--doc", type=Path, metavar="FILE", help="fill the tables of FILE")
    return made


def chosen(config: BenchConfig, args: argparse.Namespace) -> BenchConfig:
    """Return the config with what the command line narrows.

    Raises
    ------
    ConfigError
        Naming the argument that fits nothing.
    """
    networks = _named("--networks", args.networks, {n.kind: n for n in config.networks})
    peers = _named("--peers", args.peers, {peer.name: peer for peer in config.peers})
    try:
        return replace(
            config,
            networks=networks,
            peers=peers,
            threads=config.threads if args.threads is None else tuple(args.threads),
            rounds=config.rounds if args.rounds is None else args.rounds,
        )
    except ValueError as error:
        raise ConfigError(f"engine_bench: {error}") from error


def _named(flag: str, names: Sequence[str] | None, known: dict[str, _Known]) -> tuple[_Known, ...]:
    """Return what the names stand for, all where there are none."""
    if names is None:
        return tuple(known.values())
    for name in names:
        if name not in known:
            raise ConfigError(f"{flag}: {name!r} is unknown, expected among {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(names))


def measure(
    config: BenchConfig, networks: Sequence[BenchNetwork], *, cache: Path, setting_up: bool
) -> tuple[list[Row], dict[str, str]]:
    """Time every model; return the rows and what is missing, with reasons."""
    loading = Progress("models")
    with fleet_of(config, networks, cache=cache, setting_up=setting_up, progress=loading) as fleet:
        loading.close()

        def fail(target: Target, reason: str) -> None:
            fleet.missing[f"{target.runtime} {target.network} {target.plan}"] = reason

        timing = Progress("rounds")
        rows = time_in_rounds(fleet.targets, config, progress=timing, fail=fail)
        timing.close()
        position = {network.name: index for index, network in enumerate(networks)}
        rows.sort(key=lambda row: (position[row.network], row.threads))
        return rows, fleet.missing


def report(rows: Sequence[Row], missing: dict[str, str], args: argparse.Namespace) -> None:
    """Print what was measured and what was not; fill the tables of a page where asked."""
    if args.json:
        for row in rows:
            print(json.dumps(row.to_dict()))
        for name, reason in missing.items():
            print(json.dumps({"missing": name, "reason": reason}))
    else:
        print(f"{eight_bit_table(rows)}\n\n{sixteen_bit_table(rows)}")
    for name, reason in missing.items():
        print(f"not measured: {name}: {reason}", file=sys.stderr)
    if args.doc:
        absent = "".join(f"\n\nNot measured: {name}." for name in missing)
        replace_block(args.doc, "eight", eight_bit_table(rows) + absent)
        replace_block(args.doc, "sixteen", sixteen_bit_table(rows))
        replace_block(args.doc, "tails", tail_table(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parser().parse_args(arguments)
    base = read_config("engine_bench/engine_bench", BenchConfig, args.config)
    config = chosen(base, args)
    cache = cache_folder()
    folder = cache / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    networks = [
        prepare(entry, folder, seed=config.seed, images=config.calibration_images)
        for entry in config.networks
    ]
    rows, missing = measure(config, networks, cache=cache, setting_up=args.set_up_peers)
    report(rows, missing, args)
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
