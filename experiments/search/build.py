"""Making an oracle: every mix of a network measured through the prefix tree."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import yaml

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact, load_artifact
from adaptive.cost_table import Objective, load_costs
from adaptive.errors import ConfigError
from adaptive.precision import Bits
from adaptive.search.executors.protocol import Executor
from adaptive.search.grouping import Grouping, group_layers, merge_groups
from adaptive.search.meter import STRETCH, Bench, Images, Piece, measure_piece
from adaptive.search.space import SearchSpace
from experiments.commands.evaluate import chosen_dataset
from experiments.progress import Progress
from experiments.search.oracle_file import Oracle
from models.data import Distortion, LabelledImages, enlarge

CONFIG = Path(__file__).parents[1] / "search_oracle.yaml"


@dataclass(frozen=True, slots=True)
class OracleEntry:
    """One entry of the YAML file; see its comments."""

    artifact: str
    arithmetic: Arithmetic
    range_images: int
    grouping: Grouping
    bits: tuple[Bits, ...]
    images: int
    cost: str
    groups: int | None = None
    versions: int = 1
    first: int = 0


def oracle_entries(path: Path = CONFIG) -> dict[str, OracleEntry]:
    """Read the YAML file; raises ConfigError naming the field."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return msgspec.convert(content, dict[str, OracleEntry])
    except (OSError, ValueError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error


def build_oracle(
    name: str, entry: OracleEntry, *, data_dir: Path | None, executor: Executor
) -> Oracle:
    """Measure every mix on the first calibration images."""
    plain = load_artifact(entry.artifact)
    data = chosen_dataset(plain, None).load("calibration", data_dir=data_dir)
    if not isinstance(data, LabelledImages):
        raise ConfigError(f"artifact {plain.name}: its images are read one by one, expected a set")
    artifact = in_arithmetic(plain, entry, data)
    data = several_versions(data, entry.versions)
    chosen = slice(entry.first, entry.first + entry.images)
    known = Images("oracle", data.images[chosen], data.labels[chosen])
    count = len(known)
    groups = group_layers(artifact, entry.grouping)
    if entry.groups is not None:
        groups = merge_groups(artifact, groups, entry.groups)
    space = SearchSpace(artifact.layers, groups, entry.bits)
    efforts = tuple(space.effort(mix) for mix in space.mixes())
    pieces = [
        Piece("oracle", start, min(start + STRETCH, count), efforts)
        for start in range(0, count, STRETCH)
    ]
    progress = Progress(f"{name}: {len(efforts):,} mixes, {count:,} images")
    parts = []
    for part in executor.map(measure_piece, pieces, shared=Bench(artifact, {"oracle": known})):
        parts.append(part[:, 0])
        progress(len(parts) / len(pieces))
    progress.close()
    table = load_costs(entry.cost, artifact)
    facts = {
        "command": f"python -m experiments.search_oracle --build {name}",
        "artifact": artifact.name,
        "checksum": artifact.checksum,
        "images": f"{count} calibration images from number {entry.first} on"
        + (f", each in {entry.versions} versions" if entry.versions > 1 else ""),
        "cost": f"{table.name}, {Objective.ENERGY.value}",
    }
    costs = np.array([table.of(effort, Objective.ENERGY) for effort in efforts])
    return Oracle(name, space, np.concatenate(parts, axis=1), costs, facts)


def in_arithmetic(artifact: Artifact, entry: OracleEntry, data: LabelledImages) -> Artifact:
    """Return the network in the entry's arithmetic and bits, as it is or requantised."""
    if artifact.arithmetic is entry.arithmetic and set(entry.bits) <= set(artifact.bits):
        return artifact
    # Only who builds needs torch.
    from experiments.search.requantised import requantised

    return requantised(
        artifact, entry.arithmetic, entry.bits, images=data.images[: entry.range_images]
    )


def several_versions(data: LabelledImages, versions: int) -> LabelledImages:
    """Return each image in so many versions, moved at random as where digits are measured."""
    if versions == 1:
        return data
    distortion = Distortion(rotation_deg=15.0, shift_px=1.0, zoom=0.15, noise=8.0)
    return enlarge(data, versions, distortion, seed=7)
