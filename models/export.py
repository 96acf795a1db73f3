"""From a trained network to an artifact, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isclose, prod

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.engine.answer import softmax
from adaptive.engine.protocol import EngineName, make_engine
from adaptive.errors import ArtifactError
from adaptive.graph import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Node,
    Signal,
)
from adaptive.labels import LabelTree
from adaptive.measured import MeasuredEffort
from adaptive.precision import Effort
from adaptive.quantise import CODE_MIN
from models.calibrate import fit_temperature
from models.data import LabelledImages
from models.joining import Adding, Joining
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import PIXEL_SCALE, Layer, Step, SwitchableNetwork
from models.pooling import Averaging, Flattening, GlobalAveraging, MaxPooling
from models.ranged import Ranged
from models.window import Window

RELU6 = 6.0
"""A calibrated range never ends there by chance: codes that do saturate as a ReLU6."""

ELEMENTS = 2**19
"""Codes of one signal that are computed at a time: more would not fit the processor's cache."""


def export_network(
    network: SwitchableNetwork,
    *,
    name: str,
    labels: LabelTree,
    provenance: Mapping[str, str | int | float],
    head_levels: Mapping[str, str] | None = None,
) -> Artifact:
    """Turn a network into an artifact; nothing is measured yet.

    Heads answer with leaves, or at their level of the labels in `head_levels`.

    Raises
    ------
    ArtifactError
        Naming the layer whose numbers no integers express.
    """
    tensors = {}
    scales = network.scales()
    for step in network.steps:
        if isinstance(step.layer, SwitchableConv2d | SwitchableLinear):
            try:
                tensors[step.name] = step.layer.tensors(scales[step.sources[0]])
            except ValueError as error:
                raise ArtifactError(f"artifact {name}: layer {step.name}: {error}") from error
    return Artifact(
        name=name,
        bits=network.bits,
        heads=network.heads,
        source=Signal(network.input_shape, PIXEL_SCALE, CODE_MIN),
        graph=network.graph(),
        labels=labels,
        tensors=tensors,
        provenance=provenance,
        arithmetic=network.arithmetic,
        widths=network.widths,
        head_levels=dict(head_levels or {}),
    )


def load_network(artifact: Artifact) -> SwitchableNetwork:
    """Rebuild the torch twin of an artifact, in evaluation mode; its integers are the same."""
    steps = tuple(Step(node.name, _layer(node, artifact), node.inputs) for node in artifact.graph)
    height, width, channels = artifact.source.shape
    network = SwitchableNetwork(
        (height, width, channels), steps, arithmetic=artifact.arithmetic, heads=artifact.heads
    )
    for step in steps:
        scale = artifact.signals[step.name].scale
        if isinstance(step.layer, SwitchableConv2d | SwitchableLinear):
            step.layer.load(
                artifact.tensors[step.name],
                source_scale=artifact.signals[step.sources[0]].scale,
                output_scale=scale,
            )
        elif isinstance(step.layer, Ranged):
            step.layer.output_scale.fill_(scale)
        if isinstance(step.layer, Ranged) and isclose(step.layer.reach, RELU6, rel_tol=1e-12):
            step.layer.ceiling = RELU6
    return network.eval()


def _layer(node: Node, artifact: Artifact) -> Layer:
    """Build the torch layer of one node, with weights still to come."""
    source = artifact.signals[node.inputs[0]].shape
    match node:
        case Conv2d() | Linear():
            return _switchable(node, source, artifact)
        case MaxPool2d():
            return MaxPooling(Window(node.kernel, node.stride, node.padding, node.padding_after))
        case AvgPool2d():
            return Averaging(Window(node.kernel, node.stride))
        case GlobalAvgPool():
            return GlobalAveraging(signed=node.zero != CODE_MIN)
        case Add():
            return Adding(relu=node.relu)
        case Concat():
            return Joining(signed=node.zero != CODE_MIN, relu=node.relu)
        case Flatten():
            return Flattening()


def _switchable(
    node: Conv2d | Linear, source: tuple[int, ...], artifact: Artifact
) -> SwitchableConv2d | SwitchableLinear:
    """Build a convolution or a linear layer."""
    if isinstance(node, Linear):
        is_head = node.name in artifact.heads.values()
        return SwitchableLinear(
            source[0],
            node.features,
            relu=node.relu,
            is_head=is_head,
            bit_list=artifact.bits,
            widths=artifact.widths[1:],
        )
    return SwitchableConv2d(
        source[2],
        node.channels,
        window=Window(node.kernel, node.stride, node.padding, node.padding_after),
        groups=node.groups,
        relu=node.relu,
        bit_list=artifact.bits,
        fill=node.fill,
        widths=artifact.widths[1:],
    )


def measure(
    artifact: Artifact,
    efforts: Iterable[Effort],
    data: LabelledImages,
    *,
    engine: EngineName | None = None,
) -> tuple[MeasuredEffort, ...]:
    """Measure efforts with an integer engine, each with the temperature that fits it best."""
    wanted = tuple(efforts)
    runner = make_engine(engine, artifact)
    codes: dict[Effort, list[NDArray[np.int32]]] = {effort: [] for effort in wanted}
    largest = max(prod(signal.shape) for signal in artifact.signals.values())
    for batch in data.batches(max(1, ELEMENTS // largest)):
        for effort, answer in runner.run_all(batch.images, wanted):
            codes[effort].append(answer)
    return tuple(
        _measured(artifact, effort, runner.logits(np.concatenate(parts), effort), data.labels)
        for effort, parts in codes.items()
    )


def _measured(
    artifact: Artifact, effort: Effort, logits: NDArray[np.float64], labels: NDArray[np.int64]
) -> MeasuredEffort:
    """Score the logits of one effort at every level."""
    own = artifact.labels_of(effort.head)
    truth = artifact.labels.ancestors(own.levels[0])[labels]
    temperature = fit_temperature(logits, truth)
    probabilities = softmax(logits / temperature)
    correct = {
        level: int(own.correct(probabilities, truth, level=level).sum()) for level in own.levels
    }
    return MeasuredEffort(effort, len(labels), correct, temperature)


def with_measurements(artifact: Artifact, measured: tuple[MeasuredEffort, ...]) -> Artifact:
    """Return the artifact with its measured efforts."""
    return replace(artifact, measured=measured)
