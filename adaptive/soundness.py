"""What the parts of an exported network must have in common; each check raises ValueError."""

from collections.abc import Mapping, Sequence

import numpy as np

from adaptive.arithmetic import SHIFT_ONLY, Arithmetic
from adaptive.graph import LayerTensors, Signal, Switchable, weight_shape
from adaptive.labels import LabelTree
from adaptive.nesting import Subnetwork
from adaptive.precision import Bits


def labels_at(head: str, head_levels: Mapping[str, str], labels: LabelTree) -> LabelTree:
    """Return the labels that a head tells apart: the tree from its level up."""
    level = head_levels.get(head)
    return labels if level is None else labels.coarsened(level)


def output_bits(layer: str, bits: Bits, heads: Mapping[str, str]) -> Bits:
    """Return the width of a layer's output codes: a head always answers at 16 bits."""
    return Bits.INT16 if layer in heads.values() else bits


def check_heads(
    heads: Mapping[str, str],
    head_levels: Mapping[str, str],
    signals: Mapping[str, Signal],
    labels: LabelTree,
) -> None:
    """Refuse an input that is no image and a head that does not name the nodes of a level."""
    source = signals["input"]
    if len(source.shape) != 3 or source.zero % 256:
        raise ValueError(f"input has shape {source.shape}, expected (H, W, C)")
    if tuple(heads)[:1] != ("leaf",) or "leaf" in head_levels:
        raise ValueError(f"heads is {tuple(heads)}, expected 'leaf' first, with leaves")
    for head, level in head_levels.items():
        if head not in heads or level not in labels.levels:
            raise ValueError(
                f"head_levels puts {head!r} at {level!r}, expected one of "
                f"{tuple(heads)} at one of {labels.levels}"
            )
    for head, node in heads.items():
        if node == "input" or node not in signals:
            names = tuple(name for name in signals if name != "input")
            raise ValueError(f"head {head} is node {node!r}, expected one of {names}")
        answers = labels_at(head, head_levels, labels).leaves
        if signals[node].shape != (len(answers),):
            raise ValueError(
                f"head {head} has shape {signals[node].shape}, "
                f"expected one output for each of {len(answers)} leaves"
            )


def check_weights(
    nodes: Sequence[Switchable],
    signals: Mapping[str, Signal],
    tensors: Mapping[str, LayerTensors],
    widths: tuple[float, ...],
) -> None:
    """Refuse weights that do not fit the graph, and constants of other widths."""
    names = tuple(node.name for node in nodes)
    if set(tensors) != set(names):
        raise ValueError(f"tensors is for {sorted(tensors)}, expected {names}")
    for node in nodes:
        found, shape = tensors[node.name], weight_shape(node, signals[node.inputs[0]])
        if found.weight.shape != shape:
            raise ValueError(
                f"weight of {node.name} has shape {found.weight.shape}, expected {shape}"
            )
        if tuple(found.narrow) != widths[1:]:
            raise ValueError(
                f"constants of {node.name} are for widths {tuple(found.narrow)}, "
                f"expected {widths[1:]} besides the full one"
            )


def check_constants(
    network: Subnetwork,
    heads: Mapping[str, str],
    signals: Mapping[str, Signal],
    bits: tuple[Bits, ...],
    arithmetic: Arithmetic,
) -> None:
    """Refuse constants that do not fit a width's nodes, and heads that are cut.

    `signals` are those of the full width.
    """
    for head, output in heads.items():
        shape = network.signals[output].shape
        if shape != signals[output].shape:
            raise ValueError(
                f"head {head} has shape {shape} at width {network.width:g}, expected a "
                "linear layer: those are never cut"
            )
    for node in network.switchable:
        constants = network.tensors[node.name].requantisers
        found = [(b, r.bits, r.zero, r.relu) for b, r in constants.items()]
        wanted = [(b, output_bits(node.name, b, heads), node.zero, node.relu) for b in bits]
        if found != wanted:
            raise ValueError(f"constants of {node.name} are {found}, expected {wanted}")
        multipliers = np.concatenate([r.multiplier for r in constants.values()])
        if arithmetic is Arithmetic.RADIX and np.any(multipliers != SHIFT_ONLY):
            raise ValueError(f"multiplier of {node.name} is no power of two, expected 2^30")
