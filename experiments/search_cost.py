"""What the prefix tree and racing save, and how far to trust a front.

    python -m experiments.search_cost [--json] [--images N] [--splits N]

One line a figure: `{"metric", "of", "value"}`. Ratios compare two ways side by side in one run.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from adaptive.artifact import load_artifact
from adaptive.errors import AdaptiveError, ConfigError
from experiments.docs import markdown_table, replace_block
from experiments.search.methods import method_named
from experiments.search.oracle_file import load_oracle, oracle_names
from experiments.search.resplits import trust
from experiments.search.saving import race_savings, tree_saving

ARTIFACT = "resnet8_cifar10"
BITS = (16, 8)
SEEDS = range(5)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what, of what, how much; with its range over seeds where there is one."""

    metric: str
    of: str
    value: float
    low: float | None = None
    high: float | None = None


def tree_figures(images: int) -> Iterator[Figure]:
    """Run all plans of a residual network both ways on images of noise.

    Which images it is makes no difference to how often layers run.
    """
    artifact = load_artifact(ARTIFACT)
    noise = np.random.default_rng(0).integers(
        0, 256, (images, *artifact.source.shape), dtype=np.uint8
    )
    found = tree_saving(artifact, noise, bits=BITS)
    yield Figure("tree_identical", ARTIFACT, float(found.identical))
    yield Figure("tree_groups", ARTIFACT, found.layers)
    yield Figure("tree_plans", ARTIFACT, found.plans)
    yield Figure("tree_layer_forwards", ARTIFACT, found.forwards)
    yield Figure("tree_layer_forwards_one_by_one", ARTIFACT, found.forwards_one_by_one)
    ratio = found.forwards_one_by_one / found.forwards
    yield Figure("tree_forwards_ratio", ARTIFACT, ratio)
    yield Figure("tree_forwards_ratio_per_group", ARTIFACT, ratio / found.layers)
    yield Figure("tree_cpu_ratio", ARTIFACT, found.cpu_one_by_one_s / found.cpu_s)


def race_figures(budget: int) -> Iterator[Figure]:
    """Race the mixes that ours measures, random ones and all there are, on every oracle."""
    for name in oracle_names():
        oracle = load_oracle(name)
        for method in ("surrogate", "random", "exhaustive"):
            allowed = oracle.space.size if method == "exhaustive" else budget
            seeds = range(1) if method == "exhaustive" else SEEDS
            found = list(race_savings(oracle, method_named(method), seeds, budget=allowed))
            ratios = [one.ratio for one in found]
            of = f"{name} {method}"
            yield Figure(
                "race_images_ratio", of, float(np.median(ratios)), min(ratios), max(ratios)
            )
            yield Figure("race_same_front", of, float(np.mean([one.same_front for one in found])))


def trust_figures(budget: int, splits: int) -> Iterator[Figure]:
    """Split every oracle's images again and again."""
    for name in oracle_names():
        found = trust(load_oracle(name), method_named("surrogate"), budget=budget, splits=splits)
        for metric, value in asdict(found).items():
            if metric != "oracle":
                yield Figure(f"trust_{metric}", name, float(value))


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="What the tree and racing save.")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--images", type=int, default=4, help="through the tree (%(default)s)")
    parser.add_argument("--splits", type=int, default=50, help="of each oracle (%(default)s)")
    parser.add_argument("--budget", type=int, default=100, help="evaluations (%(default)s)")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the table into a page")
    args = parser.parse_args(arguments)
    try:
        if min(args.images, args.splits, args.budget) < 1:
            raise ConfigError("--images, --splits and --budget must be 1 or more")
        _print(args)
    except AdaptiveError as error:
        print(f"search_cost: {error}", file=sys.stderr)
        return 2
    return 0


def _print(args: argparse.Namespace) -> None:
    """Print figures as they are found."""
    figures = []
    for source in (
        tree_figures(args.images),
        race_figures(args.budget),
        trust_figures(args.budget, args.splits),
    ):
        for figure in source:
            figures.append(figure)
            if args.json:
                print(json.dumps(_plain(figure)), flush=True)
    table = markdown_table(["figure", "of", "value"], [_cells(figure) for figure in figures])
    if not args.json:
        print(table)
    if args.docs:
        replace_block(args.docs, "search-cost", table)


def _plain(figure: Figure) -> dict[str, str | float]:
    """Leave out what is not there."""
    return {key: value for key, value in asdict(figure).items() if value is not None}


def _cells(figure: Figure) -> list[str]:
    """Return a figure's row of the table."""
    spread = "" if figure.low is None else f" ({figure.low:.2f}-{figure.high:.2f})"
    return [figure.metric, figure.of, f"{figure.value:.4g}{spread}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
