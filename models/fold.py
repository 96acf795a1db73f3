"""What is folded into a convolution or a linear layer: batch norm, and a normalised input.

Weights here lie as torch has them, (Cout, Cin / groups, kh, kw) or (Cout, F), in float64.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from adaptive.nesting import channels_at
from adaptive.quantise import CODE_MAX, CODE_MIN
from models.nested import NestedBatchNorm2d

PIXEL_CODES = 255 * 256
"""Codes from the darkest to the brightest pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights and bias of a layer, and what its padding counts as: codes, or nothing for zero.

    `narrow` says what each narrower width makes of the first of them.
    """

    weight: Tensor
    bias: Tensor
    fill: tuple[int, ...] = ()
    narrow: Mapping[float, "Narrow"] = field(default_factory=dict)

    @property
    def is_finite(self) -> bool:
        """Whether every number is one."""
        own = (value for narrow in self.narrow.values() for value in (narrow.gain, narrow.bias))
        return all(bool(torch.isfinite(value).all()) for value in (self.weight, self.bias, *own))


@dataclass(frozen=True, slots=True, eq=False)
class Narrow:
    """A width's factor on each channel's weights and its bias, shape (C at the width,)."""

    gain: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What the float network was given: `(pixel / 255 - mean) / deviation`, channel by channel."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.deviation):
            raise ValueError(
                f"deviation has {len(self.deviation)} channels, expected {len(self.mean)} as mean"
            )
        if any(not 0.0 <= mean <= 1.0 for mean in self.mean):
            raise ValueError(f"mean is {self.mean}, expected 0 to 1")
        if any(not 0.0 < deviation < 1e6 for deviation in self.deviation):
            raise ValueError(f"deviation is {self.deviation}, expected above 0")


def weights_of(layer: nn.Conv2d | nn.Linear, *, widths: Sequence[float] = ()) -> Weights:
    """Copy the weights of a layer; without a bias it is zero.

    At each narrower width a convolution has its first channels, a linear layer all features.
    """
    weight = layer.weight.detach().double()
    bias = torch.zeros(len(weight), dtype=torch.float64)
    bias = bias if layer.bias is None else layer.bias.detach().double()
    narrow = {}
    for width in widths:
        cut = bias[: channels_at(len(bias), width)] if isinstance(layer, nn.Conv2d) else bias
        narrow[width] = Narrow(torch.ones_like(cut), cut.clone())
    return Weights(weight, bias, narrow=narrow)


def fold_batch_norm(weights: Weights, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Weights:
    r"""Fold the batch norm that follows a layer, with its running statistics, into its weights.

    .. math:: w' = w g / \sqrt{v + e}, b' = (b - m) g / \sqrt{v + e} + h

    Raises
    ------
    ValueError
        If it keeps no running statistics.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("keeps no running statistics, expected track_running_stats")
    gain = torch.rsqrt(norm.running_var.double() + norm.eps)
    shift = torch.zeros_like(gain)
    if norm.affine:
        gain = gain * norm.weight.detach().double()
        shift = norm.bias.detach().double()
    weight = weights.weight * gain.reshape(-1, *[1] * (weights.weight.ndim - 1))
    return replace(
        weights,
        weight=weight,
        bias=(weights.bias - norm.running_mean.double()) * gain + shift,
        narrow={width: _fold_narrow(old, norm, width) for width, old in weights.narrow.items()},
    )


def _fold_narrow(old: Narrow, norm: nn.BatchNorm1d | nn.BatchNorm2d, width: float) -> Narrow:
    """Fold the batch norm of a narrower width; one without widths does as at the full one."""
    mean, variance = norm.running_mean, norm.running_var
    shift: Tensor = norm.bias
    if isinstance(norm, NestedBatchNorm2d):
        mean, variance, shift = norm.at(width)
    if mean is None or variance is None or norm.running_var is None:
        raise ValueError("keeps no running statistics, expected track_running_stats")
    count = len(old.bias)
    own = torch.rsqrt(variance[:count].double() + norm.eps)
    full = torch.rsqrt(norm.running_var[:count].double() + norm.eps)
    bias = (old.bias - mean[:count].double()) * own
    if norm.affine:
        bias = bias * norm.weight.detach()[:count].double() + shift.detach()[:count].double()
    return Narrow(old.gain * own / full, bias)


def fold_normalisation(
    weights: Weights, normalisation: Normalisation, *, groups: int, padded: bool
) -> Weights:
    """Let a convolution read pixels / 255 where it read normalised ones.

    The float network pads with normalised zeros, that is with pixels of the mean; so the padding
    then counts as the mean's code.

    Raises
    ------
    ValueError
        If the convolution reads another number of channels.
    """
    channels, each = weights.weight.shape[:2]
    if len(normalisation.mean) != each * groups:
        raise ValueError(
            f"mean has {len(normalisation.mean)} channels, expected {each * groups} as the image"
        )
    of_group = torch.arange(channels) // (channels // groups)
    mean, deviation = (
        torch.tensor(values, dtype=torch.float64).reshape(groups, each)[of_group][:, :, None, None]
        for values in (normalisation.mean, normalisation.deviation)
    )
    weight = weights.weight / deviation
    bias = weights.bias - (weight * mean).sum(dim=(1, 2, 3))
    fill = tuple(
        min(max(round(mean * PIXEL_CODES) + CODE_MIN, CODE_MIN), CODE_MAX)
        for mean in normalisation.mean
    )
    narrow = {
        width: Narrow(old.gain, old.bias + (bias - weights.bias)[: len(old.bias)] * old.gain)
        for width, old in weights.narrow.items()
    }
    return Weights(weight, bias, fill if padded else (), narrow)
