"""Which points of which network a board can bring about; loads the artifact to tell."""

from pathlib import Path

from adaptive.artifact import Artifact, load_artifact
from adaptive.cost import build_points
from adaptive.daemon.networks import Chosen, NetworkEntry
from adaptive.errors import ArtifactError, ConfigError
from adaptive.operating_point import OperatingPoint, OperatingPointTable, load_points
from adaptive.plant import Plant


def first_usable(networks: tuple[NetworkEntry, ...], plant: Plant) -> Chosen:
    """Return the first network that can be run; ConfigError, with every reason, if none can."""
    skipped: list[tuple[str, str]] = []
    for network in networks:
        try:
            artifact = load_artifact(network.artifact)
            table = _points(network, artifact, plant, skipped)
        except (ArtifactError, ConfigError) as error:
            skipped.append((network.artifact, str(error)))
        else:
            return Chosen(artifact.name, table, tuple(skipped))
    reasons = "; ".join(reason for _, reason in skipped)
    raise ConfigError(f"networks: none can be run: {reasons}")


def _points(
    network: NetworkEntry, artifact: Artifact, plant: Plant, skipped: list[tuple[str, str]]
) -> OperatingPointTable:
    """Return the points that the artifact and the board can bring about."""
    if network.points is None:
        return build_points(plant, artifact, images_per_frame=network.images_per_frame)
    table = load_points(Path(network.points))
    usable = []
    for point in table:
        wrong = _misfit(point, artifact, plant, table.checksum)
        if wrong:
            skipped.append((point.name, wrong))
        else:
            usable.append(point)
    if not usable:
        raise ConfigError(
            f"{network.points}: no point fits artifact {artifact.name} on board {plant.name}; "
            "make the file again: adaptive points"
        )
    return OperatingPointTable(table.board, table.artifact, table.checksum, tuple(usable))


def _misfit(point: OperatingPoint, artifact: Artifact, plant: Plant, checksum: str) -> str | None:
    """Return why a point cannot be run, or None."""
    plan = point.effort.plan
    if checksum != artifact.checksum:
        return f"was made for another artifact ({checksum[:12]}, not {artifact.checksum[:12]})"
    if plan.layers != artifact.layers or not set(plan.bits) <= set(artifact.bits):
        return f"its plan does not fit artifact {artifact.name}"
    if point.effort.width not in artifact.widths:
        return f"artifact {artifact.name} has no width {point.effort.width:g}"
    if point.effort.head not in artifact.heads:
        return f"artifact {artifact.name} has no head {point.effort.head!r}"
    if point.cores not in [cluster.name for cluster in plant.clusters]:
        return f"board {plant.name} has no cluster {point.cores!r}"
    if any(island not in plant.islands.names for island in point.islands):
        return f"board {plant.name} lacks one of its islands"
    return None
