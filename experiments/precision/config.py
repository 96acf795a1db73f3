"""What the precision tables measure."""

from collections.abc import Mapping
from dataclasses import dataclass

from adaptive.precision import Bits, PrecisionPlan, random_plans


@dataclass(frozen=True, slots=True)
class PrecisionConfig:
    """How much is measured.

    `random_plans` distinct plans are drawn from `seed`, as many as there are at most; torch and
    the reference engine are compared on the first `agreement_plans` of them and
    `agreement_images` images; level choice is tried on `splits` random halves at each of `alphas`;
    `level1` names the level that is reported beside the leaves, by data set.
    """

    random_plans: int
    seed: int
    agreement_images: int
    agreement_plans: int
    alphas: tuple[float, ...]
    splits: int
    level1: Mapping[str, str]

    def __post_init__(self) -> None:
        for field in ("random_plans", "agreement_images", "agreement_plans", "splits"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} is {getattr(self, field)}, expected 1 or more")
        if not self.alphas or any(not 0.0 < alpha < 1.0 for alpha in self.alphas):
            raise ValueError(f"alphas is {self.alphas}, expected some between 0 and 1")

    def drawn(self, layers: tuple[str, ...], bits: tuple[Bits, ...]) -> tuple[PrecisionPlan, ...]:
        """Draw the random plans of a network, none of them uniform; all of those if too few."""
        there_are = len(bits) ** len(layers)
        count = min(self.random_plans + len(bits), there_are)
        found = random_plans(layers, count, seed=self.seed, bits=bits)
        mixed = tuple(plan for plan in found if len(set(plan.bits)) > 1)
        return mixed[: self.random_plans]
