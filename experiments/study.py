"""The researcher's front door: one board, network and scenario; any governor, run and scored."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adaptive.artifact import Artifact, load_artifact
from adaptive.config import board_path, load_board
from adaptive.cost import build_points
from adaptive.engine.protocol import EngineName
from adaptive.errors import ConfigError
from adaptive.governor.protocol import Governor
from adaptive.loop import Sample, run
from adaptive.operating_point import OperatingPointTable, load_points
from adaptive.plant import Plant
from adaptive.sensing import EXACT
from experiments.mismatch import DrawnBoard, draw_board
from experiments.outcome import Run, relative_worth, summarise
from experiments.reward import Worth, score
from experiments.scenario_file import load_scenario
from experiments.scenarios import Scenario
from experiments.starts import Start, start_degc
from experiments.stream import ExpectedStream, FormStream, Stream
from experiments.user_governor import build_governor, governor_name
from experiments.workloads import Workload
from models.data import load_digits
from thermal.network import Vector

DEFAULT_SCENARIO = "bursts"
HOT_START_BELOW_K = 1.0
"""Where a hot start settles, below the cap [K]."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Everything a run needs but the governor.

    Attributes
    ----------
    plant
        The board as its file has it: what a governor may know.
    artifact
        The network.
    points
        What a governor may choose from.
    scenario
        What a governor may be told beforehand: the hottest ambient, the cap, the mean demand.
    workload
        What really comes, and how warm it really is.
    board
        The board as it truly is.
    start, start_degc
        Cold or hot, and node temperatures at the start, shape (n,) [degC].
    stream
        The frames and the answers to them.
    worth
        What answers are worth.
    """

    plant: Plant
    artifact: Artifact
    points: OperatingPointTable
    scenario: Scenario
    workload: Workload
    board: DrawnBoard
    start: Start
    start_degc: Vector
    stream: Stream
    worth: Worth

    def governor(self, spec: str | Callable[..., Governor]) -> Governor:
        """Build a governor for this study, with the safety guard around it.

        Parameters
        ----------
        spec
            Name of a bundled one, ``package.module:Class``, or the class itself.

        Raises
        ------
        ConfigError
            If there is no such governor, or it cannot be built from what there is.
        """
        return build_governor(spec, plant=self.plant, points=self.points, scenario=self.scenario)

    def simulate(
        self,
        name: str,
        governor: Governor,
        *,
        progress: Callable[[float], None] = lambda _share: None,
        record: Callable[[Sample], None] = lambda _sample: None,
    ) -> Run:
        """Run a governor through the scenario in simulation and score it.

        Parameters
        ----------
        name
            What to call the governor in the summary.
        governor
            The policy.
        progress
            Called now and then with the share of the run that is done.
        record
            Called with each sample as it happens.
        """
        workload, cap_degc = self.workload, self.scenario.cap_degc
        platform = self.board.platform(workload, cap_degc=cap_degc, start_degc=self.start_degc)
        samples: list[Sample] = []

        def keep(sample: Sample) -> None:
            samples.append(sample)
            record(sample)
            if len(samples) % 100 == 0:
                progress(len(samples) / workload.periods)

        run(
            platform,
            governor,
            period_s=workload.period_s,
            stop=lambda: len(samples) >= workload.periods,
            record=keep,
        )
        truth = tuple(platform.truth)
        leaf = self.artifact.labels.levels[0]
        scored = score(
            truth,
            self.points,
            worth=self.worth,
            period_s=workload.period_s,
            leaf_accuracy={m.effort: m.accuracy.get(leaf, 0.0) for m in self.artifact.measured},
        )
        summary = summarise(
            name,
            self.stream,
            truth,
            cap_degc=cap_degc,
            period_s=workload.period_s,
            score=scored,
        )
        served = [batch for period in truth for batch in period.served]
        worth = relative_worth(served, self.worth, best=self.worth.best(self.points))
        return Run(summary, tuple(samples), truth, worth)


def simulate(
    board: str | Path = "odroid-xu4",
    governor: str | Callable[..., Governor] = "look-ahead",
    artifact: str | Path = "digits",
    scenario: str | Path = DEFAULT_SCENARIO,
    seed: int = 0,
    *,
    ambient_degc: float | None = None,
    cap_degc: float | None = None,
    minutes: float | None = None,
    points: Path | None = None,
) -> Run:
    """Run one governor on one board, and return the run: ``simulate(...).frame()``.

    Parameters
    ----------
    board, artifact, scenario
        Bundled names or files.
    governor
        Name of a bundled one, ``package.module:Class``, or the class itself.
    seed
        Draws the stream, the order of the images and, where the scenario asks for mismatch, the
        true board.
    ambient_degc, cap_degc, minutes
        Instead of the scenario's ambient and length and the board's cap [degC], [degC], [min].
    points
        A points file; crossed from the board and the network's measured efforts by default.

    Raises
    ------
    ConfigError, ArtifactError
        If a file or a value is wrong; in one line.
    """
    study = prepare(
        board=board,
        artifact=artifact,
        scenario=scenario,
        ambient_degc=ambient_degc,
        cap_degc=cap_degc,
        minutes=minutes,
        seed=seed,
        points=points,
    )
    return study.simulate(governor_name(governor), study.governor(governor))


def prepare(
    *,
    board: str | Path = "odroid-xu4",
    artifact: str | Path = "digits",
    scenario: str | Path = DEFAULT_SCENARIO,
    ambient_degc: float | None = None,
    cap_degc: float | None = None,
    minutes: float | None = None,
    seed: int = 0,
    points: Path | None = None,
    engine: EngineName | None = None,
) -> Study:
    """Load what a run needs but the governor; the parameters are those of `simulate`.

    `engine` names the integer engine real images go through; the artifact's default if None.
    """
    if seed < 0:
        raise ConfigError(f"seed is {seed}, expected 0 or more")
    plant, network = load_board(board), load_artifact(artifact)
    asked = load_scenario(str(scenario))
    caps = (cap_degc, asked.content.cap_degc, plant.cap_degc)
    cap = next(degc for degc in caps if degc is not None)
    if cap >= plant.critical_degc:
        raise ConfigError(
            f"cap is {cap:g} degC, expected below the critical {plant.critical_degc:g} degC of "
            f"board {plant.name}"
        )
    asked = asked.changed(
        ambient_degc=ambient_degc, length_s=None if minutes is None else 60.0 * minutes
    )
    stream = _stream(network, seed, engine)
    table = (
        build_points(plant, network, images_per_frame=stream.images_per_frame)
        if points is None
        else _matching_points(points, plant, network)
    )
    workload = asked.workload(plant, table.points, cap_degc=cap, seed=seed)
    spread = asked.content.drawn
    true = (
        DrawnBoard(plant, EXACT, 0.0, {})
        if spread is None
        else draw_board(plant, seed=seed, mismatch=spread)
    )
    return Study(
        plant=plant,
        artifact=network,
        points=table,
        scenario=_told(workload, cap_degc=cap),
        workload=workload,
        board=true,
        start=asked.content.begins,
        start_degc=start_degc(
            true.plant,
            table,
            true.surrounded(workload),
            start=asked.content.begins,
            below_degc=cap - HOT_START_BELOW_K,
        ),
        stream=stream,
        worth=Worth.of_tree(network.labels),
    )


def input_files(
    board: str | Path, artifact: str | Path, scenario: str | Path, points: str | Path | None
) -> tuple[Path, ...]:
    """Return the files that a study is loaded from, the bundled artifacts' left out, sorted."""
    files = {board_path(board), *load_scenario(str(scenario)).files()}
    files.update(Path(extra) for extra in (artifact, points) if extra and Path(extra).is_file())
    return tuple(sorted(files))


