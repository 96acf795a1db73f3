"""Float networks in TensorFlow Lite files, read with the `tflite` package."""

import struct
from pathlib import Path

import numpy as np
import tflite

from adaptive.errors import ConfigError
from models.exchange.assembly import Assembly
from models.exchange.tflite_operators import HANDLERS
from models.exchange.tflite_tables import TYPES, Known, Operator
from models.exchange.values import FloatNetwork, Numbers

IDENTIFIER = b"TFL3"


def read_tflite(path: Path) -> FloatNetwork:
    """Read a float network with one image as its input.

    Raises
    ------
    ConfigError
        Naming the file, and the operator that is not supported or does not fit.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}, expected a TensorFlow Lite file") from error
    if content[4:8] != IDENTIFIER:
        raise ConfigError(f"{path}: not a TensorFlow Lite file, or cut short")
    try:
        return _network(tflite.Model.GetRootAsModel(content, 0), most=len(content) // 4)
    except ConfigError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    # The package follows offsets of the file wherever they point.
    except (
        struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError, MemoryError,
    ) as error:  # fmt: skip
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: damaged or cut short: {line[:200]}") from error


def _network(model: tflite.Model, *, most: int) -> FloatNetwork:
    """Go through the one graph in its order; no list has more entries than the file has room."""
    graph = model.Subgraphs(0)
    if model.SubgraphsLength() != 1 or graph.InputsLength() != 1 or graph.OutputsLength() != 1:
        raise ConfigError(
            f"has {model.SubgraphsLength()} graphs, the first with {graph.InputsLength()} inputs "
            f"and {graph.OutputsLength()} outputs, expected one of each"
        )
    if max(graph.TensorsLength(), graph.OperatorsLength()) > most:
        raise ConfigError("damaged: lists more tensors or operators than it has room for")
    tensors = [graph.Tensors(index) for index in range(graph.TensorsLength())]
    image, head = graph.Inputs(0), graph.Outputs(0)
    shape = tuple(int(side) for side in tensors[image].ShapeAsNumpy())
    if tensors[image].Type() != tflite.TensorType.FLOAT32 or len(shape) != 4 or min(shape) < 1:
        kind = TYPES.get(tensors[image].Type(), "of another type")
        raise ConfigError(f"input is {kind} of shape {shape}, expected float images (1, H, W, C)")
    assembly = Assembly((shape[1], shape[2], shape[3]), channels_last=True)
    constants = {
        index: found
        for index, tensor in enumerate(tensors)
        if (found := _constant(model, tensor)) is not None
    }
    known = Known(assembly, tensors, constants, {image: assembly.image})
    for position in range(graph.OperatorsLength()):
        operator = Operator.of(model, graph.Operators(position), position, tensors, most=most)
        if operator.kind not in HANDLERS:
            raise ConfigError(
                f"{operator.where}: operator {operator.kind} is not supported, expected one of "
                f"{', '.join(HANDLERS)}"
            )
        value = HANDLERS[operator.kind](known, operator)
        if value is not None:
            known.values[operator.outputs[0]] = value
    if head not in known.values:
        raise ConfigError("the output does not follow from the image")
    return assembly.finish(known.values[head])


def _constant(model: tflite.Model, tensor: tflite.Tensor) -> Numbers | None:
    """Return the numbers of a tensor, or None where it is computed."""
    data = model.Buffers(tensor.Buffer()).DataAsNumpy()
    kind = TYPES.get(tensor.Type())
    if isinstance(data, int) or not len(data) or kind is None:
        return None
    shape = tensor.ShapeAsNumpy()
    return np.frombuffer(data.tobytes(), kind).reshape([] if isinstance(shape, int) else shape)
