"""What efforts are worth to a governor: the same runs with all of them and with bits alone.

Board, heat, power and latency are modelled. The frames are those that bits alone sustain at the
scenario's own load, however many more all efforts could answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from adaptive.artifact import load_artifact
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.operating_point import OperatingPointTable, save_points
from adaptive.plant import Plant
from experiments.efforts.alone import separate_networks
from experiments.oracle.search import offline_bound
from experiments.stream import DIGITS_PER_FORM
from experiments.study import Study, prepare

GOVERNORS = ("predictive", "tvfs")
"""Ours, and the baseline that shrinks the network as the clock falls."""

SEPARATE = "separate networks"
"""Points of as many networks as there are widths, each trained alone: what that baseline is for."""

BELOW_K = 1.0
"""Runs are held against the bound at this much below the cap [K]."""


@dataclass(frozen=True, slots=True)
class GovernedRow:
    """One run.

    Attributes
    ----------
    points
        `bits`: the full width and the leaf head alone; `efforts`: all that was measured;
        `separate networks`: the widths, each with the accuracy of a network trained alone.
    reward
        Worth of its frames, over the best effort's on all frames demanded [0..1].
    share
        Reward over that of the bound with the same points, 1 K below the cap.
    energy_per_correct_j
        Energy of the board for one right answer; None if there was none [J].
    """

    artifact: str
    board: str
    ambient_degc: float
    points: str
    governor: str
    seed: int
    reward: float
    share: float
    answered: float
    energy_per_correct_j: float | None
    time_above_cap_s: float


def tables_of(
    plant: Plant, artifact: str, *, images_per_frame: int
) -> dict[str, OperatingPointTable]:
    """Return the points of bits alone, of all measured efforts, and of separate networks."""
    network = load_artifact(artifact)
    whole = tuple(
        m
        for m in network.measured
        if m.effort.width == 1.0 and m.effort.head == "leaf" and m.effort.onward is None
    )
    sets = {"bits": whole, "efforts": network.measured, SEPARATE: separate_networks(network)}
    tables = {
        name: build_points(
            plant, replace(network, measured=measured), images_per_frame=images_per_frame
        )
        for name, measured in sets.items()
        if measured
    }
    # Accuracies are the whole artifact's, whichever of them are used.
    return {name: replace(table, checksum=network.checksum) for name, table in tables.items()}


def governed_rows(
    artifact: str, board: str, *, scenario: str, ambient_degc: float, minutes: float, seed: int = 0
) -> Iterator[GovernedRow]:
    """Yield a run for each governor with each set of points.

    Parameters
    ----------
    artifact, board, scenario
        Bundled names or files.
    ambient_degc, minutes
        Instead of the scenario's ambient and length [degC], [min].
    seed
        Draws the frames.
    """
    network = load_artifact(artifact)
    real = network.source.shape == (8, 8, 1)  # digits come in forms of many
    per_frame = DIGITS_PER_FORM if real else 1
    tables = tables_of(load_board(board), artifact, images_per_frame=per_frame)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bits.json"
        save_points(tables["bits"], path)
        study = prepare(
            board=board,
            artifact=artifact,
            scenario=scenario,
            ambient_degc=ambient_degc,
            minutes=minutes,
            seed=seed,
            points=path,
        )
    for name, table in tables.items():
        yield from _played(replace(study, points=table), name, seed)


def _played(study: Study, points: str, seed: int) -> Iterator[GovernedRow]:
    """Play one study with each governor."""
    bound = offline_bound(
        study.board.plant,
        study.points.points,
        study.workload,
        worth=study.worth,
        start_degc=study.start_degc,
        cap_degc=study.scenario.cap_degc - BELOW_K,
    )
    for governor in GOVERNORS if points != SEPARATE else GOVERNORS[1:]:
        run = study.simulate(governor, study.governor(governor)).summary
        energy_j = run.score.energy_per_correct_j
        yield GovernedRow(
            artifact=study.artifact.name,
            board=study.plant.name,
            ambient_degc=study.scenario.ambient_degc,
            points=points,
            governor=governor,
            seed=seed,
            reward=run.score.reward,
            share=run.score.reward / bound.bound if bound.bound else 0.0,
            answered=run.score.answered,
            energy_per_correct_j=None if energy_j == float("inf") else energy_j,
            time_above_cap_s=run.time_above_cap_s,
        )
