"""Search real networks in both arithmetics: `python -m experiments.search_table`.

    python -m experiments.search_table [--network NAME ...] [--images N] [--work-dir DIR] [--json]

The table has the form in which dynamic precision scaling was first published (points, accuracy
lost, savings, time to find them) with what that one lacked: which points can be told apart, and
savings at half a point of loss. Killed at any moment, it goes on where it stopped.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact, load_artifact
from adaptive.cost_table import Objective, load_costs
from adaptive.errors import AdaptiveError, ConfigError
from adaptive.search.executors.choose import add_executor_arguments, open_executor
from adaptive.search.executors.protocol import Executor
from adaptive.search.grouping import group_layers
from adaptive.search.meter import Images
from adaptive.search.points import FoundPoint, split_images
from adaptive.search.racing import Race
from adaptive.search.run import SETS, Found, Question, run_search
from adaptive.search.space import Mix, SearchSpace
from adaptive.search.surrogate import Surrogate
from experiments.commands.evaluate import chosen_dataset, watched
from experiments.docs import markdown_table, replace_block
from models.data import LabelledImages

NETWORKS = ("resnet8_cifar10", "mobilenet_v1_cifar10", "digits")
SHARES = (0.5, 0.25, 0.25)
RANGE_IMAGES = 1000
HALF_A_POINT = 0.005
HEADER = (
    "network", "arithmetic", "layers", "points", "told apart", "points lost", "saved",
    "saved at 0.5 points lost", "mixes measured", "CPU s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One network in one arithmetic; shares are 0..1.

    Attributes
    ----------
    points, apart
        Points of the front, and those of them that can be told apart.
    loss, saving
        Of the cheapest point within three points of loss, against the widest plan, on the report
        images.
    saving_at_half
        Most saved by a point of the front that loses half a point at most.
    cpu_s
        Processor time of the search in this process [s].
    """

    network: str
    arithmetic: str
    layers: int
    points: int
    apart: int
    loss: float
    saving: float
    saving_at_half: float
    mixes: int
    images: int
    cpu_s: float

    def cells(self) -> list[str]:
        """Return its row of the table."""
        return [
            self.network,
            self.arithmetic,
            str(self.layers),
            str(self.points),
            str(self.apart),
            f"{100 * self.loss:.2f}",
            f"{self.saving:.1%}",
            f"{self.saving_at_half:.1%}",
            str(self.mixes),
            f"{self.cpu_s:.0f}",
        ]


def searched(
    artifact: Artifact,
    data: LabelledImages,
    *,
    executor: Executor,
    journal: Path,
    budget: int,
) -> Row:
    """Search one network on the accelerator model's energy."""
    space = SearchSpace(artifact.layers, group_layers(artifact, "layer"), artifact.bits)
    table = load_costs("accelerator", artifact)

    def cost(mix: Mix) -> float:
        return table.of(space.effort(mix), Objective.ENERGY)

    parts = split_images(len(data), SHARES, seed=0)
    sets = {
        name: Images(name, data.images[part], data.labels[part])
        for name, part in zip(SETS, parts, strict=True)
    }
    question = Question(artifact, space, sets, cost, budget, race=Race())
    start_s = time.process_time()
    with watched(f"{artifact.name}, {artifact.arithmetic.value}") as progress:
        found = run_search(
            question, Surrogate(), seed=0, executor=executor, journal=journal, progress=progress
        )
    return _row(artifact, found, images=len(data), cpu_s=time.process_time() - start_s)


def _row(artifact: Artifact, found: Found, *, images: int, cpu_s: float) -> Row:
    """Gather the figures of a search."""
    problem = found.problem
    points = found.points[artifact.labels.levels[0]]
    most = problem.cost(problem.space.dearest)
    top = max(point.reported.accuracy for point in points)

    def saving(point: FoundPoint) -> float:
        return 1.0 - point.cost / most

    near = [point for point in points if top - point.reported.accuracy <= HALF_A_POINT]
    return Row(
        network=artifact.name,
        arithmetic=artifact.arithmetic.value,
        layers=len(artifact.layers),
        points=len(points),
        apart=sum(point.apart for point in points),
        loss=top - points[0].reported.accuracy,
        saving=saving(points[0]),
        saving_at_half=max(saving(point) for point in near),
        mixes=len(problem.answers),
        images=images,
        cpu_s=cpu_s,
    )


def rows(args: argparse.Namespace, executor: Executor) -> Iterator[Row]:
    """Search every network in both arithmetics."""
    # Only who searches needs torch.
    from experiments.search.requantised import requantised

    args.work_dir.mkdir(parents=True, exist_ok=True)
    for name in args.network or NETWORKS:
        plain = load_artifact(name)
        data = chosen_dataset(plain, None).load("calibration", data_dir=args.data_dir)
        if not isinstance(data, LabelledImages):
            raise ConfigError(f"artifact {name}: its images are read one by one, expected a set")
        order = np.random.default_rng(0).permutation(len(data))[: args.images]
        drawn = LabelledImages(data.images[order], data.labels[order])
        for arithmetic in (Arithmetic.RADIX, Arithmetic.AFFINE):
            artifact = (
                plain
                if plain.arithmetic is arithmetic
                else requantised(plain, arithmetic, plain.bits, images=data.images[:RANGE_IMAGES])
            )
            yield searched(
                artifact,
                drawn,
                executor=executor,
                journal=args.work_dir / f"{artifact.name}.{arithmetic.value}.journal",
                budget=args.budget,
            )


def main(arguments: list[str]) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description="Search real networks in both arithmetics.")
    parser.add_argument("--network", action="append", help="artifact or file (the bundled ones)")
    parser.add_argument("--images", type=int, default=2000, help="at most (%(default)s)")
    parser.add_argument("--budget", type=int, default=100, help="mixes to measure (%(default)s)")
    parser.add_argument("--data-dir", type=Path, help="folder of the data set ($ADAPTIVE_DATA)")
    parser.add_argument("--work-dir", type=Path, default=Path("runs/search_table"))
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the table into a page")
    add_executor_arguments(parser)
    args = parser.parse_args(arguments)
    try:
        if min(args.images, args.budget) < 8:
            raise ConfigError("--images and --budget must be 8 or more")
        with open_executor(jobs=args.jobs, cluster=args.cluster) as executor:
            found = []
            for row in rows(args, executor):
                found.append(row)
                if args.json:
                    print(json.dumps(asdict(row)), flush=True)
    except (AdaptiveError, OSError) as error:
        print(f"search_table: {error}", file=sys.stderr)
        return 2
    table = markdown_table(HEADER, [row.cells() for row in found])
    if not args.json:
        print(table)
    if args.docs:
        replace_block(args.docs, "search-table", table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
