"""From a trained network to an artifact, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.reference import ReferenceEngine, softmax
from adaptive.graph import Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, Node, Signal
from adaptive.labels import LabelTree
from adaptive.measured import MeasuredEffort
from adaptive.precision import Effort
from adaptive.quantise import CODE_MIN
from models.calibrate import fit_temperature
from models.data import LabelledImages
from models.layers import BIT_LIST, SwitchableConv2d, SwitchableLinear
from models.network import PIXEL_SCALE, Layer, Step, SwitchableNetwork
from models.pooling import Flattening, GlobalAveraging, MaxPooling

CHUNK = 720


def export_network(
    network: SwitchableNetwork,
    *,
    name: str,
    labels: LabelTree,
    provenance: Mapping[str, str | int | float],
) -> Artifact:
    """Turn a network into an artifact; nothing is measured yet."""
    tensors = {}
    with torch.no_grad():
        flows = network.trace(torch.zeros((1, *network.input_shape), dtype=torch.uint8))
    scales = {name: flow.scale for name, flow in flows.items()}
    for step in network.steps:
        if isinstance(step.layer, SwitchableConv2d | SwitchableLinear):
            tensors[step.name] = step.layer.tensors(scales[step.source])
    return Artifact(
        name=name,
        bits=BIT_LIST,
        heads={"leaf": network.steps[-1].name},
        source=Signal(network.input_shape, PIXEL_SCALE, CODE_MIN),
        graph=network.graph(),
        labels=labels,
        tensors=tensors,
        provenance=provenance,
    )


def load_network(artifact: Artifact) -> SwitchableNetwork:
    """Rebuild the torch twin of an artifact, in evaluation mode; its integers are the same."""
    steps = tuple(
        Step(node.name, _layer(node, artifact), node.inputs[0]) for node in artifact.graph
    )
    height, width, channels = artifact.source.shape
    network = SwitchableNetwork((height, width, channels), steps)
    for step in steps:
        signal = artifact.signals[step.name]
        if isinstance(step.layer, SwitchableConv2d | SwitchableLinear):
            step.layer.load(
                artifact.tensors[step.name],
                source_scale=artifact.signals[step.source].scale,
                output_scale=signal.scale,
            )
        elif isinstance(step.layer, GlobalAveraging):
            step.layer.output_scale.fill_(signal.scale)
    return network.eval()


def _layer(node: Node, artifact: Artifact) -> Layer:
    """Build the torch layer of one node, with weights still to come."""
    source = artifact.signals[node.inputs[0]].shape
    match node:
        case Conv2d():
            return SwitchableConv2d(
                source[2],
                node.channels,
                kernel=node.kernel[0],
                stride=node.stride[0],
                groups=node.groups,
                relu=node.relu,
            )
        case Linear():
            is_head = node.name in artifact.heads.values()
            return SwitchableLinear(source[0], node.features, relu=node.relu, is_head=is_head)
        case MaxPool2d():
            return MaxPooling(node.kernel[0])
        case GlobalAvgPool():
            return GlobalAveraging()
        case Flatten():
            return Flattening()


def measure(
    artifact: Artifact, efforts: Iterable[Effort], data: LabelledImages
) -> tuple[MeasuredEffort, ...]:
    """Measure efforts with the integer engine, each with the temperature that fits it best."""
    wanted = tuple(efforts)
    engine = ReferenceEngine(artifact)
    codes: dict[Effort, list[NDArray[np.int32]]] = {effort: [] for effort in wanted}
    for start in range(0, len(data), CHUNK):
        for effort, answer in engine.run_all(data.images[start : start + CHUNK], wanted):
            codes[effort].append(answer)
    return tuple(
        _measured(artifact, effort, engine.logits(np.concatenate(parts), effort), data.labels)
        for effort, parts in codes.items()
    )


def _measured(
    artifact: Artifact, effort: Effort, logits: NDArray[np.float64], labels: NDArray[np.int64]
) -> MeasuredEffort:
    """Score the logits of one effort at every level."""
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits / temperature)
    correct = {
        level: int(artifact.labels.correct(probabilities, labels, level=level).sum())
        for level in artifact.labels.levels
    }
    return MeasuredEffort(effort, len(labels), correct, temperature)


def with_measurements(artifact: Artifact, measured: tuple[MeasuredEffort, ...]) -> Artifact:
    """Return the artifact with its measured efforts."""
    return replace(artifact, measured=measured)
