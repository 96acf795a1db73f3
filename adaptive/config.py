"""Board files: YAML in, a checked `Plant` out, and one clear line when something is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from adaptive.board_file import BoardFile, ComputeEntry, PowerEntry, ThermalEntry
from adaptive.errors import ConfigError
from adaptive.plant import Cluster, Plant, Zone
from adaptive.precision import Bits
from adaptive.strict_yaml import convert_yaml, load_yaml
from dvfs.islands import IslandMap, VoltageIsland
from dvfs.opp import Opp, OppTable
from dvfs.power import BlockPower, Leakage, PowerModel
from thermal.network import RcNetwork, network_from_resistances

_Key = TypeVar("_Key", str, tuple[str, str])
_BOARDS = Path(__file__).parent / "boards"


def board_names() -> tuple[str, ...]:
    """Return the names of the bundled boards, sorted."""
    return tuple(sorted(path.stem for path in _BOARDS.glob("*.yaml")))


def read_board(name_or_path: str | Path) -> BoardFile:
    """Return a board file as written, with the source of every number.

    Parameters
    ----------
    name_or_path
        Name of a bundled board, or path of a YAML file.

    Raises
    ------
    ConfigError
        If there is no such board, or the file is not what `adaptive.board_file` describes.
    """
    path = board_path(name_or_path)
    return parse_board(load_yaml(path), origin=str(path))


def parse_board(content: object, *, origin: str) -> BoardFile:
    """Return the board file of parsed YAML; ConfigError names `origin` and the field."""
    return convert_yaml(content, BoardFile, origin=origin)


def load_board(name_or_path: str | Path) -> Plant:
    """Return the plant a board file describes.

    Parameters
    ----------
    name_or_path
        Name of a bundled board, or path of a YAML file.

    Raises
    ------
    ConfigError
        As `read_board`, and if the numbers break physics: a non-passive network, a block on two
        islands, a cap above the critical temperature.
    """
    return build_plant(read_board(name_or_path), origin=str(board_path(name_or_path)))


def build_plant(board: BoardFile, *, origin: str) -> Plant:
    """Return the plant of a board file; ConfigError names `origin` and the field."""
    with _field(origin, "islands"):
        islands = IslandMap(tuple(_islands(board, origin)))
    clusters = tuple(_clusters(board, origin))
    blocks = tuple(block for entry in board.power for block in entry.blocks)
    parts: list[BlockPower] = []
    for index, entry in enumerate(board.power):
        with _field(origin, f"power[{index}]"):
            parts.extend([_block_power(entry)] * len(entry.blocks))
    with _field(origin, "power"):
        power = PowerModel(blocks, tuple(parts))
    network = _network(board.thermal, origin)
    constant: dict[str, float] = {}
    for source in board.constant:
        constant[source.node] = constant.get(source.node, 0.0) + source.power_w
    zones = tuple(
        Zone(zone.name, zone.node, zone.resolution_k)
        for entry in board.sensors
        for zone in entry.zones
    )
    with _field(origin, "the board"):
        return Plant(
            name=board.name,
            title=board.title,
            clusters=clusters,
            islands=islands,
            power=power,
            constant_w=constant,
            network=network,
            zones=zones,
            cap_degc=board.limits.cap.temp_degc,
            critical_degc=board.limits.critical.temp_degc,
        )


def _islands(board: BoardFile, origin: str) -> Iterator[VoltageIsland]:
    for index, entry in enumerate(board.islands):
        with _field(origin, f"islands[{index}]"):
            opps = tuple(Opp(opp.frequency_hz, opp.voltage_v) for opp in entry.opps)
            yield VoltageIsland(entry.name, entry.blocks, OppTable(opps))


def _clusters(board: BoardFile, origin: str) -> Iterator[Cluster]:
    for index, entry in enumerate(board.clusters):
        with _field(origin, f"clusters[{index}]"):
            yield Cluster(
                name=entry.name,
                core=entry.core,
                cores=entry.cores,
                island=entry.island,
                blocks=entry.blocks,
                mac_per_cycle=_rates(entry.compute),
                bytes_per_cycle=entry.compute.bytes_per_cycle,
                layer_overhead_cycles=entry.compute.layer_overhead_cycles,
            )


def _rates(compute: ComputeEntry) -> dict[Bits, float]:
    rates = {rate.bits: rate.mac_per_cycle for rate in compute.rates}
    if len(rates) != len(compute.rates):
        raise ValueError("compute.rates gives a precision twice, expected once")
    return rates


def _block_power(entry: PowerEntry) -> BlockPower:
    leakage = Leakage(
        I_0=entry.leakage.i_0_a,
        T_0=entry.leakage.t_0_degc,
        k_T=entry.leakage.k_t_per_k,
        V_0=entry.leakage.v_0_v,
        k_V=entry.leakage.k_v_per_v,
    )
    return BlockPower(entry.switched.active_f, entry.switched.idle_f, leakage)


def _network(thermal: ThermalEntry, origin: str) -> RcNetwork:
    with _field(origin, "thermal"):
        capacitance: dict[str, float] = {}
        for node in (node for group in thermal.capacities for node in group.nodes):
            _add(capacitance, node.name, value=node.capacitance_j_per_k, field="capacities")
        links: dict[tuple[str, str], float] = {}
        for link in (link for group in thermal.links for link in group.links):
            _add(links, link.between, value=link.resistance_k_per_w, field="links")
        to_ambient: dict[str, float] = {}
        for path in thermal.to_ambient:
            _add(to_ambient, path.node, value=path.resistance_k_per_w, field="to_ambient")
        return network_from_resistances(capacitance, links, to_ambient_k_per_w=to_ambient)


def _add(values: dict[_Key, float], key: _Key, *, value: float, field: str) -> None:
    if key in values:
        raise ValueError(f"{field} names {key!r} twice, expected once")
    values[key] = value


def board_path(name_or_path: str | Path) -> Path:
    """Return the file of a bundled board, or any path; ConfigError if it is neither."""
    if str(name_or_path) in board_names():
        return _BOARDS / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        return path
    raise ConfigError(
        f"board {str(name_or_path)!r} is unknown, expected one of {', '.join(board_names())} "
        "or the path of a .yaml file"
    )


@contextmanager
def _field(origin: str, path: str) -> Iterator[None]:
    """Say which file and field a broken law of physics came from."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{origin}: {path}: {error}") from error
