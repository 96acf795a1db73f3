"""Which points of which network a board can bring about; loads the artifact to tell.

As a program it is the daemon's child: a question on standard input, an answer on standard output.
"""

import sys
from pathlib import Path

import msgspec

from adaptive.artifact import Artifact, load_artifact
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.daemon.networks import Answer, Chosen, NetworkEntry, Question
from adaptive.errors import ArtifactError, ConfigError
from adaptive.operating_point import OperatingPoint, OperatingPointTable, encode_points, load_points
from adaptive.plant import Plant

_WRONG = 2


def choose_here(board: str, networks: tuple[NetworkEntry, ...]) -> Chosen:
    """Return the first network that can be run, with the points that fit it and the board.

    Raises
    ------
    ConfigError
        If the board file is wrong, or, with every reason, if no network can be run.
    """
    plant = load_board(board)
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
    if checksum != artifact.checksum:
        return f"was made for another artifact ({checksum[:12]}, not {artifact.checksum[:12]})"
    try:
        artifact.require(point.effort)
    except ArtifactError as error:
        return str(error)
    if point.cores not in [cluster.name for cluster in plant.clusters]:
        return f"board {plant.name} has no cluster {point.cores!r}"
    if any(island not in plant.islands.names for island in point.islands):
        return f"board {plant.name} lacks one of its islands"
    return None


def answer_parent() -> int:
    """Read a question from standard input, answer on standard output; return the exit code."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    try:
        chosen = choose_here(question.board, question.networks)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return _WRONG
    points = encode_points(chosen.table).decode()
    sys.stdout.buffer.write(msgspec.json.encode(Answer(chosen.artifact, points, chosen.skipped)))
    return 0


if __name__ == "__main__":
    sys.exit(answer_parent())
