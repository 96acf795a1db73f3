"""Score every search method on the bundled oracles: `python -m experiments.search_oracle`.

    python -m experiments.search_oracle [--json] [--oracle NAME ...] [--method NAME ...]
    python -m experiments.search_oracle --build NAME [--jobs N]

An oracle holds the answers of every mix of a network, so that any method is scored in seconds;
`--build` makes one again, as `search_oracle.yaml` says.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from adaptive.errors import AdaptiveError, ConfigError
from adaptive.search.executors.choose import add_executor_arguments, open_executor
from experiments.docs import markdown_table, replace_block
from experiments.search.build import build_oracle, oracle_entries
from experiments.search.methods import method_named, methods
from experiments.search.oracle_file import Oracle, load_oracle, oracle_names, save_oracle
from experiments.search.scoring import Score, score

SEEDS = range(5)
BUDGET = 100
BUNDLED = Path(__file__).parent / "search" / "oracles"


@dataclass(frozen=True, slots=True)
class Summary:
    """One method on one oracle, over seeds."""

    method: str
    oracle: str
    evaluations: tuple[int, ...]
    shares: tuple[float, ...]

    def cells(self) -> list[str]:
        """Return its row of the table."""
        low, middle, high = np.quantile(self.shares, [0.0, 0.5, 1.0])
        spread = f"{middle:.3f}" if low == high else f"{middle:.3f} ({low:.3f}-{high:.3f})"
        most = max(self.evaluations)
        few = min(self.evaluations)
        return [self.oracle, self.method, f"{most}" if few == most else f"{few}-{most}", spread]


def summarise(scores: Sequence[Score]) -> list[Summary]:
    """Gather the seeds of each method on each oracle."""
    keys = dict.fromkeys((one.method, one.oracle) for one in scores)
    return [
        Summary(
            method,
            oracle,
            tuple(one.evaluations for one in scores if (one.method, one.oracle) == key),
            tuple(one.hv_share for one in scores if (one.method, one.oracle) == key),
        )
        for key in keys
        for method, oracle in [key]
    ]


def describe(oracle: Oracle) -> list[str]:
    """Return an oracle's row of the table."""
    accuracies = oracle.accuracies
    return [
        oracle.name,
        f"{len(oracle.space.options)}",
        "/".join(str(int(bits)) for bits in oracle.space.bits),
        f"{oracle.right.shape[1]:,}",
        f"{accuracies[0]:.2%}",
        f"{accuracies[-1]:.2%}",
    ]


def tables(oracles: Sequence[Oracle], scores: Sequence[Score]) -> str:
    """Return both tables in Markdown."""
    about = markdown_table(
        ["oracle", "genes", "bits", "images", "all widest", "all narrowest"],
        [describe(oracle) for oracle in oracles],
    )
    found = markdown_table(
        ["oracle", "method", "evaluations", "share of the true front's hypervolume"],
        [summary.cells() for summary in summarise(scores)],
    )
    return f"{about}\n\n{found}"


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Score search methods on oracles.")
    parser.add_argument("--oracle", action="append", help="name or file; all bundled by default")
    parser.add_argument("--method", action="append", help="all by default")
    parser.add_argument("--budget", type=int, default=BUDGET, help="evaluations (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the tables into a page")
    parser.add_argument("--build", metavar="NAME", help="make an oracle again")
    parser.add_argument("--data-dir", type=Path, help="folder of the data set ($ADAPTIVE_DATA)")
    parser.add_argument("--output", type=Path, help="oracle to write (the bundled one)")
    add_executor_arguments(parser)
    args = parser.parse_args(arguments)
    try:
        return _build(args) if args.build else _score(args)
    except (AdaptiveError, OSError) as error:
        print(f"search_oracle: {error}", file=sys.stderr)
        return 2


def _score(args: argparse.Namespace) -> int:
    """Score methods and print."""
    if args.budget < 2:
        raise ConfigError(f"--budget is {args.budget}, expected 2 or more")
    chosen = [method_named(name) for name in args.method] if args.method else list(methods())
    oracles = [load_oracle(name) for name in args.oracle or oracle_names()]
    scores: list[Score] = []
    for oracle in oracles:
        for found in score(oracle, chosen, SEEDS, budget=args.budget):
            scores.append(found)
            if args.json:
                print(json.dumps(asdict(found)), flush=True)
    if not args.json:
        print(tables(oracles, scores))
    if args.docs:
        replace_block(args.docs, "search-oracle", tables(oracles, scores))
    return 0


def _build(args: argparse.Namespace) -> int:
    """Make an oracle again."""
    entries = oracle_entries()
    if args.build not in entries:
        raise ConfigError(f"--build is {args.build!r}, expected one of {', '.join(entries)}")
    output = args.output or BUNDLED / f"{args.build}.npz"
    with open_executor(jobs=args.jobs, cluster=args.cluster) as executor:
        oracle = build_oracle(
            args.build, entries[args.build], data_dir=args.data_dir, executor=executor
        )
    save_oracle(oracle, output)
    print(f"wrote {output} ({output.stat().st_size} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
