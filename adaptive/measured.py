"""What was measured of an effort."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from adaptive.precision import Bits, Effort, Onward, PrecisionPlan
from adaptive.proportion import wilson_interval

Natural = Annotated[int, Meta(ge=0, le=2**53)]


class OnwardEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an effort goes on when it is unsure, in a file."""

    bits: tuple[Bits, ...]
    width: float
    head: str
    threshold: float
    share: float


class EffortEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An effort in a file: its bits in network order, and the rest."""

    bits: tuple[Bits, ...]
    width: float
    head: str
    onward: OnwardEntry | None = None

    @classmethod
    def of(cls, effort: Effort) -> "EffortEntry":
        """Write an effort down."""
        then, onward = effort.onward, None
        if then is not None:
            after = then.effort
            onward = OnwardEntry(
                after.plan.bits, after.width, after.head, then.threshold, then.share
            )
        return cls(effort.plan.bits, effort.width, effort.head, onward)

    def effort(self, layers: tuple[str, ...]) -> Effort:
        """Return the effort, for a network of these layers; ValueError if it is none."""
        then, onward = self.onward, None
        if then is not None:
            after = Effort(PrecisionPlan(layers, then.bits), then.width, then.head)
            onward = Onward(after, then.threshold, then.share)
        return Effort(PrecisionPlan(layers, self.bits), self.width, self.head, onward)


class MeasuredEntry(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """One measured effort, and correct answers by level."""

    bits: tuple[Bits, ...]
    width: float
    head: str
    images: Natural
    correct: dict[str, Natural]
    temperature: float
    onward: OnwardEntry | None = None


@dataclass(frozen=True, slots=True)
class MeasuredEffort:
    """How often one effort answered correctly at each level, on the calibration images.

    Notes
    -----
    Limits: the intervals take images as independent; where the provenance says that each image
    was used in several versions they are too narrow, except for comparing efforts.
    """

    effort: Effort
    images: int
    correct: Mapping[str, int]
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.images < 1:
            raise ValueError(f"images is {self.images}, expected at least 1")
        for level, count in self.correct.items():
            if not 0 <= count <= self.images:
                raise ValueError(f"correct at {level} is {count}, expected 0 to {self.images}")
        if not 0.0 < self.temperature < 1e6:
            raise ValueError(f"temperature is {self.temperature}, expected above 0, below 1e6")

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of images answered correctly, by level."""
        return {level: count / self.images for level, count in self.correct.items()}

    @property
    def low(self) -> dict[str, float]:
        """Lower end of the 95 % interval, by level."""
        return {level: wilson_interval(n, self.images)[0] for level, n in self.correct.items()}

    @property
    def high(self) -> dict[str, float]:
        """Upper end of the 95 % interval, by level."""
        return {level: wilson_interval(n, self.images)[1] for level, n in self.correct.items()}

    @classmethod
    def from_entry(cls, entry: MeasuredEntry, layers: tuple[str, ...]) -> "MeasuredEffort":
        """Build it from its line in a file, for a network of these layers."""
        effort = EffortEntry(entry.bits, entry.width, entry.head, entry.onward).effort(layers)
        return cls(effort, entry.images, entry.correct, entry.temperature)

    def to_entry(self) -> MeasuredEntry:
        """Return its line in a file."""
        effort = EffortEntry.of(self.effort)
        return MeasuredEntry(
            bits=effort.bits,
            width=effort.width,
            head=effort.head,
            images=self.images,
            correct=dict(self.correct),
            temperature=self.temperature,
            onward=effort.onward,
        )
