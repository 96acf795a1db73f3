"""Activation ranges and temperatures from data."""

import numpy as np
import torch
from numpy.typing import NDArray

from adaptive.engine.reference import softmax
from models.data import Pixels
from models.network import SwitchableNetwork

Floats = NDArray[np.float64]

CHUNK = 500
GOLDEN = (np.sqrt(5.0) - 1) / 2


def calibrate_ranges(network: SwitchableNetwork, images: Pixels) -> dict[str, float]:
    """Set each output's range to its greatest magnitude in plain float on some images.

    Returns the ranges by step name. The active plan is left as it was.
    """
    plan = network.plan
    network.set_plan(None)
    greatest = dict.fromkeys((step.name for step in network.steps), 0.0)
    device = next(network.parameters()).device
    for start in range(0, len(images), CHUNK):
        with torch.no_grad():
            flows = network.trace(torch.from_numpy(images[start : start + CHUNK]).to(device))
        for name in greatest:
            greatest[name] = max(greatest[name], float(flows[name].values.abs().max()))
    # A dead output would have no range; any will do for it.
    greatest = {name: value or 1.0 for name, value in greatest.items()}
    network.set_ranges(greatest)
    network.set_plan(plan)
    return greatest


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
