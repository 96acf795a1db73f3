"""What `adaptive search` is asked: from its arguments to a space, a cost and three image sets."""

import argparse

import numpy as np

from adaptive.artifact import Artifact
from adaptive.cost import macs_of
from adaptive.cost_table import CostTable, Objective, board_costs, find_opp, load_costs
from adaptive.errors import ConfigError
from adaptive.plant import Plant
from adaptive.precision import Bits
from adaptive.search.grouping import group_layers, merge_groups
from adaptive.search.meter import Images
from adaptive.search.points import split_images
from adaptive.search.problem import Cost
from adaptive.search.run import SETS
from adaptive.search.space import Mix, SearchSpace
from experiments.commands.evaluate import check_fit, chosen_dataset
from models.data import LabelledImages

RATIO = "wide_ratio"
"""The objective that is no cost of a machine: share of the arithmetic at the widest bits."""


def at_least(value: float, name: str, *, least: float) -> float:
    """Refuse an argument that is too small."""
    if not value >= least:
        raise ConfigError(f"{name} is {value}, expected {least} or more")
    return value


def chosen_space(artifact: Artifact, args: argparse.Namespace) -> SearchSpace:
    """Return what may switch."""
    groups = group_layers(artifact, args.grouping)
    if args.groups is not None:
        groups = merge_groups(artifact, groups, args.groups)
    bits = artifact.bits
    if args.bits is not None:
        try:
            bits = tuple(sorted({Bits(int(text)) for text in args.bits.split(",")}, reverse=True))
        except ValueError as error:
            raise ConfigError(f"--bits is {args.bits!r}: {error}, expected e.g. 16,8") from error
        if len(bits) < 2 or not set(bits) <= set(artifact.bits):
            known = ",".join(str(int(width)) for width in artifact.bits)
            raise ConfigError(f"--bits is {args.bits!r}, expected two or more of {known}")
    level = args.level or artifact.labels.levels[0]
    heads = tuple(head for head in artifact.heads if level in artifact.labels_of(head).levels)
    # An unknown level is refused by the command, in its own words.
    heads = heads or ("leaf",)
    needed = {
        node.name
        for head in heads
        for node in artifact.subnetworks[1.0].needed(artifact.heads[head])
    }
    idle = tuple(layer for layer in artifact.layers if layer not in needed)
    groups = tuple(
        kept for group in groups if (kept := tuple(layer for layer in group if layer in needed))
    )
    return SearchSpace(artifact.layers, groups, bits, artifact.widths, heads, idle)


def chosen_cost(
    artifact: Artifact, plant: Plant, space: SearchSpace, args: argparse.Namespace
) -> tuple[Cost, str]:
    """Return the cost of a mix, and what it is called."""
    if args.objective == RATIO:
        return wide_ratio(artifact, space), "share of arithmetic at the widest bits"
    objective = Objective(args.objective)
    table: CostTable
    if args.cost == "board":
        hertz = None if args.mhz is None else 1e6 * args.mhz
        table = board_costs(
            artifact, plant, *find_opp(plant, cluster=args.cores, frequency_hz=hertz)
        )
    else:
        table = load_costs(args.cost, artifact)

    def cost(mix: Mix) -> float:
        return table.of(space.effort(mix), objective)

    cost(space.cheapest)  # a table that lacks something says so before the search
    cost(space.dearest)
    return cost, f"{objective.value} ({table.name})"


def wide_ratio(artifact: Artifact, space: SearchSpace) -> Cost:
    """Return the share of multiply-accumulates that run at the widest bits."""
    whole = macs_of(artifact, space.effort(space.dearest))

    def cost(mix: Mix) -> float:
        effort = space.effort(mix)
        wide = (
            work.macs
            for work in artifact.work_of(effort)
            if effort.plan.bits_of(work.name) == space.bits[0]
        )
        return sum(wide) / whole

    return cost


def image_sets(artifact: Artifact, args: argparse.Namespace) -> dict[str, Images]:
    """Draw the three sets from the calibration images; the test images are not looked at."""
    chosen = chosen_dataset(artifact, args.dataset)
    data = chosen.load("calibration", data_dir=args.data_dir)
    check_fit(artifact, chosen, data)
    if not isinstance(data, LabelledImages):
        raise ConfigError(f"data set {chosen.name} is read image by image, expected one in memory")
    try:
        shares = tuple(float(text) for text in args.split.split(","))
    except ValueError as error:
        raise ConfigError(f"--split is {args.split!r}: {error}") from error
    if len(shares) != 3:
        raise ConfigError(f"--split is {args.split!r}, expected three shares such as 0.5,0.25,0.25")
    order = np.random.default_rng(args.seed).permutation(len(data))
    used = order[
        : len(data) if args.images is None else int(at_least(args.images, "--images", least=8))
    ]
    parts = split_images(len(used), (shares[0], shares[1], shares[2]), seed=args.seed)
    return {
        name: Images(name, data.images[used[part]], data.labels[used[part]])
        for name, part in zip(SETS, parts, strict=True)
    }
