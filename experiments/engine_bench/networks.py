"""The networks that are timed: our artifact, and the same numbers in float for every peer.

Both are cached, since making them takes longer than timing them. A peer's file is a .npz with the
graph as JSON text and, for each layer, float32 weights (Cout, kh, kw, Cin / groups) and a bias:
the very real numbers our 16-bit codes stand for, so that all runtimes run one network.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adaptive.artifact import Artifact, load_artifact, save_artifact
from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.graph import Conv2d, MaxPool2d, Node
from adaptive.labels import LabelTree
from adaptive.precision import Bits
from adaptive.shapes import padding_of
from experiments.engine_bench.config import NetworkEntry
from models.calibrate import calibrate_ranges
from models.convert import convert
from models.export import export_network
from models.zoo.catalogue import NetworkConfig, build, input_shape

CLASSES = {(32, 32, 3): 10}
MANY_CLASSES = 1000
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class BenchNetwork:
    """One network as every runtime reads it.

    Parameters
    ----------
    name
        As rows name it.
    artifact
        For our engine.
    artifact_path, float_path
        The artifact's file, and the same network in float.
    images_path
        .npy of the calibration images, uint8 (N, H, W, C).
    """

    name: str
    artifact: Artifact
    artifact_path: Path
    float_path: Path
    images_path: Path


def prepare(entry: NetworkEntry, folder: Path, *, seed: int, images: int) -> BenchNetwork:
    """Return a network, made now unless it lies in the folder."""
    name = f"{entry.kind}-{entry.artifact or f'seed{seed}'}"
    pictures = folder / f"{name}-images{images}.npy"
    path = folder / f"{name}.npz"
    shape = input_shape(entry.kind)
    drawn = draw_images(shape, images, seed=seed)
    if entry.artifact is not None:
        artifact = load_artifact(entry.artifact)
        save_artifact(artifact, path)
    elif path.exists():
        artifact = load_artifact(path)
    else:
        artifact = random_artifact(entry, drawn, seed=seed)
        save_artifact(artifact, path)
    np.save(pictures, drawn)
    plain = folder / f"{name}-{artifact.checksum[:12]}-float.npz"
    if not plain.exists():
        save_float(artifact, plain)
    return BenchNetwork(entry.kind, artifact, path, plain, pictures)


def draw_images(shape: tuple[int, ...], count: int, *, seed: int) -> Pixels:
    """Draw pictures (N, H, W, C) of smooth blotches: neighbours are alike, as in photographs."""
    height, width, channels = shape
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.0, 256.0, (count, -(-height // 8), -(-width // 8), channels))
    blotches = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    noisy = blotches + rng.normal(0.0, 16.0, blotches.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def random_artifact(entry: NetworkEntry, images: Pixels, *, seed: int) -> Artifact:
    """Build a network of random weights whose batch norms and ranges fit the images."""
    torch.manual_seed(seed)
    shape = input_shape(entry.kind)
    classes = CLASSES.get(shape, MANY_CLASSES)
    plain = build(NetworkConfig(entry.kind), classes=classes)
    settle_norms(plain, images)
    network = convert(plain, shape)
    calibrate_ranges(network, images)
    labels = LabelTree(tuple(f"class{k}" for k in range(classes)), ("leaf",), ((),) * classes)
    provenance: dict[str, str | int | float] = {
        "command": "python -m experiments.engine_bench",
        "weights": f"random, seed {seed}",
    }
    return export_network(network, name=entry.kind, labels=labels, provenance=provenance)


def settle_norms(network: nn.Module, images: Pixels) -> None:
    """Give every batch norm the statistics of some images: signals then neither fade nor grow."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean over what is seen
    network.train()
    with torch.no_grad():
        network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)  # (N, C, H, W)
    network.eval()


def save_float(artifact: Artifact, path: Path) -> None:
    """Write the network for the peers.

    Raises
    ------
    ConfigError
        If its padding is not zero, which peers do not offer.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    for node in artifact.switchable:
        if isinstance(node, Conv2d) and node.fill:
            raise ConfigError(
                f"network {artifact.name}: layer {node.name} pads with codes, expected zero"
            )
        tensors = artifact.tensors[node.name]
        scale = tensors.weight_scale.reshape(-1, *[1] * (tensors.weight.ndim - 1))
        accumulator = artifact.signals[node.inputs[0]].scale * tensors.weight_scale
        arrays[f"{node.name}.weight"] = (tensors.weight * scale).astype(np.float32)
        bias = tensors.requantisers[Bits.INT16].bias * accumulator
        arrays[f"{node.name}.bias"] = bias.astype(np.float32)
    graph = json.dumps(
        {
            "shape": artifact.source.shape,
            "output": artifact.heads["leaf"],
            "nodes": [_describe(node) for node in artifact.graph],
        }
    )
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, graph=np.frombuffer(graph.encode(), np.uint8), **arrays)
    write_atomically(path, buffer.getvalue())


def _describe(node: Node) -> dict[str, object]:
    """Describe a node to a peer: the operation, and padding as (top, left, bottom, right)."""
    described: dict[str, object] = msgspec.to_builtins(node)
    if isinstance(node, Conv2d | MaxPool2d):
        (above, below), (left, right) = padding_of(node)
        described["pads"] = [above, left, below, right]
    return described
