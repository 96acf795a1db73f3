"""Nested widths: the first channels of every layer are a network of their own.

A width is a share of the channels of every convolution; linear layers write all their features. A
narrower network reads the first weights of the same tensors, with requantisation constants of its
own; scales and zero points of signals are those of the full width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod

import msgspec

from adaptive.graph import (
    Concat,
    Conv2d,
    Flatten,
    LayerTensors,
    LayerWork,
    Linear,
    Node,
    Signal,
    Switchable,
    layer_work,
    weight_shape,
)
from adaptive.shapes import infer_signals

CHANNEL_STEP = 4
"""Channels are cut in steps of these: the engine multiplies so many at once."""


def channels_at(channels: int, width: float) -> int:
    """Return how many of a layer's first channels run: a multiple of 4, or all of them.

    Parameters
    ----------
    channels
        Of the layer at full width.
    width
        Share of the channels that is asked for, above 0 and at most 1.
    """
    steps = ceil(width * channels / CHANNEL_STEP - 1e-9)  # 0.7 x 40 is 28 whatever floats say
    return min(channels, CHANNEL_STEP * steps)


@dataclass(frozen=True, slots=True, eq=False)
class Subnetwork:
    """The network at one width: its nodes, what flows between them, and views of the tensors."""

    width: float
    graph: tuple[Node, ...]
    signals: Mapping[str, Signal]
    tensors: Mapping[str, LayerTensors]

    @property
    def switchable(self) -> tuple[Switchable, ...]:
        """Nodes with weights, in network order."""
        return tuple(node for node in self.graph if isinstance(node, Conv2d | Linear))

    def needed(self, output: str) -> tuple[Node, ...]:
        """Return the nodes that an output needs, itself included, in network order."""
        wanted = {output}
        for node in reversed(self.graph):
            if node.name in wanted:
                wanted.update(node.inputs)
        return tuple(node for node in self.graph if node.name in wanted)

    def work(self, output: str) -> tuple[LayerWork, ...]:
        """Return what the layers cost that an output needs, for one image."""
        return tuple(
            layer_work(node, self.signals)
            for node in self.needed(output)
            if isinstance(node, Conv2d | Linear)
        )


def subnetwork(
    graph: tuple[Node, ...],
    signals: Mapping[str, Signal],
    tensors: Mapping[str, LayerTensors],
    *,
    width: float,
) -> Subnetwork:
    """Cut a network to a width; the full width is the network itself.

    Parameters
    ----------
    graph, signals, tensors
        At full width.
    width
        Share of the channels.

    Raises
    ------
    ValueError
        Naming the node that cannot be cut, or whose constants do not fit.
    """
    if width == 1.0:
        return Subnetwork(width, graph, signals, tensors)
    nodes = narrowed(graph, signals, width=width)
    flowing = infer_signals(signals["input"], nodes)
    cut = {}
    for node in nodes:
        if isinstance(node, Conv2d | Linear):
            shape = weight_shape(node, flowing[node.inputs[0]])
            try:
                cut[node.name] = tensors[node.name].at(width, shape)
            except ValueError as error:
                raise ValueError(f"{node.name} at width {width:g}: {error}") from error
    return Subnetwork(width, nodes, flowing, cut)


def narrowed(
    graph: tuple[Node, ...], signals: Mapping[str, Signal], *, width: float
) -> tuple[Node, ...]:
    """Return the nodes at a width; raises ValueError naming one whose channels do not nest."""
    return tuple(_narrowed(node, signals[node.inputs[0]].shape, width) for node in graph)


def _narrowed(node: Node, source: tuple[int, ...], width: float) -> Node:
    """Return one node at a width; `source` is what it reads at full width."""
    match node:
        case Conv2d(groups=1):
            return msgspec.structs.replace(node, channels=channels_at(node.channels, width))
        case Conv2d() if node.groups == node.channels == source[2]:
            channels = channels_at(node.channels, width)
            fill = node.fill[:channels]
            return msgspec.structs.replace(node, channels=channels, groups=channels, fill=fill)
        case Conv2d():
            found, wanted = f"has {node.groups} groups", "1, or a depthwise one"
        case Concat():
            found, wanted = "joins channels", "networks without"
        case Flatten() if prod(source[:2]) > 1:
            found, wanted = f"flattens {source}", "one position"
        case _:
            return node
    raise ValueError(f"node {node.name} {found}, expected {wanted} where there are widths")
