"""Activation ranges and temperatures from data."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adaptive.engine.answer import softmax
from adaptive.quantise import CODE_MAX, CODE_MIN
from models.data import Pixels
from models.network import SwitchableNetwork
from models.ranged import Ranged
from models.ranges import BINS, Magnitudes, RangeMethod, choose_reach

Floats = NDArray[np.float64]

CHUNK, ELEMENTS = 500, 2**28
"""Most images, and most numbers in all their signals, that are held at a time."""
GOLDEN = (np.sqrt(5.0) - 1) / 2


def calibrate_ranges(
    network: SwitchableNetwork, images: Pixels, *, method: RangeMethod = RangeMethod.GREATEST
) -> dict[str, float]:
    """Set each output's range from its magnitudes in plain float on some images, at all widths.

    Returns how far codes reach, by step name. The active plan is left as it was, and the width is
    the full one.
    """
    plan = network.plan
    network.set_plan(None)
    layers = {step.name: step.layer for step in network.steps}
    greatest = dict.fromkeys(layers, 0.0)
    for values in _values(network, images):
        for name, magnitude in values.items():
            greatest[name] = max(greatest[name], float(magnitude.max()))
    # A dead output would have no range; any will do for it.
    reach = {name: value or 1.0 for name, value in greatest.items()}
    if method is not RangeMethod.GREATEST:
        counts = {name: np.zeros(BINS, np.int64) for name in layers}
        for values in _values(network, images):
            for name, magnitude in values.items():
                found = torch.histc(magnitude, BINS, min=0.0, max=reach[name])
                counts[name] += found.numpy().astype(np.int64)
        for name, layer in layers.items():
            zero = layer.zero if isinstance(layer, Ranged) else CODE_MIN
            reach[name] = choose_reach(
                Magnitudes(counts[name], reach[name]),
                method,
                codes=CODE_MAX - zero,
                arithmetic=network.arithmetic,
            )
    network.set_ranges(reach)
    network.set_plan(plan)
    return reach


def _values(network: SwitchableNetwork, images: Pixels) -> Iterator[dict[str, Tensor]]:
    """Yield the magnitudes of what every step writes, some images at a time, width by width."""
    device = next(network.parameters()).device
    chunk = min(CHUNK, max(1, ELEMENTS // sum(network.sizes().values())))
    for width in reversed(network.widths):
        network.set_width(width)
        for start in range(0, len(images), chunk):
            with torch.no_grad():
                flows = network.trace(torch.from_numpy(images[start : start + chunk]).to(device))
            yield {step.name: flows[step.name].values.abs().float().cpu() for step in network.steps}


def fit_temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """Find the temperature of least cross entropy, within 0.05 to 20, by golden section.

    Parameters
    ----------
    logits
        Real logits, shape (N, classes).
    labels
        Leaf index of each, shape (N,).

    References
    ----------
    .. [1] C. Guo et al., "On calibration of modern neural networks," ICML 2017, section 4.2.
       Unverified.
    """

    def cross_entropy(log_temperature: float) -> float:
        p = softmax(logits / np.exp(log_temperature))
        return float(-np.log(np.maximum(p[np.arange(len(p)), labels], 1e-300)).mean())

    low, high = np.log(0.05), np.log(20.0)
    for _ in range(40):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if cross_entropy(left) < cross_entropy(right):
            high = right
        else:
            low = left
    # Rounded so that the last digits, which differ between machines, are not in the artifact.
    return float(np.round(np.exp((low + high) / 2), 4))
