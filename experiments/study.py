"""The researcher's front door: one board, network and scenario; any governor, run and scored."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adaptive.artifact import Artifact, load_artifact
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.errors import ConfigError
from adaptive.governor.protocol import Governor
from adaptive.loop import Sample, run
from adaptive.operating_point import OperatingPointTable, load_points
from adaptive.plant import Plant
from adaptive.precision import Bits
from adaptive.simulation import SimulatedPlatform
from experiments.outcome import Run, summarise
from experiments.scenarios import Bursts, Scenario, sustained_hz
from experiments.stream import DIGITS_PER_FORM, FormStream
from models.data import load_digits


@dataclass(frozen=True, slots=True)
class Study:
    """Everything a run needs but the governor.

    Attributes
    ----------
    plant
        The board; the same model is the plant and what a governor may know of it.
    artifact
        The network.
    points
        What a governor may choose from.
    scenario
        Ambient, cap, length, demand.
    stream
        The frames and the answers to them.
    """

    plant: Plant
    artifact: Artifact
    points: OperatingPointTable
    scenario: Scenario
    stream: FormStream

    def simulate(
        self,
        name: str,
        governor: Governor,
        *,
        progress: Callable[[float], None] = lambda _share: None,
        record: Callable[[Sample], None] = lambda _sample: None,
    ) -> Run:
        """Run a governor through the scenario in simulation and score it on real answers.

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
        scenario = self.scenario
        platform = SimulatedPlatform(
            self.plant,
            ambient_degc=scenario.ambient_degc,
            cap_degc=scenario.cap_degc,
            demand_hz=scenario.demand.profile(scenario.length_s),
            deadline_s=scenario.deadline_s,
        )
        samples: list[Sample] = []
        periods = max(round(scenario.length_s / scenario.period_s), 1)

        def keep(sample: Sample) -> None:
            samples.append(sample)
            record(sample)
            if len(samples) % 100 == 0:
                progress(len(samples) / periods)

        run(
            platform,
            governor,
            period_s=scenario.period_s,
            stop=lambda: len(samples) >= periods,
            record=keep,
        )
        truth = tuple(platform.truth)
        return Run(summarise(name, scenario, self.stream, truth), tuple(samples), truth)


def prepare(
    *,
    board: str = "odroid-xu4",
    artifact: str = "digits",
    ambient_degc: float = 35.0,
    cap_degc: float | None = None,
    minutes: float = 20.0,
    seed: int = 0,
    points: Path | None = None,
) -> Study:
    """Load a board and a network and set the bursty scenario that stresses them.

    The mean demand is the highest rate that the all-8 network sustains at the cap for ever.

    Parameters
    ----------
    board, artifact
        Bundled names or files.
    ambient_degc
        Ambient temperature [degC].
    cap_degc
        Highest junction temperature allowed; the board's own by default [degC].
    minutes
        Simulated time [min].
    seed
        Draws when the bursts come and the order of the images.
    points
        A points file; crossed from the board and the network's measured efforts by default.

    Raises
    ------
    ConfigError, ArtifactError
        If a file or a value is wrong, or the points belong to another board or network.
    """
    plant = load_board(board)
    network = load_artifact(artifact)
    cap = plant.cap_degc if cap_degc is None else cap_degc
    if cap >= plant.critical_degc:
        raise ConfigError(
            f"cap is {cap:g} degC, expected below the critical {plant.critical_degc:g} degC of "
            f"board {plant.name}"
        )
    table = (
        build_points(plant, network, images_per_frame=DIGITS_PER_FORM)
        if points is None
        else _matching_points(points, plant, network)
    )
    all_8 = tuple(p for p in table if set(p.effort.plan.bits) == {Bits.INT8})
    if not all_8:
        raise ConfigError(
            f"{points}: has no all-8 operating point, from which the demand is derived"
        )
    try:
        scenario = Scenario(
            ambient_degc=ambient_degc,
            cap_degc=cap,
            length_s=60.0 * minutes,
            demand=Bursts(
                sustained_hz(all_8, plant, ambient_degc=ambient_degc, cap_degc=cap), seed=seed
            ),
        )
    except ValueError as error:
        raise ConfigError(f"scenario: {error}") from error
    stream = FormStream(network, load_digits("test"), seed=seed)
    return Study(plant, network, table, scenario, stream)


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
