"""Everything a configuration stands for, checked as a whole before any of it is put to use."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adaptive.board.match import MatchedBoard, match_board
from adaptive.board.roots import Roots
from adaptive.config import load_board
from adaptive.daemon.configuration import Configuration, load_configuration
from adaptive.daemon.networks import Chosen, NetworkEntry
from adaptive.errors import ConfigError
from adaptive.faults import Fault, FaultLog
from adaptive.operating_point import OperatingPointTable
from adaptive.plant import Plant

Choose = Callable[[str, tuple[NetworkEntry, ...]], Chosen]


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


def assemble(path: Path, roots: Roots, faults: FaultLog, *, choose: Choose) -> Assembly:
    """Load a configuration and everything it names, and find it on the board.

    Parameters
    ----------
    path
        The configuration.
    roots
        Where the kernel shows itself.
    faults
        Where what is skipped is reported.
    choose
        Finds the network that can be run.

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
    chosen = choose(configuration.board, configuration.networks)
    for what, reason in chosen.skipped:
        faults.once(Fault.POINT_SKIPPED, what, detail=reason)
    matched = match_board(
        plant,
        roots,
        zones=configuration.zones,
        policies=configuration.policies,
        meter=configuration.meter,
    )
    return Assembly(configuration, plant, matched, chosen.artifact, chosen.table, cap_degc)


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
