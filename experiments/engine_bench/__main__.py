"""Latency of the native engine beside other runtimes: ``python -m experiments.engine_bench``.

    python -m experiments.engine_bench --set-up-peers --json

Every model is timed in one interleaved run: one long-lived process a runtime, short bursts in
turns. One line a model; then one a layer of ours (`--layers`), against the core's measured peak,
one a network for changes of plan (`--switching`) and for busy cores (`--contention`), and one a
network and kernel set for answers that equal the reference's (`--equality`, an hour). Peers run in
virtual environments of their own in ``$ADAPTIVE_CACHE``, made by ``--set-up-peers`` (a few
gigabytes); a peer that is not there is named and left out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from adaptive.errors import ConfigError
from experiments.docs import replace_block
from experiments.engine_bench.config import BenchConfig
from experiments.engine_bench.contention import ContentionRow, measure_contention
from experiments.engine_bench.equality import EqualityRow, compare_all
from experiments.engine_bench.fleet import fleet_of
from experiments.engine_bench.layers import LayerRow, profile_layers
from experiments.engine_bench.networks import BenchNetwork, prepare
from experiments.engine_bench.peak import Peak
from experiments.engine_bench.rounds import Row, Target, time_in_rounds
from experiments.engine_bench.switching import SwitchRow, measure_all
from experiments.engine_bench.tables import tables_of
from experiments.engine_bench.venvs import cache_folder
from experiments.progress import Progress
from experiments.study_config import exit_code, read_config

_Known = TypeVar("_Known")
CloserRow = LayerRow | SwitchRow | ContentionRow | EqualityRow


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
    made.add_argument("--skip-models", action="store_true", help="only what follows")
    made.add_argument("--layers", action="store_true", help="time our layers one by one too")
    made.add_argument("--switching", action="store_true", help="time changes of the effort too")
    made.add_argument("--contention", action="store_true", help="time ours on busy cores too")
    made.add_argument(
        "--equality", action="store_true", help="hold every kernel set against the reference too"
    )
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


def look_closer(
    config: BenchConfig, networks: Sequence[BenchNetwork], args: argparse.Namespace, cache: Path
) -> Iterator[list[CloserRow]]:
    """Measure what is asked for beyond latencies, of our engine alone."""
    if args.layers:
        progress = Progress("layers")
        rows = profile_layers(networks, Peak(cache), rounds=config.layer_rounds, progress=progress)
        progress.close()
        yield list(rows)
    if args.switching:
        yield list(measure_all(networks, seed=config.seed))
    if args.contention:
        yield [
            row
            for network in networks
            for row in measure_contention(network, threads=config.threads)
        ]
    if args.equality:
        yield list(compare_all(cache / "networks", seed=config.seed))


def report(
    rows: Sequence[Row],
    closer: Sequence[CloserRow],
    missing: dict[str, str],
    args: argparse.Namespace,
) -> None:
    """Print what was measured and what was not; fill the tables of a page where asked."""
    blocks = tables_of(rows, closer, missing)
    if args.json:
        for row in (*rows, *closer):
            print(json.dumps(row.to_dict()))
        for name, reason in missing.items():
            print(json.dumps({"missing": name, "reason": reason}))
    else:
        print("\n\n".join(table for name, table in blocks.items() if name != "tails") + "\n")
    sys.stdout.flush()
    for name, reason in missing.items():
        print(f"not measured: {name}: {reason}", file=sys.stderr)
    if args.doc:
        for name, table in blocks.items():
            replace_block(args.doc, name, table)


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
    if not args.skip_models:
        rows, missing = measure(config, networks, cache=cache, setting_up=args.set_up_peers)
        report(rows, (), missing, args)
    for closer in look_closer(config, networks, args, cache):
        report((), closer, {}, args)
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
