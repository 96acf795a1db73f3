"""Which efforts escalate to which: thresholds found on calibration images, and what they give."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.cost import byte_products
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
    """Yield, for each level and loss, the escalation of the fewest byte products.

    It ends at the leaf head of the full width, and answers rightly as often as the best of those,
    or less often by the loss, on the calibration images. Where none costs less than an effort that
    does not go on and is as often right, none is yielded. What it gives is counted on each half of
    the images with the threshold of the other half; the threshold it is given is that of all.

    Parameters
    ----------
    artifact
        The network.
    calibration
        Answers of its efforts on the calibration images.
    """
    last = [Effort(PrecisionPlan.uniform(artifact.layers, bits)) for bits in artifact.bits]
    for level in artifact.labels.levels:
        told = {effort: a for effort, a in calibration.items() if level in a.right}
        ends = [effort for effort in last if effort in told]
        found: dict[Effort, MeasuredEffort] = {}
        for loss in LOSSES if ends else ():
            best = _cheapest(artifact, ends, level, loss, told)
            if best is not None:
                found.setdefault(best.effort, best)
        yield from found.values()


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
    ends: Sequence[Effort],
    level: str,
    loss: float,
    told: Mapping[Effort, Answered],
) -> MeasuredEffort | None:
    """Return the cheapest escalation at a level and loss, if it is worth it."""
    right = {effort: float(answers.right[level].mean()) for effort, answers in told.items()}
    least = max(right[effort] for effort in ends) - loss
    cost = {effort: byte_products(artifact, effort) for effort in told}
    plain = min(cost[effort] for effort in told if right[effort] >= least - 1e-12)
    found = [
        _measured(first, then, level, least - right[then], told)
        for then in ends
        for first in told
        if cost[first] < cost[then]
    ]
    cheaper = [entry for entry in found if byte_products(artifact, entry.effort) < plain]
    return min(cheaper, key=lambda entry: byte_products(artifact, entry.effort), default=None)


def _measured(
    first: Effort, then: Effort, level: str, gain: float, told: Mapping[Effort, Answered]
) -> MeasuredEffort:
    """Calibrate one pair of efforts to be right as often as the second, or more; count that."""
    one, right = told[first], told[then].right[level]

    def threshold(part: slice) -> float:
        least = float(right[part].mean()) + gain
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
