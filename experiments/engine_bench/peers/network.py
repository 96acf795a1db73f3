"""The float network the bench wrote for its peers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FloatNetwork:
    """Nodes in order, each a dictionary as `experiments.engine_bench.networks` writes them.

    `weights` and `biases` are by layer: (Cout, kh, kw, Cin / groups) or (Cout, F), and (Cout,).
    """

    shape: tuple[int, int, int]
    output: str
    nodes: tuple[dict[str, Any], ...]
    weights: dict[str, Floats]
    biases: dict[str, Floats]


def load_network(path: str) -> FloatNetwork:
    """Read a network."""
    with np.load(path, allow_pickle=False) as file:
        graph = json.loads(file["graph"].tobytes())
        arrays = {name: file[name] for name in file.files if name != "graph"}
    parts: dict[str, dict[str, Floats]] = {"weight": {}, "bias": {}}
    for name, array in arrays.items():
        layer, part = name.rsplit(".", 1)
        parts[part][layer] = array
    height, width, channels = graph["shape"]
    return FloatNetwork(
        (height, width, channels),
        graph["output"],
        tuple(graph["nodes"]),
        parts["weight"],
        parts["bias"],
    )


def load_images(path: str) -> Floats:
    """Read the calibration images as a float network sees them: (N, C, H, W) in 0..1."""
    images = np.load(path, allow_pickle=False)
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def cached(network: str, folder: str, kind: str) -> str:
    """Name the model file of a kind made from a network's file."""
    return str(Path(folder) / f"{Path(network).stem}.{kind}")
