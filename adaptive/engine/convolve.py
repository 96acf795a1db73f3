"""Windows of whole numbers in numpy: padding, sliding, convolution, exactly."""

from math import prod
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adaptive.graph import Conv2d, MaxPool2d
from adaptive.shapes import padding_of

Number = TypeVar("Number", np.int32, np.int64, np.float64)
Floats = NDArray[np.float64]
COLUMNS = 2**20
"""Values copied at a time: they stay in a processor's cache."""


def pad(
    values: NDArray[Number], node: Conv2d | MaxPool2d, fill: NDArray[Number]
) -> NDArray[Number]:
    """Surround (N, H, W, C) with a value for each channel, shape (C,)."""
    (above, below), (left, right) = padding_of(node)
    n, height, width, channels = values.shape
    shape = (n, above + height + below, left + width + right, channels)
    padded = np.broadcast_to(fill, shape).copy()
    padded[:, above : above + height, left : left + width] = values
    return padded


def windows(
    values: NDArray[Number], kernel: tuple[int, int], stride: tuple[int, int]
) -> NDArray[Number]:
    """View (N, H, W, C) as windows (N, H', W', C, kernel height, kernel width)."""
    view = sliding_window_view(values, kernel, axis=(1, 2))
    return view[:, :: stride[0], :: stride[1]]


def convolve(
    values: Floats, weights: Floats, node: Conv2d, *, fill: Floats | None = None
) -> Floats:
    """Convolve integers held as float64, exactly: (N, H, W, Cin) -> (N, H', W', Cout).

    Padding counts as zero, or as `fill`, shape (Cin,).
    """
    padded = pad(values, node, np.zeros(values.shape[3]) if fill is None else fill)
    if node.groups == node.channels == values.shape[3]:
        return _convolve_depthwise(padded, weights[..., 0], node)
    view = windows(padded, node.kernel, node.stride)  # (N, H', W', Cin, kh, kw)
    n, h, w, channels, *kernel = view.shape
    size = channels // node.groups
    columns = view.reshape(n, h, w, node.groups, size, *kernel).transpose(0, 1, 2, 3, 5, 6, 4)
    terms = prod((size, *kernel))
    kernels = weights.reshape(node.groups, -1, terms).transpose(0, 2, 1)  # (groups, terms, Cg)
    out = np.empty((n, h, w, node.channels))
    step = max(1, COLUMNS // (h * w * channels * prod(kernel)))
    for start in range(0, n, step):
        part = columns[start : start + step].reshape(-1, node.groups, terms)
        total = np.matmul(part.transpose(1, 0, 2), kernels)  # (groups, NHW, Cg)
        out[start : start + step] = total.transpose(1, 0, 2).reshape(-1, h, w, node.channels)
    return out


def _convolve_depthwise(padded: Floats, weights: Floats, node: Conv2d) -> Floats:
    """Convolve each channel by itself: (N, H, W, C) and weights (C, kh, kw) -> (N, H', W', C)."""
    view = windows(padded, node.kernel, node.stride)  # (N, H', W', C, kh, kw)
    out = np.zeros(view.shape[:4])
    for n in range(len(out)):
        for y, x in np.ndindex(*node.kernel):
            out[n] += view[n, ..., y, x] * weights[:, y, x]
    return out
