"""What flows between the layers of a network."""

from dataclasses import dataclass, replace
from enum import Enum

from torch import Tensor


class Mode(Enum):
    """How a pass computes.

    `FLOAT` is plain float. `FAKE` is float on rounded values, differentiable. `EXACT` is the
    integer arithmetic of `adaptive.quantise`, on codes held in float64.
    """

    FLOAT = "float"
    FAKE = "fake"
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows between layers: codes in an exact pass, else real values.

    `values` has shape (N, C, H, W) or (N, F); `real = scale * (code - zero)`.
    """

    values: Tensor
    scale: float
    zero: int
    mode: Mode

    def real(self) -> Tensor:
        """Return real values, whatever the pass."""
        if self.mode is Mode.EXACT:
            return (self.values - self.zero) * self.scale
        return self.values

    def with_values(self, values: Tensor) -> "Flow":
        """Return other values that mean the same."""
        return replace(self, values=values)
