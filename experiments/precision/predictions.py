"""What a network answered on its test images, kept so that every table can be made again from it.

For every plan the best leaf of each image; for a few plans also the best node of each level and
the probabilities on the way up from the best leaf. A few hundred kilobytes in all.
"""

import io
import json
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.labels import LabelTree
from adaptive.levels import Ladder, Ways
from adaptive.precision import Bits, PrecisionPlan

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

STEPS = 65_535
"""Probabilities are kept in steps of 1 / 65,535: rounding keeps their order, which is all that
a conformal threshold rests on."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many output codes of torch and the reference engine differ, on some images."""

    images: int
    plans: int
    differing: int


@dataclass(frozen=True, slots=True)
class Hedged:
    """The baseline of level choice (DARTS) at one plan and alpha, averaged over the splits."""

    plan: str
    alpha: float
    coverage: float
    information_bits: float


@dataclass(frozen=True, slots=True)
class Source:
    """Where predictions come from: a network, its checksum, and the data set whose test images."""

    artifact: str
    checksum: str
    dataset: str


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What one network answered on N images.

    Parameters
    ----------
    source
        Which network, on which images.
    labels
        Leaf index of each image, shape (N,).
    float_leaves
        Best leaf of each image in plain float, shape (N,).
    plans
        Every plan that was run.
    leaves
        Best leaf of each image at each of them, shape (plans, N).
    studied
        How many plans, the first ones, have what follows.
    nodes
        Most probable node of each image at each level above the leaves, shape (studied, levels - 1,
        N): an index into `LabelTree.nodes`.
    sureness
        Probabilities of the nodes from the best leaf up, the root left out, in steps of
        1 / `STEPS`; shape (studied, N, levels).
    agreement, hedged
        What was found beside the predictions.
    """

    source: Source
    labels: Bytes
    float_leaves: Bytes
    plans: tuple[PrecisionPlan, ...]
    leaves: Bytes
    nodes: Bytes
    sureness: NDArray[np.uint16]
    agreement: Agreement
    hedged: tuple[Hedged, ...] = ()

    def __post_init__(self) -> None:
        count, studied, levels = len(self.labels), len(self.nodes), self.sureness.shape[-1]
        wanted = {
            "float_leaves": (count,),
            "leaves": (len(self.plans), count),
            "nodes": (studied, levels - 1, count),
            "sureness": (studied, count, levels),
        }
        for field, shape in wanted.items():
            found = getattr(self, field).shape
            if found != shape:
                raise ValueError(f"{field} has shape {found}, expected {shape}")
        if not 1 <= studied <= len(self.plans):
            raise ValueError(f"{studied} plans are studied, expected 1 to {len(self.plans)}")

    @property
    def studied(self) -> tuple[PrecisionPlan, ...]:
        """The plans with levels and probabilities."""
        return self.plans[: len(self.nodes)]

    def leaves_of(self, plan: PrecisionPlan) -> Bytes:
        """Return the best leaf of each image at a plan, shape (N,)."""
        leaves: Bytes = self.leaves[self.plans.index(plan)]
        return leaves

    def nodes_of(self, plan: PrecisionPlan, tree: LabelTree, level: str) -> Integers:
        """Return the most probable node of each image at a level, shape (N,)."""
        height = tree.levels.index(level)
        if height == 0:
            return self.leaves_of(plan).astype(np.int64)
        nodes: Integers = self.nodes[self.plans.index(plan), height - 1].astype(np.int64)
        return nodes

    def ways(self, plan: PrecisionPlan, ladder: Ladder) -> Ways:
        """Return the ways up from the best leaves at a plan that was studied."""
        steps = self.sureness[self.plans.index(plan)] / STEPS
        probabilities = np.concatenate([steps, np.ones((len(steps), 1))], axis=1)
        return Ways(ladder, ladder.chains[self.leaves_of(plan)], probabilities)


def save_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions whole or not at all."""
    facts = {
        "source": asdict(predictions.source),
        "layers": predictions.plans[0].layers,
        "agreement": asdict(predictions.agreement),
        "hedged": [asdict(entry) for entry in predictions.hedged],
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
        bits=np.array([plan.bits for plan in predictions.plans], np.uint8),
        labels=predictions.labels,
        float_leaves=predictions.float_leaves,
        # Plans answer nearly alike: most of what is left is zero, and takes no room.
        leaves=predictions.leaves ^ predictions.float_leaves,
        nodes=predictions.nodes,
        sureness=predictions.sureness,
    )
    write_atomically(path, buffer.getvalue())


def load_predictions(path: Path) -> Predictions:
    """Read predictions; raises ConfigError naming the file if it is missing or damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            facts = json.loads(content["facts"].tobytes())
            layers = tuple(facts["layers"])
            plans = tuple(
                PrecisionPlan(layers, tuple(Bits(int(b)) for b in row)) for row in content["bits"]
            )
            return Predictions(
                source=Source(**facts["source"]),
                labels=content["labels"],
                float_leaves=content["float_leaves"],
                plans=plans,
                leaves=content["leaves"] ^ content["float_leaves"],
                nodes=content["nodes"],
                sureness=content["sureness"],
                agreement=Agreement(**facts["agreement"]),
                hedged=tuple(Hedged(**entry) for entry in facts["hedged"]),
            )
    # What a damaged file makes the readers raise is of many kinds; here each means the same.
    except (
        OSError, EOFError, ValueError, LookupError, TypeError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        line = " ".join(str(reason).split())
        raise ConfigError(f"{path}: no predictions: {line}; --rerun makes them") from error
