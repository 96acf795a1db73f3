"""What flows between the layers of a network."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows between layers: real values, or codes in evaluation mode with bits.

    `values` has shape (N, C, H, W) or (N, F); `real = scale * (code - zero)`.
    """

    values: Tensor
    scale: float
    zero: int

    def real(self) -> Tensor:
        """Return codes as real values."""
        return (self.values - self.zero) * self.scale
