"""Whether every kernel set of this machine answers bit for bit as the numpy reference.

The bundled networks and the zoo's are run at all-16, all-8 and random plans, at every width and
head they carry. The reference computes its answers once, layers shared between efforts, and all
kernel sets are held against them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from adaptive.artifact import Artifact, artifact_names, load_artifact
from adaptive.engine.answer import Pixels
from adaptive.engine.library import kernel_sets
from adaptive.engine.native import NativeEngine
from adaptive.engine.reference import ReferenceEngine
from adaptive.evaluate import run_schedule, schedule
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from experiments.engine_bench.config import NetworkEntry
from experiments.engine_bench.networks import draw_images, prepare
from experiments.progress import Progress
from models.zoo.catalogue import Kind

SMALL_MACS = 100e6
"""Multiply-accumulates up to which a network is run on many images at many plans."""
THREADS = 2
CALIBRATION_IMAGES = 8
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if not kind.endswith("_early"))
"""Networks of the zoo that random weights suit; those with two heads are bundled."""


@dataclass(frozen=True, slots=True)
class Extent:
    """On how many images, and at how many random plans beside the two uniform ones."""

    images: int
    plans: int


SMALL, LARGE = Extent(images=200, plans=50), Extent(images=5, plans=3)


@dataclass(frozen=True, slots=True)
class EqualityRow:
    """One network with one kernel set: output codes compared, those that differ, and time [s].

    `seconds` is what the kernel set took, `reference_s` what the reference took for all of them.
    """

    check: str
    network: str
    macs: int
    isa: str
    efforts: int
    images: int
    codes: int
    differences: int
    seconds: float
    reference_s: float

    def to_dict(self) -> dict[str, object]:
        """Return the fields as the JSON lines have them."""
        return asdict(self)


def networks_to_compare(folder: Path, *, seed: int) -> Iterator[tuple[str, Artifact]]:
    """Yield every bundled network, and those of the zoo with random weights kept in the folder."""
    for name in artifact_names():
        yield name, load_artifact(name)
    for kind in KINDS:
        entry = NetworkEntry(kind)
        yield kind, prepare(entry, folder, seed=seed, images=CALIBRATION_IMAGES).artifact


def efforts_of(artifact: Artifact, plans: int, *, seed: int) -> tuple[Effort, ...]:
    """Return the uniform plans and random ones, at every width and head."""
    layers = artifact.layers
    uniform = [PrecisionPlan.uniform(layers, bits) for bits in (Bits.INT16, Bits.INT8)]
    drawn = random_plans(layers, min(plans, 2 ** len(layers)), seed=seed)
    return tuple(
        Effort(plan, width, head)
        for plan in dict.fromkeys((*uniform, *drawn))
        for width in artifact.widths
        for head in artifact.heads
    )


def compare_all(
    folder: Path, *, seed: int, progress: Callable[[str], Progress] = Progress
) -> list[EqualityRow]:
    """Compare every network: small ones on many images and plans, large ones on a few."""
    rows = []
    for name, artifact in networks_to_compare(folder, seed=seed):
        macs = sum(work.macs for work in artifact.work)
        bar = progress(name)
        extent = SMALL if macs <= SMALL_MACS else LARGE
        rows += compare(name, artifact, extent, seed=seed, progress=bar)
        bar.close()
    return rows


def compare(
    name: str,
    artifact: Artifact,
    extent: Extent,
    *,
    seed: int,
    sets: Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> list[EqualityRow]:
    """Run one network with every kernel set, or those named, against the reference."""
    efforts = efforts_of(artifact, extent.plans, seed=seed)
    images = draw_images(artifact.source.shape, extent.images, seed=seed + 1)
    names = kernel_sets() if sets is None else tuple(sets)
    engines = {isa: NativeEngine(artifact, isa=isa, threads=THREADS) for isa in names}
    spent, wrong = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    reference, plan = ReferenceEngine(artifact), schedule(artifact, efforts)
    began, size, codes, done = time.perf_counter(), plan.batch_size(), 0, 0
    for start in range(0, len(images), size):
        part: Pixels = images[start : start + size]
        for position, expected in run_schedule(reference, part, plan):
            for isa, engine in engines.items():
                before = time.perf_counter()
                found = engine.run(part, efforts[position])
                spent[isa] += time.perf_counter() - before
                wrong[isa] += int(np.sum(found != expected))
            codes += expected.size
            done += len(part)
            progress(done / (len(efforts) * len(images)))
    reference_s = time.perf_counter() - began - sum(spent.values())
    return [
        EqualityRow(
            "equality",
            name,
            sum(work.macs for work in artifact.work),
            isa,
            len(efforts),
            len(images),
            codes,
            wrong[isa],
            round(spent[isa], 2),
            round(reference_s, 2),
        )
        for isa in names
    ]
