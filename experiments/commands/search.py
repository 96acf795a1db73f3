"""`adaptive search`: from a switchable network to operating points one can trust."""

import argparse
from pathlib import Path
from typing import get_args

from adaptive.artifact import load_artifact
from adaptive.config import load_board
from adaptive.cost_table import Objective
from adaptive.errors import ConfigError
from adaptive.operating_point import save_points
from adaptive.plant import Plant
from adaptive.search.executors.choose import add_executor_arguments, open_executor
from adaptive.search.grouping import Grouping
from adaptive.search.racing import Race
from adaptive.search.run import SETS, Found, Question, run_search
from experiments.commands.evaluate import watched
from experiments.search.asking import RATIO, at_least, chosen_cost, chosen_space, image_sets
from experiments.search.hint import write_hint
from experiments.search.methods import method_named
from experiments.search.page import write_page
from experiments.search.telling import points_table, print_found
from models.datasets.catalogue import dataset_names

HELP = (
    "Search for the plans worth switching between: accuracy on held-back calibration images "
    "against energy, latency or cycles. Killed at any moment, the same command goes on where it "
    "stopped."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("network", metavar="NET", help="bundled artifact or file")
    parser.add_argument("--board", default="rpi4b", help="bundled name or file (%(default)s)")
    parser.add_argument("--cores", help="cluster of the board (the first)")
    parser.add_argument("--mhz", type=float, help="clock of the cluster (the fastest)")
    parser.add_argument(
        "--cost",
        default="board",
        help="board, accelerator, or a YAML file of costs (%(default)s)",
    )
    parser.add_argument(
        "--objective",
        choices=[*(one.value for one in Objective), RATIO],
        default=Objective.ENERGY.value,
        help=f"what to keep small; {RATIO}: share of the arithmetic at the widest bits "
        "(%(default)s)",
    )
    parser.add_argument("--level", help="level of the labels to search at (the leaves)")
    parser.add_argument(
        "--grouping", choices=get_args(Grouping), default="layer", help="what switches together"
    )
    parser.add_argument("--groups", type=int, metavar="N", help="join neighbours until N are left")
    parser.add_argument("--bits", help="bits to choose from, e.g. 16,8 (all the network has)")
    parser.add_argument("--method", default="surrogate", help="(%(default)s)")
    parser.add_argument("--budget", type=int, default=100, help="mixes to measure (%(default)s)")
    parser.add_argument(
        "--max-loss", type=float, default=3.0, help="points below the widest plan (%(default)s)"
    )
    parser.add_argument("--no-race", action="store_true", help="measure every mix on all images")
    parser.add_argument(
        "--split",
        default="0.5,0.25,0.25",
        metavar="A,B,C",
        help="shares of the images to search, calibrate and report on (%(default)s)",
    )
    parser.add_argument("--images", type=int, metavar="N", help="use so many images at most")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--dataset", choices=dataset_names(), help="the artifact's by default")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="($ADAPTIVE_DATA)")
    parser.add_argument(
        "--least-accuracy", type=float, help="also name the cheapest plan that has it"
    )
    parser.add_argument("--most-cost", type=float, help="also name the best plan within it")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write points for the loop")
    parser.add_argument(
        "--images-per-frame", type=int, default=1, metavar="N", help="(%(default)s)"
    )
    parser.add_argument("--hint", type=Path, metavar="FILE", help="write plans to fine-tune on")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page with pictures")
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help="(OUT.journal, or search.journal)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_executor_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search, print the points, write the files asked for."""
    artifact, plant = load_artifact(args.network), load_board(args.board)
    method = method_named(args.method)
    space = chosen_space(artifact, args)
    cost, unit = chosen_cost(artifact, plant, space, args)
    question = Question(
        artifact,
        space,
        image_sets(artifact, args),
        cost,
        int(at_least(args.budget, "--budget", least=2)),
        floor=at_least(args.max_loss, "--max-loss", least=0.01) / 100,
        race=None if args.no_race else Race(),
    )
    if args.level is not None and args.level not in artifact.labels.levels:
        raise ConfigError(
            f"--level is {args.level!r}, expected one of {', '.join(artifact.labels.levels)}"
        )
    if method.name == "exhaustive" and space.size > args.budget:
        raise ConfigError(
            f"--budget is {args.budget}, expected at least the {space.size} mixes there are"
        )
    with (
        open_executor(jobs=args.jobs, cluster=args.cluster) as executor,
        watched(f"{artifact.name}: {method.name}") as progress,
    ):
        found = run_search(
            question,
            method,
            seed=args.seed,
            executor=executor,
            journal=_journal(args),
            level=args.level,
            progress=progress,
        )
    print_found(args, question, found, unit=unit)
    _write(args, plant, question, found, unit=unit)
    return 0


def _journal(args: argparse.Namespace) -> Path:
    """Return where to keep the journal."""
    if args.journal is not None:
        return Path(args.journal)
    return Path("search.journal") if args.out is None else args.out.with_suffix(".journal")


def _write(
    args: argparse.Namespace,
    plant: Plant,
    question: Question,
    found: Found,
    *,
    unit: str,
) -> None:
    """Write the files asked for."""
    level = args.level or question.artifact.labels.levels[0]
    kept = [point for point in found.points[level] if point.apart]
    if args.out is not None:
        table = points_table(
            plant, question, found, kept, level=level, per_frame=args.images_per_frame
        )
        save_points(table, args.out)
    if args.hint is not None:
        write_hint(
            args.hint, question.artifact, [question.space.effort(p.mix).plan.bits for p in kept]
        )
    if args.report is not None:
        write_page(
            args.report,
            found,
            title=f"{question.artifact.name}: the plans worth switching between",
            paragraphs=[
                f"{len(found.problem.answers)} of {question.space.size:,} mixes were measured on "
                f"{len(question.sets[SETS[0]]):,} images; the front was thinned on "
                f"{len(question.sets[SETS[1]]):,} others and reported on "
                f"{len(question.sets[SETS[2]]):,} more. Cost is {unit}.",
            ],
            unit=unit,
            footer=f"adaptive search {args.network} --board {args.board} --seed {args.seed}",
        )
