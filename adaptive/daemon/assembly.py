"""Everything a configuration stands for, checked as a whole before any of it is put to use."""

from dataclasses import dataclass
from pathlib import Path

from adaptive.artifact import Artifact, load_artifact
from adaptive.board.match import MatchedBoard, match_board
from adaptive.board.roots import Roots
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.daemon.configuration import Configuration, NetworkEntry, load_configuration
from adaptive.errors import ArtifactError, ConfigError
from adaptive.faults import Fault, FaultLog
from adaptive.operating_point import OperatingPoint, OperatingPointTable, load_points
from adaptive.plant import Plant


@dataclass(frozen=True, slots=True, eq=False)
class Assembly:
    """A configuration with all it names.

    Attributes
    ----------
    configuration
        The configuration.
    plant
        The board.
    matched
        The board's names as the kernel spells them.
    artifact
        Name of the network.
    table
        Its operating points.
    cap_degc
        Temperature not to pass [degC].
    """

    configuration: Configuration
    plant: Plant
    matched: MatchedBoard
    artifact: str
    table: OperatingPointTable
    cap_degc: float

    @property
    def layers(self) -> tuple[str, ...]:
        """The network's switchable layers."""
        return self.table.points[0].effort.plan.layers

    def cpus(self, cores: str) -> tuple[int, ...]:
        """Return the processors of a cluster; empty where they are not known."""
        policy = self.matched.policies.get(self.plant.cluster(cores).island)
        return () if policy is None else policy.cpus


def assemble(path: Path, roots: Roots, faults: FaultLog) -> Assembly:
    """Load a configuration and everything it names, and find it on the board.

    Raises
    ------
    ConfigError, ArtifactError
        If a file or a value is wrong, or breaks physics.
    PlatformError
        If the board does not show what the configuration names.
    """
    configuration = load_configuration(path)
    plant = load_board(configuration.board)
    cap_degc = _cap(configuration, plant, path)
    _check_names(configuration, plant, path)
    artifact, table = _first_usable(configuration.networks, plant, faults)
    matched = match_board(
        plant,
        roots,
        zones=configuration.zones,
        policies=configuration.policies,
        meter=configuration.meter,
    )
    return Assembly(configuration, plant, matched, artifact, table, cap_degc)


def _cap(configuration: Configuration, plant: Plant, path: Path) -> float:
    cap = plant.cap_degc if configuration.cap_degc is None else configuration.cap_degc
    if not cap < plant.critical_degc:
        raise ConfigError(
            f"{path}: cap_degc is {cap:g}, expected below the critical "
            f"{plant.critical_degc:g} degC of board {plant.name}"
        )
    if not configuration.ambient_degc < cap:
        raise ConfigError(
            f"{path}: ambient_degc is {configuration.ambient_degc:g}, expected below the cap of "
            f"{cap:g} degC"
        )
    return cap


def _check_names(configuration: Configuration, plant: Plant, path: Path) -> None:
    for field, names, known in (
        ("zones", configuration.zones, [zone.name for zone in plant.zones]),
        ("policies", configuration.policies, list(plant.islands.names)),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"{path}: {field}.{name} is no name of board {plant.name}, expected one of "
                    f"{', '.join(known)}"
                )


def _first_usable(
    networks: tuple[NetworkEntry, ...], plant: Plant, faults: FaultLog
) -> tuple[str, OperatingPointTable]:
    """Return the first network that can be run; those before it are skipped, and said to be."""
    reasons = []
    for network in networks:
        try:
            artifact = load_artifact(network.artifact)
            return artifact.name, _points(network, artifact, plant, faults)
        except (ArtifactError, ConfigError) as error:
            reasons.append(str(error))
            faults.once(Fault.POINT_SKIPPED, network.artifact, detail=str(error))
    raise ConfigError(f"networks: none can be run: {'; '.join(reasons)}")


def _points(
    network: NetworkEntry, artifact: Artifact, plant: Plant, faults: FaultLog
) -> OperatingPointTable:
    """Return the points that the artifact and the board can bring about."""
    if network.points is None:
        return build_points(plant, artifact, images_per_frame=network.images_per_frame)
    table = load_points(Path(network.points))
    usable = []
    for point in table:
        wrong = _misfit(point, artifact, plant, table.checksum)
        if wrong:
            faults.once(Fault.POINT_SKIPPED, point.name, detail=wrong)
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
    if point.effort.head not in artifact.heads:
        return f"artifact {artifact.name} has no head {point.effort.head!r}"
    if point.cores not in [cluster.name for cluster in plant.clusters]:
        return f"board {plant.name} has no cluster {point.cores!r}"
    if any(island not in plant.islands.names for island in point.islands):
        return f"board {plant.name} lacks one of its islands"
    return None
