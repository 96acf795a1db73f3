"""Which efforts escalate to which: thresholds found on calibration images, and what they give."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.cost import bytes_of, macs_of
from adaptive.engine.protocol import EngineName
from adaptive.errors import ConfigError
from adaptive.escalation import find_threshold
from adaptive.measured import MeasuredEffort
from adaptive.precision import Effort, Onward, PrecisionPlan
from experiments.efforts.answered import Answered, answered, uniform_efforts
from models.data import ImageSet

LOSSES = (0.0, 0.005, 0.01, 0.02, 0.04)
"""Accuracy given up against the effort gone on to, one escalation for each [0..1]."""

Booleans = NDArray[np.bool_]


def with_share(effort: Effort, share: float) -> Effort:
    """Return an effort that escalates with another expected share of images that go on."""
    if effort.onward is None:
        raise ValueError(f"effort {effort.code} does not go on")
    return replace(effort, onward=replace(effort.onward, share=share))


def played(
    effort: Effort, level: str, found: Mapping[Effort, Answered]
) -> tuple[Booleans, Booleans]:
    """Return which images an effort that escalates answers rightly, and which go on."""
    if effort.onward is None:
        raise ValueError(f"effort {effort.code} does not go on")
    first, then = found[effort.first], found[effort.onward.effort]
    went_on = first.confidence[level] < effort.onward.threshold
    return np.where(went_on, then.right[level], first.right[level]), went_on


def choose_escalations(
    artifact: Artifact, calibration: Mapping[Effort, Answered]
) -> Iterator[MeasuredEffort]:
    """Yield, for each level, precision and loss, the escalation that costs least.

    It ends at the leaf head of the full width, and answers rightly as often as that alone does, or
    less often by the loss, on the calibration images. Where none costs less than an effort that
    does not go on and is as often right, none is yielded. What it gives is counted on each half of
    the images with the threshold of the other half; the threshold it is given is that of all.

    Parameters
    ----------
    artifact
        The network.
    calibration
        Answers of its efforts on the calibration images.
    """
    yielded = set()
    for level in artifact.labels.levels:
        for bits in artifact.bits:
            then = Effort(PrecisionPlan.uniform(artifact.layers, bits))
            if then not in calibration or level not in calibration[then].right:
                continue
            for loss in LOSSES:
                best = _cheapest(artifact, then, level, loss, calibration)
                if best is not None and (best.effort, level) not in yielded:
                    yielded.add((best.effort, level))
                    yield best


def with_escalations(
    artifact: Artifact,
    calibration: ImageSet,
    *,
    engine: EngineName | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> Artifact:
    """Return the artifact with its escalations measured anew.

    Raises
    ------
    ConfigError
        If the network has neither widths nor heads to begin with.
    """
    efforts = uniform_efforts(artifact)
    if len(efforts) == len(artifact.bits):
        raise ConfigError(
            f"artifact {artifact.name} has one width and one head, expected a cheaper effort to "
            "begin with: train one with widths or heads (python -m experiments.train_cifar)"
        )
    found = answered(artifact, efforts, calibration, engine=engine, progress=progress)
    plain = tuple(entry for entry in artifact.measured if entry.effort.onward is None)
    return replace(artifact, measured=plain + tuple(choose_escalations(artifact, found)))


def _cheapest(
    artifact: Artifact,
    then: Effort,
    level: str,
    loss: float,
    calibration: Mapping[Effort, Answered],
) -> MeasuredEffort | None:
    """Return the cheapest escalation to one effort at a level and loss, if it is worth it."""
    told = {effort: a for effort, a in calibration.items() if level in a.right}
    least = float(told[then].right[level].mean()) - loss
    plain = min(
        macs_of(artifact, e) for e, a in told.items() if a.right[level].mean() >= least - 1e-12
    )
    found = [
        _measured(first, then, level, loss, told)
        for first in told
        if macs_of(artifact, first) < macs_of(artifact, then)
    ]
    cheaper = [entry for entry in found if macs_of(artifact, entry.effort) < plain]
    # Of equal arithmetic, that of the fewest bytes.
    return min(
        cheaper,
        key=lambda e: (macs_of(artifact, e.effort), bytes_of(artifact, e.effort)),
        default=None,
    )


def _measured(
    first: Effort, then: Effort, level: str, loss: float, told: Mapping[Effort, Answered]
) -> MeasuredEffort:
    """Calibrate one pair of efforts, and count what it gives."""
    one, right = told[first], told[then].right[level]

    def threshold(part: slice) -> float:
        least = float(right[part].mean()) - loss
        sure, own = one.confidence[level][part], one.right[level][part]
        return find_threshold(sure, own, right[part], least=least)

    correct = went_on = 0
    halves = (slice(0, None, 2), slice(1, None, 2))
    for fitted, counted in (halves, halves[::-1]):
        unsure = one.confidence[level][counted] < threshold(fitted)
        went_on += int(unsure.sum())
        correct += int(np.where(unsure, right[counted], one.right[level][counted]).sum())
    images = len(right)
    onward = Onward(then, threshold(slice(None)), went_on / images)
    return MeasuredEffort(replace(first, onward=onward), images, {level: correct})
