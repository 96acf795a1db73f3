"""What was measured of an effort."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.proportion import wilson_interval

Natural = Annotated[int, Meta(ge=0, le=2**53)]


class MeasuredEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured effort: its bits in network order, and correct answers by level."""

    bits: tuple[Bits, ...]
    width: float
    head: str
    images: Natural
    correct: dict[str, Natural]
    temperature: float


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
        effort = Effort(PrecisionPlan(layers, entry.bits), entry.width, entry.head)
        return cls(effort, entry.images, entry.correct, entry.temperature)

    def to_entry(self) -> MeasuredEntry:
        """Return its line in a file."""
        return MeasuredEntry(
            bits=self.effort.plan.bits,
            width=self.effort.width,
            head=self.effort.head,
            images=self.images,
            correct=dict(self.correct),
            temperature=self.temperature,
        )
