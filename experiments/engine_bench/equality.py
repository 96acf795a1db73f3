"""Whether every kernel set of this machine answers bit for bit as the numpy reference.

The bundled networks and the zoo's are run at all-16, all-8 and random plans, at every width and
head they carry. The reference computes its answers once, layers shared between efforts, and all
kernel sets are held against them; a later run finds them where networks are kept.
"""

import hashlib
import inspect
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from adaptive import arithmetic, evaluate, nesting, quantise
from adaptive.artifact import Artifact, artifact_names, load_artifact
from adaptive.engine import convolve, reference
from adaptive.engine.answer import Codes, Pixels
from adaptive.engine.library import kernel_sets
from adaptive.engine.native import NativeEngine
from adaptive.engine.reference import ReferenceEngine
from adaptive.evaluate import run_schedule, schedule
from adaptive.files import write_atomically
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from experiments.engine_bench.config import NetworkEntry
from experiments.engine_bench.networks import draw_images, prepare
from experiments.progress import Progress
from models.zoo.catalogue import Kind

SMALL_MACS = 100e6
"""Multiply-accumulates up to which a network is run on many images at many plans."""
THREADS = 2
CALIBRATION_IMAGES = 8
REFERENCE = (reference, convolve, quantise, arithmetic, nesting, evaluate)
"""What the reference's answers come from."""
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

    `seconds` is what the kernel set took, `reference_s` what the reference took, or reading what it
    answered before.
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
        rows += compare(name, artifact, extent, seed=seed, folder=folder, progress=bar)
        bar.close()
    return rows


def compare(
    name: str,
    artifact: Artifact,
    extent: Extent,
    *,
    seed: int,
    folder: Path | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> list[EqualityRow]:
    """Run one network with every kernel set of this machine against the reference.

    What the reference answers is kept in the folder, if there is one.
    """
    efforts = efforts_of(artifact, extent.plans, seed=seed)
    images = draw_images(artifact.source.shape, extent.images, seed=seed + 1)
    sets = kernel_sets()
    share = 1 / (1 + len(sets))
    began = time.perf_counter()
    answers = keep_answers(artifact, images, efforts, folder, lambda done: progress(done * share))
    reference_s = time.perf_counter() - began
    rows = []
    for number, isa in enumerate(sets, start=1):
        engine = NativeEngine(artifact, isa=isa, threads=THREADS)
        began, wrong = time.perf_counter(), 0
        for done, (effort, expected) in enumerate(zip(efforts, answers, strict=True), start=1):
            wrong += int(np.sum(engine.run(images, effort) != expected))
            progress((number + done / len(efforts)) * share)
        rows.append(
            EqualityRow(
                "equality",
                name,
                sum(work.macs for work in artifact.work),
                isa,
                len(efforts),
                len(images),
                sum(codes.size for codes in answers),
                wrong,
                round(time.perf_counter() - began, 2),
                round(reference_s, 2),
            )
        )
    return rows


def keep_answers(
    artifact: Artifact,
    images: Pixels,
    efforts: Sequence[Effort],
    folder: Path | None,
    progress: Callable[[float], None],
) -> list[Codes]:
    """Return the reference's output codes for each effort, computed once for a folder.

    A file is found again only for the same network, images, efforts and code of the reference.
    """
    if folder is None:
        return _answers(artifact, images, efforts, progress)
    digest = hashlib.sha256(images.tobytes())
    digest.update(" ".join([artifact.checksum, *(effort.code for effort in efforts)]).encode())
    for module in REFERENCE:
        digest.update(inspect.getsource(module).encode())
    path = folder / f"{artifact.name}-answers-{digest.hexdigest()[:16]}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            return [file[str(position)] for position in range(len(efforts))]
    answers = _answers(artifact, images, efforts, progress)
    buffer = io.BytesIO()
    named = {str(position): codes for position, codes in enumerate(answers)}
    np.savez_compressed(buffer, allow_pickle=False, **named)
    write_atomically(path, buffer.getvalue())
    return answers


def _answers(
    artifact: Artifact,
    images: Pixels,
    efforts: Sequence[Effort],
    progress: Callable[[float], None],
) -> list[Codes]:
    """Run the reference, layers shared between efforts, a batch of images at a time."""
    engine, plan = ReferenceEngine(artifact), schedule(artifact, efforts)
    parts: list[list[Codes]] = [[] for _ in efforts]
    size, done = plan.batch_size(), 0
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        for position, codes in run_schedule(engine, batch, plan):
            parts[position].append(codes)
            done += len(batch)
            progress(done / (len(efforts) * len(images)))
    return [np.concatenate(codes) for codes in parts]
