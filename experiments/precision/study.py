"""One network's predictions, computed from its data set or found among those that are kept."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact, artifact_names, load_artifact
from adaptive.errors import ConfigError
from adaptive.levels import Ladder
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments.commands.doctor import halves
from experiments.commands.evaluate import check_fit
from experiments.level_choice import study_levels
from experiments.precision.answering import (
    Arrays,
    Work,
    answer_part,
    disagreement,
    float_leaves,
    in_parts,
)
from experiments.precision.config import PrecisionConfig
from experiments.precision.predictions import (
    Agreement,
    Hedged,
    Predictions,
    Source,
    load_predictions,
    save_predictions,
)
from experiments.requantise import healed, requantised
from models.data import LabelledImages
from models.datasets.catalogue import DataSet, dataset_of
from models.doctor import choose_mends
from models.export import load_network, measure, with_measurements

KEPT = Path(__file__).parents[1] / "predictions"
"""Where predictions of the bundled networks are kept."""

CALIBRATION = 1000
"""Images that ranges and mends of another arithmetic come from, and as many for temperatures."""

Report = Callable[[str], Callable[[float], None]]
"""Called with what begins; returns what is called with the share of it that is done."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Another arithmetic of the same network, reported under a prefix.

    Parameters
    ----------
    prefix
        What its metrics begin with: nothing for the network as it is bundled.
    make
        Makes it of the bundled network and the calibration images.
    random_plans
        Whether random plans and level choice are measured as well.
    """

    prefix: str
    make: Callable[[Artifact, LabelledImages], Artifact]
    random_plans: bool = False


def in_radix(artifact: Artifact, calibration: LabelledImages) -> Artifact:
    """Return a network in the radix arithmetic, with a temperature for each uniform plan."""
    seen, others = halves(calibration, CALIBRATION)
    made = requantised(artifact, arithmetic=Arithmetic.RADIX, images=seen.images)
    return with_measurements(made, measure(made, _uniform_efforts(made), others))


def doctored_radix(artifact: Artifact, calibration: LabelledImages) -> Artifact:
    """Return the radix network with the mends that the doctor chooses; nothing is trained."""
    seen, others = halves(calibration, CALIBRATION)
    made = in_radix(artifact, calibration)
    mends = choose_mends(load_network(made), seen)
    if mends is None:
        return made
    better = healed(made, seen.images, mends)
    return with_measurements(better, measure(better, _uniform_efforts(better), others))


def _uniform_efforts(artifact: Artifact) -> list[Effort]:
    return [Effort(PrecisionPlan.uniform(artifact.layers, bits)) for bits in artifact.bits]


VARIANTS = (
    Variant("", lambda artifact, _calibration: artifact, random_plans=True),
    Variant("radix_", in_radix),
    Variant("radix_doctored_", doctored_radix),
)
"""What is reported of each network; the first is the network as it is bundled."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where data, finished predictions and unfinished work lie, and how many processes work."""

    data: Path | None
    kept: Path
    work: Path
    jobs: int


def bundled() -> tuple[Artifact, ...]:
    """Load every bundled network of one of the CIFAR data sets that has nothing but precisions.

    Those with widths and heads have a table of their own (`experiments.effort_table`).
    """
    artifacts = [load_artifact(name) for name in artifact_names()]
    return tuple(
        artifact
        for artifact in artifacts
        if _data_set(artifact).startswith("cifar")
        and len(artifact.widths) == len(artifact.heads) == 1
    )


def _data_set(artifact: Artifact) -> str:
    """Name the data set of a network; empty where its provenance names none."""
    try:
        return dataset_of(str(artifact.provenance.get("dataset", ""))).name
    except ConfigError:
        return ""


def kept_file(artifact: Artifact, variant: Variant, folder: Path) -> Path:
    """Return where the predictions of a network are kept."""
    suffix = f".{variant.prefix.strip('_')}" if variant.prefix else ""
    return folder / f"{artifact.name}{suffix}.npz"


def find_predictions(artifact: Artifact, variant: Variant, folder: Path) -> Predictions:
    """Read the predictions of a network.

    Raises
    ------
    ConfigError
        If there are none, or they are of other weights.
    """
    path = kept_file(artifact, variant, folder)
    found = load_predictions(path)
    if found.source.checksum != artifact.checksum:
        raise ConfigError(
            f"{path}: is of the network {found.source.checksum[:12]}, expected "
            f"{artifact.checksum[:12]} as bundled; --rerun makes them anew"
        )
    return found


