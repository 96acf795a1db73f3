"""Rows of the table of efforts: one for each effort and level."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adaptive.artifact import Artifact
from adaptive.cost import bytes_of, macs_of
from adaptive.measured import MeasuredEffort
from adaptive.precision import Effort
from adaptive.proportion import wilson_interval
from experiments.efforts.answered import Answered
from experiments.efforts.escalations import played, with_share


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


def escalation_row(
    artifact: Artifact, entry: MeasuredEffort, found: Mapping[Effort, Answered]
) -> EffortRow:
    """Return the row of an effort that escalates, its costs those on some images."""
    (level,) = entry.correct
    right, went_on = played(entry.effort, level, found)
    effort = with_share(entry.effort, float(went_on.mean()))
    count, images = int(right.sum()), len(right)
    return EffortRow(
        artifact.name,
        effort.code,
        macs_of(artifact, effort),
        bytes_of(artifact, effort),
        level,
        count / images,
        *wilson_interval(count, images),
    )
