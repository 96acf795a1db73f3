"""What flows between the operators of a network read from a file, and the network as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import fx

from adaptive.errors import ConfigError
from models.fold import Normalisation

Numbers = NDArray[Any]
Margins = tuple[int, int, int, int]
"""Columns on the left and right, rows above and below, as torch pads."""

NONE: Margins = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Value:
    """What an operator writes: its node, and (C, H, W) or (F,) of one image.

    `channels_last` says that the file lays it out as (H, W, C); `flat_of` is the image that
    features were flattened from in that layout; `rescalings` counts those of the input so far.
    """

    node: fx.Node
    shape: tuple[int, ...]
    channels_last: bool = False
    flat_of: tuple[int, int, int] | None = None
    rescalings: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class FloatNetwork:
    """A network read from a file.

    Parameters
    ----------
    module
        Reads images (N, C, H, W) and returns logits (N, outputs).
    shape
        (H, W, C) of an image.
    outputs
        How many logits there are.
    gain, offset
        What the file does to its input before the first layer, `gain * x + offset`, channel by
        channel; the module is given the result.
    """

    module: fx.GraphModule
    shape: tuple[int, int, int]
    outputs: int
    gain: tuple[float, ...]
    offset: tuple[float, ...]

    def normalisation(self, given: Normalisation | None) -> Normalisation | None:
        """Join what the file's input was, and what the file does to it.

        Raises
        ------
        ConfigError
            If the channels do not fit, or the padding of the first layer would count as a pixel
            that there is not.
        """
        channels = self.shape[2]
        if given is None:
            given = Normalisation((0.0,) * channels, (1.0,) * channels)
        if len(given.mean) == 1:
            given = Normalisation(given.mean * channels, given.deviation * channels)
        if len(given.mean) != channels:
            raise ConfigError(
                f"mean has {len(given.mean)} channels, expected {channels} as the network reads"
            )
        rows = list(zip(given.mean, given.deviation, self.gain, self.offset, strict=True))
        try:
            joined = Normalisation(
                tuple(round(m - b * d / a, 9) for m, d, a, b in rows),
                tuple(d / a for _, d, a, _ in rows),
            )
        except (ValueError, ZeroDivisionError) as error:
            raise ConfigError(
                f"the network's input is rescaled by {self.gain} and {self.offset}, which does not "
                f"fit what it was given: {error}; see --input"
            ) from error
        plain = all(m == 0.0 for m in joined.mean) and all(d == 1.0 for d in joined.deviation)
        return None if plain else joined


def by_channel(values: Numbers, source: Value, *, name: str) -> Numbers:
    """Return one number a channel, of numbers that are laid out over one image."""
    channels = source.shape[0]
    image = len(source.shape) == 3
    shape = (*source.shape[1:], channels) if source.channels_last and image else source.shape
    flat = tuple(1 for _ in shape[1:])
    wanted = (*flat, channels) if source.channels_last and image else (channels, *flat)
    try:
        if values.ndim == len(shape) + 1 and len(values) == 1:
            values = values[0]
        return np.broadcast_to(values, wanted).reshape(channels).astype(np.float64)
    except ValueError as error:
        raise ConfigError(
            f"node {name}: has constants of shape {values.shape}, expected one a channel"
        ) from error


def positions(size: int, kernel: int, stride: int, padding: int, *, ceil: bool) -> int:
    """Count the positions of a window along one side."""
    span = size + padding - kernel
    return (-(-span // stride) if ceil else span // stride) + 1


def same_margins(
    shape: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Margins:
    """Return the padding that gives `ceil(size / stride)` positions, the odd one on the far side.

    `shape` is (H, W) of the image. Raises ConfigError where a stride or dilation is none.
    """
    if min(*stride, *dilation) < 1:
        raise ConfigError(f"stride is {stride} and dilation {dilation}, expected 1 or more")
    pairs: list[tuple[int, int]] = []
    for size, k, s, d in zip(shape, kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
        pairs.append((total // 2, total - total // 2))
    (above, below), (left, right) = pairs
    return left, right, above, below
