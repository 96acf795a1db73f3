"""An oracle: which images every mix of a network answers rightly, so that a search costs nothing.

The file is a .npz with a JSON manifest and, packed and compressed, one bit for each mix and image.
"""

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.precision import Bits
from adaptive.search.space import Mix, SearchSpace

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """Everything about a space, known.

    Attributes
    ----------
    name
        Network and arithmetic.
    space
        The mixes, in lexicographic order below.
    right
        Right answers at the leaves, shape (mixes, images).
    costs
        Cost of one image, shape (mixes,).
    facts
        How it was made.
    """

    name: str
    space: SearchSpace
    right: Booleans
    costs: Floats
    facts: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.right.ndim != 2 or len(self.right) != self.space.size:
            raise ValueError(f"right is {self.right.shape}, expected {self.space.size} rows")
        if self.costs.shape != (self.space.size,):
            raise ValueError(f"costs is {self.costs.shape}, expected ({self.space.size},)")

    def row(self, mix: Mix) -> int:
        """Return the position of a mix."""
        return int(np.ravel_multi_index(mix, self.space.options))

    def cost(self, mix: Mix) -> float:
        """Return what a mix costs."""
        return float(self.costs[self.row(mix)])

    @property
    def accuracies(self) -> Floats:
        """Share of right answers, shape (mixes,)."""
        return np.asarray(self.right.mean(axis=1), dtype=np.float64)

    @property
    def narrowest_loss(self) -> float:
        """What the narrowest mix loses against the widest [0..1]."""
        return float(self.accuracies[0] - self.accuracies[-1])


@dataclass(frozen=True, slots=True, eq=False)
class OracleMeter:
    """Looks answers up on some of an oracle's images."""

    oracle: Oracle
    positions: NDArray[np.int64]

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self.positions)

    def right(self, mixes: Sequence[Mix], start: int, stop: int) -> Booleans:
        """Tell which of the images from `start` to `stop` each mix answers rightly, (mixes, n)."""
        rows = np.array([self.oracle.row(mix) for mix in mixes], dtype=np.int64)
        return self.oracle.right[np.ix_(rows, self.positions[start:stop])]


def save_oracle(oracle: Oracle, path: Path) -> None:
    """Write an oracle, whole or not at all."""
    manifest = {
        "name": oracle.name,
        "layers": oracle.space.layers,
        "groups": oracle.space.groups,
        "bits": [int(bits) for bits in oracle.space.bits],
        "shape": oracle.right.shape,
        "facts": dict(oracle.facts),
    }
    packed = np.packbits(oracle.right, axis=1)
    # Neighbours in the order differ in few layers: what changes between them is mostly zero.
    packed[1:] ^= packed[:-1].copy()
    stream = BytesIO()
    np.savez(
        stream,
        manifest=np.frombuffer(json.dumps(manifest, sort_keys=True).encode(), np.uint8),
        right=np.frombuffer(lzma.compress(packed.tobytes(), preset=9), np.uint8),
        costs=oracle.costs,
    )
    write_atomically(path, stream.getvalue())


def oracle_names() -> tuple[str, ...]:
    """Return the names of the bundled oracles."""
    found = files("experiments.search.oracles").iterdir()
    return tuple(sorted(m.name.removesuffix(".npz") for m in found if m.name.endswith(".npz")))


def load_oracle(name_or_path: str | Path) -> Oracle:
    """Load a bundled oracle by its name, or any by its path.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not an oracle.
    """
    where = str(name_or_path)
    try:
        if where in oracle_names():
            member = files("experiments.search.oracles").joinpath(f"{where}.npz")
            content = member.read_bytes()
        else:
            content = Path(name_or_path).read_bytes()
        with np.load(BytesIO(content), allow_pickle=False) as members:
            manifest = json.loads(members["manifest"].tobytes())
            rows, images = manifest["shape"]
            packed = np.frombuffer(
                lzma.decompress(members["right"].tobytes()), dtype=np.uint8
            ).reshape(rows, -1)
            costs = members["costs"]
        right = np.unpackbits(np.bitwise_xor.accumulate(packed, axis=0), axis=1, count=images)
        space = SearchSpace(
            tuple(manifest["layers"]),
            tuple(tuple(group) for group in manifest["groups"]),
            tuple(Bits(bits) for bits in manifest["bits"]),
        )
        return Oracle(manifest["name"], space, right.astype(np.bool_), costs, manifest["facts"])
    except OSError as error:
        raise ConfigError(
            f"{where}: {error.strerror or error}, expected a file or one of the bundled oracles: "
            f"{', '.join(oracle_names())}"
        ) from error
    except (ValueError, KeyError, TypeError, lzma.LZMAError, EOFError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{where}: not an oracle ({line})") from error
