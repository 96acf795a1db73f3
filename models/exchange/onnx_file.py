"""Float networks in ONNX files, read with the `onnx` package."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from adaptive.errors import ConfigError
from models.exchange.assembly import Assembly
from models.exchange.onnx_nodes import Known, Node
from models.exchange.onnx_operators import HANDLERS
from models.exchange.values import FloatNetwork

Shape = tuple[int, int, int]


def read_onnx(path: Path, *, shape: Shape | None = None) -> FloatNetwork:
    """Read a network with one image as its input.

    Parameters
    ----------
    path
        File; weights that lie beside it are read too.
    shape
        (H, W, C) of an image, where the file leaves it open.

    Raises
    ------
    ConfigError
        Naming the file, and the node that is not supported or does not fit.
    """
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    # The package raises its own errors, protobuf's, and Python's for missing or cut weights.
    except (
        OSError, ValueError, TypeError, DecodeError, onnx.checker.ValidationError,
    ) as error:  # fmt: skip
        line = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{path}: not a readable ONNX network: {line[:200]}") from error
    try:
        return _network(model, shape)
    except ConfigError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error


def _network(model: onnx.ModelProto, shape: Shape | None) -> FloatNetwork:
    """Go through a graph in its order."""
    graph = model.graph
    nodes = [Node.of(proto) for proto in graph.node]
    constants = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ConfigError(
            f"has {len(inputs)} inputs and {len(graph.output)} outputs, expected one of each"
        )
    image, head = inputs[0].name, graph.output[0].name
    readers = [node for node in nodes if image in node.inputs]
    perms = [node.attributes.get("perm") for node in readers if node.kind == "Transpose"]
    # What other tools export lies as (H, W, C), and is transposed at once.
    last = bool(readers) and perms == [[0, 3, 1, 2]] * len(readers)
    assembly = Assembly(_input_shape(inputs[0], shape, channels_last=last), channels_last=last)
    known = Known(assembly, list(model.opset_import), constants, {image: assembly.image})
    for node in nodes:
        if known.is_constant(node):
            known.fold(node)
        elif node.kind in HANDLERS and node.proto.domain in ("", "ai.onnx"):
            known.values[node.outputs[0]] = HANDLERS[node.kind](known, node)
        else:
            raise ConfigError(
                f"node {node.name}: operator {node.kind} is not supported, expected one of "
                f"{', '.join(HANDLERS)}"
            )
    if head not in known.values:
        raise ConfigError(f"output {head!r} does not follow from the image")
    return assembly.finish(known.values[head])


def _input_shape(entry: onnx.ValueInfoProto, given: Shape | None, *, channels_last: bool) -> Shape:
    """Return (H, W, C) of the input, of the file or as given."""
    tensor = entry.type.tensor_type
    sizes = [side.dim_value for side in tensor.shape.dim]
    if tensor.elem_type != onnx.TensorProto.FLOAT or len(sizes) != 4:
        kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
        raise ConfigError(f"input {entry.name!r} is {kind} of {sizes}, expected FLOAT images")
    found = sizes[1:] if channels_last else [*sizes[2:], sizes[1]]
    if given is None and min(found) < 1:
        raise ConfigError(
            f"input {entry.name!r} leaves its size open, expected --shape HEIGHT,WIDTH,CHANNELS"
        )
    wanted = given or (found[0], found[1], found[2])
    if any(size not in (0, want) for size, want in zip(found, wanted, strict=True)):
        raise ConfigError(f"input {entry.name!r} has shape {found}, expected {list(wanted)}")
    return wanted
