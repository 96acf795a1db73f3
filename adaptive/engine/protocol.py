"""What every engine offers, and how one is chosen by its name."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol

from adaptive.artifact import Artifact
from adaptive.engine.answer import Booleans, Codes, Floats, Pixels, Unsure
from adaptive.engine.library import is_built
from adaptive.engine.native import NativeEngine
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import EngineError
from adaptive.precision import Effort

EngineName = Literal["numpy", "native"]
ENGINE_NAMES: tuple[EngineName, ...] = ("numpy", "native")


class Engine(Protocol):
    """Runs one artifact at any effort it carries; all engines answer bit for bit the same."""

    artifact: Artifact

    def run(self, images: Pixels, effort: Effort) -> Codes:
        """Return the output codes of each image, shape (N, classes)."""

    def run_all(self, images: Pixels, efforts: Iterable[Effort]) -> Iterator[tuple[Effort, Codes]]:
        """Run several efforts on the same images, yielding `(effort, codes)` in their order."""

    def escalate(
        self, images: Pixels, effort: Effort, unsure: Unsure
    ) -> tuple[Codes, Codes, Booleans]:
        """Run an effort that escalates, and go on where its first answers are unsure.

        Returns the first codes of all N images, the second ones of those that went on, in their
        order, and which these are, shape (N,). Layers that both run alike run once.
        """

    def probabilities(self, images: Pixels, effort: Effort) -> Floats:
        """Return the probability of each leaf, shape (N, classes)."""

    def soften(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into probabilities."""

    def logits(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into real values, shape (N, classes)."""


def default_engine() -> EngineName:
    """Return "native" where it was built, else "numpy"."""
    return "native" if is_built() else "numpy"


def add_engine_option(parser: argparse.ArgumentParser) -> None:
    """Declare `--engine`; None stands for the default."""
    parser.add_argument(
        "--engine",
        choices=ENGINE_NAMES,
        help="integer engine; native by default where it is built, else numpy: both answer "
        "alike, bit for bit",
    )


def make_engine(
    name: EngineName | None, artifact: Artifact, *, threads: int = 1, cores: Sequence[int] = ()
) -> Engine:
    """Make the engine of this name, and no other; the default one for None.

    Raises
    ------
    EngineError
        If there is no such engine, or the native one is not built.
    ArtifactError
        If the engine cannot run the artifact.
    """
    name = name or default_engine()
    if name == "native":
        return NativeEngine(artifact, threads=threads, cores=cores)
    if name == "numpy":
        return ReferenceEngine(artifact)
    raise EngineError(f"engine is {name!r}, expected one of {', '.join(ENGINE_NAMES)}")
