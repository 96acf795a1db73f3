"""`adaptive boards`: the bundled boards, and where each of their numbers comes from."""

import argparse
import json
from collections.abc import Iterator

import numpy as np

from adaptive.board_file import CONFIDENCE, BoardFile
from adaptive.config import board_names, build_plant, read_board
from adaptive.plant import Cluster, Plant
from thermal.headroom import sustainable_power_w

HELP = "List the boards, or show one with the source of every number."

_AMBIENTS_DEGC = (25.0, 35.0)
_ASSUMPTION = "D"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("board", nargs="?", help="name or .yaml file of one board; all by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print the boards; return the exit code."""
    names = (args.board,) if args.board else board_names()
    for name in names:
        board = read_board(name)
        plant = build_plant(board, origin=name)
        if args.json:
            summary = summarise(board, plant)
            print(json.dumps(summary | {"blocks": _blocks(board)} if args.board else summary))
        else:
            print("\n".join(_details(board, plant) if args.board else _overview(board, plant)))
    if not (args.board or args.json):
        print("Assumed numbers are engineering estimates, not facts: `adaptive boards NAME`.")
    return 0


def sustainable_w(plant: Plant, cluster: Cluster, *, ambient_degc: float) -> float:
    """Return what a cluster may draw for ever with its hottest block at the cap [W].

    Everything else idles at its slowest OPP, leaking as it would at the cap.
    """
    at_cap = np.full(len(plant.network.nodes), plant.cap_degc)
    fastest = {cluster.island: plant.islands.named(cluster.island).table.fastest}
    busy = plant.node_power_w(fastest, {cluster.name: 1.0}, at_cap)
    own = np.isin(plant.network.nodes, cluster.blocks)
    return sustainable_power_w(
        plant.network,
        np.where(own, busy, 0.0),
        ambient_degc=ambient_degc,
        cap_degc=plant.cap_degc,
        background_w=np.where(own, 0.0, busy),
    )


def summarise(board: BoardFile, plant: Plant) -> dict[str, object]:
    """Return a board in a few numbers, as `--json` prints them."""
    numbers = [block.numbers() for _, block in board.sourced()]
    assumed = [b.numbers() for _, b in board.sourced() if b.confidence == _ASSUMPTION]
    return {
        "name": plant.name,
        "title": plant.title,
        "cap_degc": plant.cap_degc,
        "critical_degc": plant.critical_degc,
        "clusters": [_cluster(plant, cluster) for cluster in plant.clusters],
        "numbers": sum(numbers),
        "assumed": sum(assumed),
    }


def _cluster(plant: Plant, cluster: Cluster) -> dict[str, object]:
    table = plant.islands.named(cluster.island).table
    return {
        "name": cluster.name,
        "core": cluster.core,
        "cores": cluster.cores,
        "opps": len(table),
        "slowest_hz": table.slowest.frequency_hz,
        "fastest_hz": table.fastest.frequency_hz,
        "falling_hz": [opp.frequency_hz for opp in table.falling],
        "sustainable_w": {
            f"{ambient:g}": round(sustainable_w(plant, cluster, ambient_degc=ambient), 3)
            for ambient in _AMBIENTS_DEGC
        },
    }


def _blocks(board: BoardFile) -> list[dict[str, object]]:
    return [
        {
            "path": path,
            "numbers": block.numbers(),
            "confidence": block.confidence,
            "assumption": block.confidence == _ASSUMPTION,
            "source": block.source,
            "uncertainty": block.uncertainty,
        }
        for path, block in board.sourced()
    ]


def _overview(board: BoardFile, plant: Plant) -> Iterator[str]:
    summary = summarise(board, plant)
    yield f"{plant.name}: {plant.title}"
    for cluster in plant.clusters:
        table = plant.islands.named(cluster.island).table
        sustained = ", ".join(
            f"{sustainable_w(plant, cluster, ambient_degc=ambient):.2f} W at {ambient:g} degC"
            for ambient in _AMBIENTS_DEGC
        )
        yield (
            f"  {cluster.cores} x {cluster.core}, {table.slowest.frequency_hz / 1e6:.0f} to "
            f"{table.fastest.frequency_hz / 1e6:.0f} MHz; alone it sustains {sustained} ambient"
        )
        if table.falling:
            clocks = ", ".join(f"{opp.frequency_hz / 1e6:.0f}" for opp in table.falling)
            yield f"    {clocks} MHz ask for more volts than a faster OPP: never worth running at"
    yield f"  cap {plant.cap_degc:g} degC, critical {plant.critical_degc:g} degC"
    yield f"  {summary['assumed']} of {summary['numbers']} numbers are assumed"


def _details(board: BoardFile, plant: Plant) -> Iterator[str]:
    yield from _overview(board, plant)
    for note in board.notes:
        yield f"  note: {note.strip()}"
    for path, block in board.sourced():
        mark = "ASSUMPTION " if block.confidence == _ASSUMPTION else ""
        yield f"{path}  [{mark}{block.confidence}]  numbers: {block.numbers()}"
        yield f"    source: {block.source.strip()}"
        yield f"    uncertainty: {block.uncertainty.strip()}"
    yield from (f"{letter} = {meaning}" for letter, meaning in CONFIDENCE.items())
