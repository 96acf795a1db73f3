"""Every governor against the offline bound: ``python -m experiments.scoreboard``.

Boards are drawn around their files, zones lag, round and err, points take effect late. Each cell
of board, scenario and seed is played by the predictive governor and by every baseline, and judged
on its true junctions, looked at every 10 ms. Finished cells are kept in a journal, so a run that
was stopped goes on where it was.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from adaptive.errors import ConfigError
from adaptive.search.executors.choose import add_executor_arguments, open_executor
from experiments.docs import markdown_table, replace_block
from experiments.progress import Progress
from experiments.scoreboard import tables, tuning
from experiments.scoreboard.bounds import STORED, load_bounds, save_bounds
from experiments.scoreboard.cells import Cell, ScoreboardConfig, cells
from experiments.scoreboard.journal import Journal
from experiments.scoreboard.play import JSON_FIELDS, Row, Work, governor_names, play_cell
from experiments.study_config import exit_code, read_config


def main(argv: Sequence[str] | None = None) -> int:
    """Play what is missing and print the scoreboard."""
    parser = argparse.ArgumentParser("python -m experiments.scoreboard", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 boards, 3 seeds, short runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object a run")
    parser.add_argument("--config", type=Path, metavar="FILE", help="another config")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N - 1 alone")
    parser.add_argument(
        "--journal",
        type=Path,
        default=Path("report/scoreboard.jsonl"),
        metavar="FILE",
        help="where finished cells are kept (%(default)s); see --anew",
    )
    parser.add_argument(
        "--finished", action="store_true", help="play nothing: show what the journal holds"
    )
    parser.add_argument(
        "--anew",
        action="append",
        default=[],
        metavar="GOVERNOR",
        help="play this governor again in the cells of the journal: it has changed",
    )
    parser.add_argument("--tune", action="store_true", help="lower the baselines' trips, no score")
    parser.add_argument(
        "--keep-bounds", action="store_true", help="store the bounds found with the project"
    )
    parser.add_argument("--docs", type=Path, metavar="FILE", help="put the tables into FILE")
    add_executor_arguments(parser)
    args = parser.parse_args(argv)
    config = read_config("scoreboard/scoreboard", ScoreboardConfig, args.config)
    if args.quick:
        config = config.shortened()
    if args.seeds is not None:
        try:
            config = replace(config, seeds=args.seeds)
        except ValueError as error:
            raise ConfigError(f"--seeds: {error}") from error
    if args.tune:
        return _tune(config, args)
    return _score(config, args)


def _tune(config: ScoreboardConfig, args: argparse.Namespace) -> int:
    governors = tuning.with_trips(config)
    found: dict[str, dict[str, float]] = {}
    progress = Progress("lowering trips")
    with open_executor(jobs=args.jobs, cluster=args.cluster) as executor:
        results = executor.map(tuning.lowered_k, governors, shared=config)
        for governor, boards in zip(governors, results, strict=True):
            found[governor] = boards
            print(governor, *(f"{board} {kelvin:g} K" for board, kelvin in boards.items()))
            progress(len(found) / len(governors))
    progress.close()
    tuning.save_trips(found)
    return 0


def _score(config: ScoreboardConfig, args: argparse.Namespace) -> int:
    trips = tuning.load_trips(config)
    stored = load_bounds()
    journal = Journal(args.journal, _signature(config, trips))
    work = Work(config, trips, {**stored, **journal.bounds})
    wanted = list(cells(config))
    finished = [cell for cell in wanted if cell.key in journal.rows]
    missing = [cell for cell in wanted if cell.key not in journal.rows]
    if args.anew:
        _check_names(args.anew, config)
        _play(replace(work, only=tuple(args.anew)), finished, journal, args)
    if not args.finished:
        _play(work, missing, journal, args)
    if args.keep_bounds:
        save_bounds({**stored, **journal.bounds}, STORED)
    rows = [row for cell in wanted for row in journal.rows.get(cell.key, ())]
    if not rows:
        raise ConfigError(f"{args.journal}: holds no finished run of this configuration")
    _show(rows, args)
    return 0


def _check_names(names: Sequence[str], config: ScoreboardConfig) -> None:
    known = governor_names(config)
    for name in names:
        if name not in known:
            raise ConfigError(f"--anew {name}: expected one of {', '.join(known)}")


def _play(work: Work, cells: Sequence[Cell], journal: Journal, args: argparse.Namespace) -> None:
    """Play cells and write each down as soon as it is finished."""
    progress = Progress("scoreboard")
    with open_executor(jobs=args.jobs, cluster=args.cluster) as executor:
        for done, played in enumerate(executor.map(play_cell, cells, shared=work), 1):
            journal.add(played)
            progress(done / len(cells))
    progress.close()


def _show(rows: list[Row], args: argparse.Namespace) -> None:
    if args.json:
        for row in rows:
            values = asdict(row)
            print(json.dumps({name: values[name] for name in JSON_FIELDS}))
        return
    table = tables.frame(rows)
    print(tables.headline(table))
    for name, make in tables.TABLES.items():
        header, body = make(table)
        print(f"\n{name}\n{tables.text(header, body)}")
        if args.docs:
            content = markdown_table(header, body) if body else "*None.*"
            replace_block(args.docs, name, content)
    if args.docs:
        replace_block(args.docs, "headline", tables.headline(table))


def _signature(config: ScoreboardConfig, trips: object) -> str:
    """Return a hash of what rows depend on but for the cell: network, baselines, trips."""
    parts = (config.artifact, config.images_per_frame, config.mismatch, config.baselines, trips)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