def _told(workload: Workload, *, cap_degc: float) -> Scenario:
    """Return what a careful engineer would know of a workload beforehand."""
    ambient = workload.ambient_degc()
    middles = (np.arange(workload.periods) + 0.5) * workload.period_s
    try:
        return Scenario(
            ambient_degc=max(ambient(time_s) for time_s in middles.tolist()),
            cap_degc=cap_degc,
            length_s=workload.length_s,
            demand=workload.demand,
            period_s=workload.period_s,
            deadline_s=workload.deadline_s,
        )
    except ValueError as error:
        raise ConfigError(f"scenario {workload.name}: {error}") from error


def _stream(network: Artifact, seed: int, engine: EngineName | None) -> Stream:
    """Return real frames where images are at hand for the network, else expected ones."""
    digits = load_digits("test")
    if network.source.shape == digits.images.shape[1:] and len(network.labels.leaves) == 10:
        return FormStream(network, digits, seed=seed, engine=engine)
    return ExpectedStream(network)


def _matching_points(path: Path, plant: Plant, artifact: Artifact) -> OperatingPointTable:
    table = load_points(path)
    if table.board != plant.name:
        raise ConfigError(f"{path}: board is {table.board!r}, expected {plant.name!r}")
    if table.checksum != artifact.checksum:
        raise ConfigError(
            f"{path}: made for artifact {table.artifact} {table.checksum[:12]}, "
            f"not for {artifact.name} {artifact.checksum[:12]}; make it again: adaptive points"
        )
    return table
