"""The operators of ONNX that are read, one function each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from adaptive.errors import ConfigError
from models.exchange.onnx_nodes import Known, Node
from models.exchange.values import NONE, Margins, Value, same_margins


def convolution(known: Known, node: Node) -> Value:
    """Read a Conv."""
    source, weight = known.value(node), known.weight(node, 1, 4)
    stride = node.attributes.get("strides", [1, 1])
    dilation = node.attributes.get("dilations", [1, 1])
    margins = _margins(node, source, weight.shape[2:], stride, dilation)
    return known.assembly.convolution(
        node.name, source, weight, known.constant(node, 2), stride=stride, margins=margins,
        dilation=dilation, groups=node.attributes.get("group", 1),
    )  # fmt: skip


def gemm(known: Known, node: Node) -> Value:
    """Read a Gemm."""
    if node.attributes.get("transA", 0):
        raise ConfigError(f"node {node.name}: transA is 1, expected 0")
    weight = known.weight(node, 1, 2) * node.attributes.get("alpha", 1.0)
    weight = weight if node.attributes.get("transB", 0) else weight.T
    bias = known.constant(node, 2)
    if bias is not None:
        bias = np.broadcast_to(bias * node.attributes.get("beta", 1.0), (1, len(weight)))[0]
    return known.assembly.linear(node.name, known.value(node), weight, bias)


def matmul(known: Known, node: Node) -> Value:
    """Read a MatMul with weights."""
    return known.assembly.linear(node.name, known.value(node), known.weight(node, 1, 2).T, None)


def batch_norm(known: Known, node: Node) -> Value:
    """Read a BatchNormalization with its running statistics."""
    if node.attributes.get("training_mode", 0):
        raise ConfigError(f"node {node.name}: training_mode is 1, expected 0")
    gain, shift, mean, variance = (
        known.weight(node, position, 1).astype(np.float64) for position in (1, 2, 3, 4)
    )
    scale = gain / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    source = known.value(node)
    column = (-1, *(1,) * (len(source.shape) - 1))
    first = replace(source, channels_last=False)
    value = known.assembly.affine(
        node.name, first, scale.reshape(column), (shift - mean * scale).reshape(column)
    )
    return replace(value, channels_last=source.channels_last)


def arithmetic(known: Known, node: Node) -> Value:
    """Read a sum of two values, or an operation with constants."""
    left, right = (name in known.constants for name in node.inputs)
    kind, name = node.kind, node.name
    if not left and not right:
        if kind != "Add":
            raise ConfigError(f"node {name}: {kind} of two values, expected one constant")
        return known.assembly.add(name, known.value(node), known.value(node, 1))
    if left and kind in ("Sub", "Div"):
        raise ConfigError(f"node {name}: {kind} of a constant by a value, expected the reverse")
    number = known.constant(node, 0 if left else 1)
    number = np.asarray(number, dtype=np.float64)
    one, zero = np.ones(()), np.zeros(())
    with np.errstate(divide="ignore"):
        scale, shift = {
            "Add": (one, number), "Sub": (one, -number),
            "Mul": (number, zero), "Div": (1.0 / number, zero),
        }[kind]  # fmt: skip
    return known.assembly.affine(name, known.value(node, 1 if left else 0), scale, shift)


def relu(known: Known, node: Node) -> Value:
    """Read a Relu."""
    return known.assembly.relu(node.name, known.value(node))


def clip(known: Known, node: Node) -> Value:
    """Read a Clip from zero up."""
    least, greatest = (
        node.attributes.get(key) if found is None else float(found)
        for key, found in (("min", known.constant(node, 1)), ("max", known.constant(node, 2)))
    )
    if least != 0.0 or (greatest is not None and not greatest > 0.0):
        raise ConfigError(f"node {node.name}: clips to {least} .. {greatest}, expected from 0 up")
    endless = greatest is None or greatest > 1e30
    return known.assembly.relu(node.name, known.value(node), ceiling=None if endless else greatest)


def pool(known: Known, node: Node) -> Value:
    """Read a MaxPool or an AveragePool."""
    source, kernel = known.value(node), node.attributes["kernel_shape"]
    stride = node.attributes.get("strides", [1, 1])
    if any(step != 1 for step in node.attributes.get("dilations", [])) or len(node.outputs) > 1:
        raise ConfigError(f"node {node.name}: has dilations or indices, expected neither")
    return known.assembly.pool(
        node.name, source, largest=node.kind == "MaxPool", kernel=kernel, stride=stride,
        margins=_margins(node, source, kernel, stride, [1, 1]),
        ceil=bool(node.attributes.get("ceil_mode", 0)),
    )  # fmt: skip


def global_average(known: Known, node: Node) -> Value:
    """Read a GlobalAveragePool."""
    return known.assembly.average(node.name, known.value(node))


def mean(known: Known, node: Node) -> Value:
    """Read a ReduceMean over all positions."""
    source, found = known.value(node), known.constant(node, 1)
    axes = node.attributes.get("axes", []) if found is None else found.tolist()
    wanted = {1, 2} if source.channels_last else {2, 3}
    if {axis % 4 for axis in axes} != wanted or len(source.shape) != 3:
        raise ConfigError(f"node {node.name}: averages axes {axes}, expected height and width")
    return known.assembly.average(node.name, source, keep=bool(node.attributes.get("keepdims", 1)))


def concat(known: Known, node: Node) -> Value:
    """Read a Concat of channels."""
    sources = [known.value(node, position) for position in range(len(node.inputs))]
    wanted = 3 if sources[0].channels_last else 1
    if node.attributes["axis"] % 4 != wanted:
        raise ConfigError(
            f"node {node.name}: axis is {node.attributes['axis']}, expected the channels"
        )
    return known.assembly.join(node.name, sources)


def reshape(known: Known, node: Node) -> Value:
    """Read a Flatten, Reshape or Squeeze that flattens an image, or changes nothing."""
    source, name = known.value(node), node.name
    if node.kind == "Flatten":
        wanted = [1, -1] if node.attributes.get("axis", 1) in (1, -3) else []
    elif node.kind == "Squeeze":
        wanted = [1, -1] if source.shape[1:] in ((), (1, 1)) else []
    else:
        found = known.constant(node, 1)
        wanted = [] if found is None else found.tolist()
    size = int(np.prod(source.shape))
    if len(wanted) == 2 and wanted[0] in (0, 1, -1) and wanted[1] in (-1, size):
        return known.assembly.flatten(name, source)
    laid = source.shape[1:] + source.shape[:1] if source.channels_last else source.shape
    if tuple(wanted[1:]) == laid and wanted[0] in (0, 1, -1):
        return source
    raise ConfigError(f"node {name}: reshapes {source.shape} to {wanted}, expected (N, {size})")


def transpose(known: Known, node: Node) -> Value:
    """Read a Transpose between the two layouts of images."""
    source, perm = known.value(node), tuple(node.attributes.get("perm", ()))
    if len(source.shape) == 3 and perm == ((0, 3, 1, 2) if source.channels_last else (0, 2, 3, 1)):
        return replace(source, channels_last=not source.channels_last)
    raise ConfigError(
        f"node {node.name}: transposes {source.shape} by {perm}, expected (N, C, H, W) to "
        "(N, H, W, C) or back"
    )


def pad(known: Known, node: Node) -> Value:
    """Read a Pad with zeros around images."""
    found, fill = known.constant(node, 1), known.constant(node, 2)
    pads = node.attributes.get("pads", []) if found is None else found.tolist()
    number = node.attributes.get("value", 0.0) if fill is None else float(fill)
    plain = node.attributes.get("mode", b"constant") in (b"constant", "constant") and number == 0.0
    if not plain or len(pads) != 8 or any(pads[i] for i in (0, 1, 4, 5)):
        raise ConfigError(f"node {node.name}: pads {pads}, expected zeros around images")
    return known.assembly.pad(node.name, known.value(node), (pads[3], pads[7], pads[2], pads[6]))


def nothing(known: Known, node: Node) -> Value:
    """Read what changes nothing when a network answers."""
    return known.value(node)


def end(known: Known, node: Node) -> Value:
    """Read a Softmax at the end, which changes no order."""
    value = known.value(node)
    known.ended[node.outputs[0]] = node.kind
    return value


def _margins(
    node: Node,
    source: Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Margins:
    """Return the padding of a convolution or a pooling."""
    kind = node.attributes.get("auto_pad", "NOTSET")
    if kind == "SAME_UPPER":
        return same_margins(source.shape[1:], kernel, stride, dilation)
    if kind == "VALID":
        return NONE
    pads = node.attributes.get("pads", [0, 0, 0, 0])
    if kind != "NOTSET" or len(pads) != 4 or len(kernel) != 2:
        raise ConfigError(
            f"node {node.name}: auto_pad is {kind} and pads {pads}, expected SAME_UPPER, VALID or "
            "four numbers"
        )
    above, left, below, right = pads
    return int(left), int(right), int(above), int(below)


HANDLERS: Mapping[str, Callable[[Known, Node], Value]] = {
    "Add": arithmetic,
    "AveragePool": pool,
    "BatchNormalization": batch_norm,
    "Cast": nothing,
    "Clip": clip,
    "Concat": concat,
    "Conv": convolution,
    "Div": arithmetic,
    "Dropout": nothing,
    "Flatten": reshape,
    "Gemm": gemm,
    "GlobalAveragePool": global_average,
    "Identity": nothing,
    "LogSoftmax": end,
    "MatMul": matmul,
    "MaxPool": pool,
    "Mul": arithmetic,
    "Pad": pad,
    "ReduceMean": mean,
    "Relu": relu,
    "Reshape": reshape,
    "Softmax": end,
    "Squeeze": reshape,
    "Sub": arithmetic,
    "Transpose": transpose,
}
"""Besides these, every operator that reads nothing but constants and sizes is computed."""
