"""Rows of the table of efforts: one for each effort and level, and for each escalation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adaptive.artifact import Artifact
from adaptive.cost import bytes_moved, bytes_of, macs_of
from adaptive.escalation import Escalation, expected_macs, find_threshold, rest_of
from adaptive.precision import Effort, PrecisionPlan
from adaptive.proportion import wilson_interval
from experiments.efforts.answered import Answered


@dataclass(frozen=True, slots=True)
class EffortRow:
    """What one effort costs for one image, and how often it is right at one level.

    Attributes
    ----------
    macs, bytes
        Multiply-accumulates, and bytes of weights and activations read and written; of an
        escalation in the mean.
    top1, low, high
        Share of right answers and the ends of its 95 % interval [0..1].
    """

    artifact: str
    effort: str
    macs: int
    bytes: int
    level: str
    top1: float
    low: float
    high: float


def uniform_efforts(artifact: Artifact) -> tuple[Effort, ...]:
    """Return every width and head at each uniform precision, the dearest first."""
    return tuple(
        Effort(PrecisionPlan.uniform(artifact.layers, bits), width, head)
        for width in artifact.widths
        for bits in artifact.bits
        for head in artifact.heads
    )


def effort_rows(artifact: Artifact, found: Mapping[Effort, Answered]) -> Iterator[EffortRow]:
    """Yield one row for each effort and level it tells."""
    for effort, answers in found.items():
        for level, right in answers.right.items():
            count, images = int(right.sum()), len(right)
            yield EffortRow(
                artifact.name,
                effort.code,
                macs_of(artifact, effort),
                bytes_of(artifact, effort),
                level,
                count / images,
                *wilson_interval(count, images),
            )


def choose_escalations(
    artifact: Artifact, calibration: Mapping[Effort, Answered]
) -> Iterator[Escalation]:
    """Yield, for each precision and level above the leaves, the escalation that costs least.

    It ends at the leaf head of the full width, and answers rightly as often as that alone does on
    the calibration images. Where none costs less than the leaf head alone, none is yielded.
    """
    for level in artifact.labels.levels[1:]:
        for bits in artifact.bits:
            then = Effort(PrecisionPlan.uniform(artifact.layers, bits))
            if then not in calibration:
                continue
            rules = [
                _escalation(artifact, first, then, level, calibration)
                for first in calibration
                if first != then and level in calibration[first].right
            ]
            cheaper = [(cost, rule) for cost, rule in rules if cost < macs_of(artifact, then)]
            if cheaper:
                # Of equal arithmetic, that of the fewest bytes.
                yield min(cheaper, key=lambda p: (p[0], bytes_of(artifact, p[1].first)))[1]


def _escalation(
    artifact: Artifact,
    first: Effort,
    then: Effort,
    level: str,
    calibration: Mapping[Effort, Answered],
) -> tuple[float, Escalation]:
    """Calibrate one pair of efforts; return its mean cost on the calibration images with it."""
    one, other = calibration[first], calibration[then].right[level]
    threshold = find_threshold(
        one.confidence[level], one.right[level], other, least=float(other.mean())
    )
    rule = Escalation(first, then, level, threshold)
    went_on = float((one.confidence[level] < threshold).mean())
    return expected_macs(artifact, rule, went_on), rule


def escalation_row(
    artifact: Artifact, rule: Escalation, found: Mapping[Effort, Answered]
) -> EffortRow:
    """Return the row of an escalation on some images."""
    first, then = found[rule.first], found[rule.then].right[rule.level]
    unsure = first.confidence[rule.level] < rule.threshold
    right = first.right[rule.level] & ~unsure | then & unsure
    went_on, count, images = float(unsure.mean()), int(right.sum()), len(right)
    rest = bytes_moved(rest_of(artifact, rule.first, rule.then), rule.then.plan)
    return EffortRow(
        artifact.name,
        rule.code,
        round(expected_macs(artifact, rule, went_on)),
        round(bytes_of(artifact, rule.first) + went_on * rest),
        rule.level,
        count / images,
        *wilson_interval(count, images),
    )
