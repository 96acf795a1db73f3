"""What flows between the nodes of a graph: shapes, scales and zero points."""

from collections.abc import Mapping
from math import prod

from adaptive.graph import (
    EVEN,
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Node,
    Pool,
    Signal,
    Window,
)


def infer_signals(source: Signal, nodes: tuple[Node, ...]) -> dict[str, Signal]:
    """Return the signal behind every name, `input` included, in order.

    Raises ValueError naming the node that repeats a name, reads an unknown one or does not fit.
    """
    signals = {"input": source}
    for node in nodes:
        if node.name in signals:
            raise ValueError(f"graph has two nodes named {node.name!r}, expected each name once")
        _check_inputs(node, signals)
        read = [signals[name] for name in node.inputs]
        if isinstance(node, Add | Concat):
            signals[node.name] = _joined(node, read)
        else:
            signals[node.name] = _output(node, read[0])
    return signals


def _check_inputs(node: Node, signals: Mapping[str, Signal]) -> None:
    """Refuse a node that reads too few or too many signals, or one that is not there."""
    wanted = {Add: "two", Concat: "two or more"}.get(type(node), "exactly one")
    fits = {"exactly one": (1, 1), "two": (2, 2), "two or more": (2, len(signals) + 64)}[wanted]
    if not fits[0] <= len(node.inputs) <= fits[1]:
        raise ValueError(f"node {node.name} has inputs {node.inputs}, expected {wanted}")
    for name in node.inputs:
        if name not in signals:
            raise ValueError(f"node {node.name} reads {name!r}, expected one of {tuple(signals)}")


def _joined(node: Add | Concat, read: list[Signal]) -> Signal:
    """Infer the signal that an addition or a concatenation writes."""
    shapes = [signal.shape for signal in read]
    if isinstance(node, Add):
        if shapes[0] != shapes[1]:
            raise ValueError(f"node {node.name} adds shapes {shapes}, expected equal ones")
        return Signal(shapes[0], node.scale, node.zero)
    if any(len(shape) != 3 or shape[:2] != shapes[0][:2] for shape in shapes):
        raise ValueError(
            f"node {node.name} joins shapes {shapes}, expected (H, W, C) of one height and width"
        )
    channels = sum(shape[2] for shape in shapes)
    return Signal((*shapes[0][:2], channels), node.scale, node.zero)


def _output(node: Conv2d | Linear | Pool | Flatten, source: Signal) -> Signal:
    """Infer the signal a node with one input writes."""
    needed = 1 if isinstance(node, Linear) else 3
    if len(source.shape) != needed:
        raise ValueError(
            f"node {node.name} reads a signal of shape {source.shape}, expected {needed} dimensions"
        )
    match node:
        case Conv2d():
            _check_channels(node, source.shape[2])
            return Signal((*_positions(node, source), node.channels), node.scale, node.zero)
        case Linear():
            return Signal((node.features,), node.scale, node.zero)
        case MaxPool2d() | AvgPool2d():
            return Signal((*_positions(node, source), source.shape[2]), source.scale, source.zero)
        case GlobalAvgPool():
            return Signal((source.shape[2],), node.scale, node.zero)
        case Flatten():
            return Signal((prod(source.shape),), source.scale, source.zero)


def _check_channels(node: Conv2d, channels: int) -> None:
    """Refuse groups and padding codes that do not fit the input's channels."""
    if channels % node.groups or node.channels % node.groups:
        raise ValueError(
            f"groups of node {node.name} is {node.groups}, expected a divisor of "
            f"{channels} and {node.channels}"
        )
    if len(node.fill) not in (0, channels):
        raise ValueError(
            f"fill of node {node.name} has {len(node.fill)} codes, expected none or {channels}"
        )


def padding_of(node: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return what is padded: rows above and below, columns on the left and on the right."""
    if isinstance(node, AvgPool2d):
        return EVEN, EVEN
    (above, left), (below, right) = node.padding, node.padding_after
    return (above, above + below), (left, left + right)


def _positions(node: Window, source: Signal) -> tuple[int, int]:
    """Count the window positions along height and width."""
    padding = padding_of(node)
    spans = []
    for axis in (0, 1):
        size, (before, after), kernel = source.shape[axis], padding[axis], node.kernel[axis]
        span = (size + before + after - kernel) // node.stride[axis] + 1
        if span < 1:
            raise ValueError(
                f"kernel of node {node.name} is {node.kernel}, "
                f"expected it to fit into {source.shape[:2]} padded by {padding}"
            )
        last = (span - 1) * node.stride[axis] - before
        if isinstance(node, MaxPool2d) and (before >= kernel or last >= size):
            raise ValueError(
                f"padding of node {node.name} is {padding}, expected no window of padding alone"
            )
        spans.append(span)
    return spans[0], spans[1]