def rerun(
    artifact: Artifact, variant: Variant, config: PrecisionConfig, place: Place, report: Report
) -> Predictions:
    """Compute the predictions of a network from its data set, and keep them.

    Raises
    ------
    ConfigError
        If the data are missing or do not fit.
    """
    source = dataset_of(str(artifact.provenance["dataset"]))
    data = _in_memory(source, "test", place.data)
    check_fit(artifact, source, data)
    network = variant.make(artifact, _in_memory(source, "calibration", place.data))
    drawn = config.drawn(network.layers, network.bits)
    work = Work(network, chosen_plans(network, drawn, variant), 3 if variant.random_plans else 2)
    arrays = _joined(
        in_parts(
            partial(answer_part, work),
            data,
            name=work.digest,
            folder=place.work,
            jobs=place.jobs,
            progress=report(f"{artifact.name}, {len(work.plans)} plans"),
        )
    )
    compared = drawn[: config.agreement_plans] if variant.random_plans else work.plans
    agreement = _agreement(network, compared, data, config, place, report)
    predictions = Predictions(
        source=Source(artifact.name, artifact.checksum, source.name),
        labels=data.labels.astype(np.uint8),
        float_leaves=float_leaves(network, data),
        plans=work.plans,
        leaves=arrays["leaves"].astype(np.uint8),
        nodes=arrays["nodes"].astype(np.uint8),
        sureness=arrays["sureness"].astype(np.uint16),
        agreement=agreement,
        hedged=_hedged(network, work, arrays, data, config) if variant.random_plans else (),
    )
    place.kept.mkdir(parents=True, exist_ok=True)
    save_predictions(predictions, kept_file(artifact, variant, place.kept))
    return predictions


def chosen_plans(
    network: Artifact, drawn: tuple[PrecisionPlan, ...], variant: Variant
) -> tuple[PrecisionPlan, ...]:
    """Return the uniform plans, then the random ones; the first random one is the mixed plan.

    Of the random plans those that were measured come first: they have a temperature of their own.
    """
    uniform = [PrecisionPlan.uniform(network.layers, bits) for bits in (Bits.INT16, Bits.INT8)]
    if not variant.random_plans:
        return tuple(uniform)
    measured_first = sorted(drawn, key=lambda plan: network.measurement(Effort(plan)) is None)
    return (*uniform, *measured_first)


def _in_memory(source: DataSet, split: str, data_dir: Path | None) -> LabelledImages:
    """Load a split."""
    data = source.load("test" if split == "test" else "calibration", data_dir=data_dir)
    if not isinstance(data, LabelledImages):
        raise ConfigError(f"data set {source.name} is read image by image, expected CIFAR")
    return data


def _joined(parts: list[Arrays]) -> Arrays:
    """Lay parts side by side along the axis of the images."""
    axis = {"leaves": 1, "nodes": 2, "sureness": 1, "probabilities": 1}
    return {
        name: np.concatenate([part[name] for part in parts], axis=along)
        for name, along in axis.items()
    }


def _agreement(
    network: Artifact,
    plans: tuple[PrecisionPlan, ...],
    data: LabelledImages,
    config: PrecisionConfig,
    place: Place,
    report: Report,
) -> Agreement:
    """Compare torch with the reference engine on the first images."""
    count = min(config.agreement_images, len(data))
    first = LabelledImages(data.images[:count], data.labels[:count])
    parts = in_parts(
        partial(disagreement, network, plans),
        first,
        name=f"{Work(network, plans, 0).digest}-agreement-{count}",
        folder=place.work,
        jobs=place.jobs,
        progress=report(f"{network.name}, torch against the engine"),
    )
    differing = sum(int(part["differing"].sum()) for part in parts)
    return Agreement(count, len(plans), differing)


def _hedged(
    network: Artifact, work: Work, arrays: Arrays, data: LabelledImages, config: PrecisionConfig
) -> tuple[Hedged, ...]:
    """Try the baseline of level choice; it needs all probabilities, which are not kept."""
    ladder = Ladder(network.labels)
    return tuple(
        Hedged(plan.code, study.alpha, *study.hedged.mean)
        for plan, p in zip(work.plans, arrays["probabilities"].astype(np.float64), strict=False)
        for study in study_levels(
            ladder.ways(p),
            data.labels,
            alphas=config.alphas,
            splits=config.splits,
            seed=config.seed,
            hedged=p,
        )
        if study.hedged is not None
    )
