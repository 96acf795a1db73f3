"""From a trained network to a measured artifact without training: calibration alone."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.errors import ConfigError
from adaptive.labels import LabelTree
from adaptive.manifest import Fact
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from models.calibrate import calibrate_ranges
from models.data import LabelledImages, Pixels
from models.export import export_network, measure, with_measurements
from models.network import SwitchableNetwork
from models.ranges import RangeMethod


@dataclass(frozen=True, slots=True)
class PostTraining:
    """How ranges are chosen, and how many random plans are measured beside the uniform ones."""

    method: RangeMethod = RangeMethod.GREATEST
    random_plans: int = 0

    def __post_init__(self) -> None:
        if self.random_plans < 0:
            raise ConfigError(f"plans is {self.random_plans}, expected 0 or more")


def calibrated_artifact(
    network: SwitchableNetwork,
    images: Pixels,
    labels: NDArray[np.int64] | None,
    *,
    how: PostTraining,
    name: str,
    tree: LabelTree,
    provenance: dict[str, Fact],
) -> Artifact:
    """Choose ranges on some images and export; with labels, measure efforts on them too.

    Parameters
    ----------
    network
        Converted, not yet calibrated.
    images
        uint8, shape (N, H, W, C).
    labels
        Leaf index of each image, shape (N,), or None: then nothing is measured, and every effort
        has a temperature of 1.
    how
        Ranges, and plans to measure.
    name, tree, provenance
        Of the artifact.

    Raises
    ------
    ConfigError
        If the tree has another number of leaves than the network has outputs, or an image a label
        beyond them.
    ArtifactError
        Naming the layer whose numbers no integers express.
    """
    classes = len(next(reversed(network.switchable.values())).weight)
    if len(tree.leaves) != classes:
        raise ConfigError(
            f"the label tree has {len(tree.leaves)} leaves, expected {classes}, one for each output"
        )
    if labels is not None and int(labels.max()) >= classes:
        raise ConfigError(f"an image has the label {int(labels.max())}, expected below {classes}")
    calibrate_ranges(network, images, method=how.method)
    used = f"{len(images)} calibration images"
    facts = provenance | {"ranges": how.method.value, "torch": str(torch.__version__)}
    if labels is None:
        facts["ranges_from"] = used
        return export_network(network, name=name, labels=tree, provenance=facts)
    facts["measured_on"] = f"{used}, which also gave the ranges"
    artifact = export_network(network, name=name, labels=tree, provenance=facts)
    plans = [PrecisionPlan.uniform(artifact.layers, bits) for bits in (Bits.INT16, Bits.INT8)]
    if how.random_plans:
        plans += random_plans(artifact.layers, how.random_plans, seed=0)
    ordered = sorted(dict.fromkeys(plans), key=lambda plan: plan.bits, reverse=True)
    data = LabelledImages(images, labels)
    return with_measurements(artifact, measure(artifact, [Effort(p) for p in ordered], data))
