"""The operators of TensorFlow Lite that are read, one function each."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import tflite

from adaptive.errors import ConfigError
from models.exchange.tflite_tables import Known, Operator
from models.exchange.values import NONE, Margins, Numbers, Value, same_margins


def convolution(known: Known, operator: Operator) -> Value:
    """Read a CONV_2D; fewer input channels in the weights than in the image make groups."""
    options = operator.options(tflite.Conv2DOptions)
    weight = known.weight(operator, 1, 4).transpose(0, 3, 1, 2)  # (Cout, Cin / groups, kh, kw)
    source = known.value(operator)
    each = weight.shape[1]
    groups = source.shape[0] // each if source.shape[0] % each == 0 else 1
    return _convolved(known, operator, options, weight, groups=groups)


def depthwise(known: Known, operator: Operator) -> Value:
    """Read a DEPTHWISE_CONV_2D."""
    options = operator.options(tflite.DepthwiseConv2DOptions)
    weight = known.weight(operator, 1, 4).transpose(3, 0, 1, 2)  # (C * multiplier, 1, kh, kw)
    return _convolved(known, operator, options, weight, groups=known.value(operator).shape[0])


def _convolved(
    known: Known, operator: Operator, options: Any, weight: Numbers, *, groups: int
) -> Value:
    """Append a convolution with what is fused into it."""
    source = known.value(operator)
    stride = (options.StrideH(), options.StrideW())
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    value = known.assembly.convolution(
        operator.name,
        source,
        weight,
        known.constant(operator, 2),
        stride=stride,
        margins=_margins(options, source, weight.shape[2:], stride, dilation),
        dilation=dilation,
        groups=groups,
    )
    return _activated(known, operator, options, value)


def fully_connected(known: Known, operator: Operator) -> Value:
    """Read a FULLY_CONNECTED."""
    options = operator.options(tflite.FullyConnectedOptions)
    weight = known.weight(operator, 1, 2)
    value = known.assembly.linear(
        operator.name, known.value(operator), weight, known.constant(operator, 2)
    )
    return _activated(known, operator, options, value)


def arithmetic(known: Known, operator: Operator) -> Value:
    """Read an ADD of two values, or an ADD, SUB, MUL or DIV with constants."""
    kind = operator.kind
    options = operator.options(getattr(tflite, f"{kind.title()}Options"))
    left, right = (index in known.constants for index in operator.inputs)
    if not left and not right:
        if kind != "ADD":
            raise ConfigError(f"{operator.where}: {kind} of two values, expected one constant")
        value = known.assembly.add(operator.name, known.value(operator), known.value(operator, 1))
        return _activated(known, operator, options, value)
    if left and kind in ("SUB", "DIV"):
        raise ConfigError(
            f"{operator.where}: {kind} of a constant by a value, expected the reverse"
        )
    number = np.asarray(known.constant(operator, 0 if left else 1), dtype=np.float64)
    one, zero = np.ones(()), np.zeros(())
    with np.errstate(divide="ignore"):
        scale, shift = {
            "ADD": (one, number), "SUB": (one, -number),
            "MUL": (number, zero), "DIV": (1.0 / number, zero),
        }[kind]  # fmt: skip
    value = known.assembly.affine(operator.name, known.value(operator, int(left)), scale, shift)
    return _activated(known, operator, options, value)


def pool(known: Known, operator: Operator) -> Value:
    """Read a MAX_POOL_2D or an AVERAGE_POOL_2D."""
    options = operator.options(tflite.Pool2DOptions)
    source = known.value(operator)
    kernel = (options.FilterHeight(), options.FilterWidth())
    stride = (options.StrideH(), options.StrideW())
    value = known.assembly.pool(
        operator.name,
        source,
        largest=operator.kind == "MAX_POOL_2D",
        kernel=kernel,
        stride=stride,
        margins=_margins(options, source, kernel, stride, (1, 1)),
    )
    return _activated(known, operator, options, value)


def mean(known: Known, operator: Operator) -> Value:
    """Read a MEAN over all positions."""
    axes = np.asarray(known.constant(operator, 1)).ravel().tolist()
    source = known.value(operator)
    if {axis % 4 for axis in axes} != {1, 2} or len(source.shape) != 3:
        raise ConfigError(f"{operator.where}: averages axes {axes}, expected height and width")
    keep = operator.options(tflite.ReducerOptions).KeepDims()
    return known.assembly.average(operator.name, source, keep=bool(keep))


def concatenation(known: Known, operator: Operator) -> Value:
    """Read a CONCATENATION of channels."""
    options = operator.options(tflite.ConcatenationOptions)
    if options.Axis() % 4 != 3:
        raise ConfigError(f"{operator.where}: axis is {options.Axis()}, expected the channels, 3")
    sources = [known.value(operator, position) for position in range(len(operator.inputs))]
    return _activated(known, operator, options, known.assembly.join(operator.name, sources))


def reshape(known: Known, operator: Operator) -> Value:
    """Read a RESHAPE or SQUEEZE that flattens an image, or changes nothing."""
    source = known.value(operator)
    wanted = known.written_shape(operator)[1:]
    if wanted == (prod(source.shape),):
        return known.assembly.flatten(operator.name, source)
    if wanted == (*source.shape[1:], source.shape[0]):
        return source
    raise ConfigError(
        f"{operator.where}: reshapes {source.shape} to {wanted}, expected ({prod(source.shape)},)"
    )


def pad(known: Known, operator: Operator) -> Value:
    """Read a PAD with zeros around images."""
    found = np.asarray(known.constant(operator, 1)).tolist()
    if len(found) != 4 or found[0] != [0, 0] or found[3] != [0, 0]:
        raise ConfigError(f"{operator.where}: pads {found}, expected zeros around images")
    (above, below), (left, right) = found[1:3]
    return known.assembly.pad(operator.name, known.value(operator), (left, right, above, below))


def relu(known: Known, operator: Operator) -> Value:
    """Read a RELU or a RELU6."""
    ceiling = 6.0 if operator.kind == "RELU6" else None
    return known.assembly.relu(operator.name, known.value(operator), ceiling=ceiling)


def widened(known: Known, operator: Operator) -> None:
    """Read a DEQUANTIZE of weights that are kept as half floats."""
    found = known.constant(operator, 0)
    if found is None or found.dtype.kind != "f":
        raise ConfigError(
            f"{operator.where}: is of integers, expected half floats; quantised networks are not "
            "read"
        )
    known.constants[operator.outputs[0]] = found.astype(np.float32)


def sizes(_known: Known, _operator: Operator) -> None:
    """Pass over what computes a shape: the file says the shapes of all that is written."""


def end(known: Known, operator: Operator) -> Value:
    """Read a SOFTMAX at the end, which changes no order."""
    value = known.value(operator)
    known.ended[operator.outputs[0]] = operator.kind
    return value


def _activated(known: Known, operator: Operator, options: Any, value: Value) -> Value:
    """Append the activation that is fused into an operator."""
    kind = options.FusedActivationFunction()
    if kind == tflite.ActivationFunctionType.NONE:
        return value
    if kind not in (tflite.ActivationFunctionType.RELU, tflite.ActivationFunctionType.RELU6):
        raise ConfigError(f"{operator.where}: activation {kind} is fused, expected RELU or RELU6")
    ceiling = 6.0 if kind == tflite.ActivationFunctionType.RELU6 else None
    return known.assembly.relu(f"{operator.name}_relu", value, ceiling=ceiling)


def _margins(
    options: Any,
    source: Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Margins:
    """Return the padding of a convolution or a pooling."""
    if options.Padding() == tflite.Padding.VALID:
        return NONE
    return same_margins(source.shape[1:], kernel, stride, dilation)


HANDLERS: Mapping[str, Callable[[Known, Operator], Value | None]] = {
    "ADD": arithmetic,
    "AVERAGE_POOL_2D": pool,
    "CONCATENATION": concatenation,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "DEQUANTIZE": widened,
    "DIV": arithmetic,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": pool,
    "MEAN": mean,
    "MUL": arithmetic,
    "PACK": sizes,
    "PAD": pad,
    "RELU": relu,
    "RELU6": relu,
    "RESHAPE": reshape,
    "SHAPE": sizes,
    "SOFTMAX": end,
    "SQUEEZE": reshape,
    "STRIDED_SLICE": sizes,
    "SUB": arithmetic,
}
