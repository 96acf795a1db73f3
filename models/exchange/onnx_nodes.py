"""What is known at each node of an ONNX graph: the values and the constants before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from adaptive.errors import ConfigError
from models.exchange.assembly import Assembly
from models.exchange.values import Numbers, Value


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operator: its name, or that of what it writes, its kind, and its attributes."""

    proto: onnx.NodeProto
    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @classmethod
    def of(cls, proto: onnx.NodeProto) -> "Node":
        """Read a node; texts among its attributes are decoded."""
        found = {entry.name: helper.get_attribute_value(entry) for entry in proto.attribute}
        texts = {k: v.decode("utf-8", "replace") for k, v in found.items() if isinstance(v, bytes)}
        name = proto.name or next(iter(proto.output), proto.op_type)
        return cls(
            proto, name, proto.op_type, tuple(proto.input), tuple(proto.output), found | texts
        )


@dataclass(slots=True, eq=False)
class Known:
    """What the nodes so far have made, by name.

    `constants` are numbers, `values` follow from the image, `ended` are those that nothing may
    read any more, with the operator that ended them.
    """

    assembly: Assembly
    opsets: list[onnx.OperatorSetIdProto]
    constants: dict[str, Numbers]
    values: dict[str, Value]
    ended: dict[str, str] = field(default_factory=dict)

    def is_constant(self, node: Node) -> bool:
        """Whether a node reads constants alone."""
        read = [name for name in node.inputs if name]
        if node.kind == "Shape" and read and read[0] in self.values:
            return True
        return all(name in self.constants for name in read)

    def fold(self, node: Node) -> None:
        """Compute a node of constants; the size of a value counts as one."""
        if node.kind == "Shape" and node.inputs[0] in self.values:
            value = self.values[node.inputs[0]]
            channels, *sides = value.shape
            laid = (1, *sides, channels) if value.channels_last else (1, channels, *sides)
            chosen = slice(node.attributes.get("start", 0), node.attributes.get("end"))
            self.constants[node.outputs[0]] = np.array(laid[chosen], np.int64)
            return
        read = [name for name in node.inputs if name]
        graph = helper.make_graph(
            [node.proto], "constant", [helper.make_empty_tensor_value_info(name) for name in read],
            [helper.make_empty_tensor_value_info(name) for name in node.outputs],
        )  # fmt: skip
        try:
            model = helper.make_model(graph, opset_imports=self.opsets)
            found = ReferenceEvaluator(model).run(
                None, {name: self.constants[name] for name in read}
            )
        # The evaluator runs code of its own for each operator, which may raise anything.
        except Exception as error:
            line = " ".join(str(error).split())
            raise ConfigError(
                f"node {node.name}: {node.kind} of constants fails: {line[:200]}"
            ) from error
        self.constants |= dict(zip(node.outputs, map(np.asarray, found), strict=True))

    def value(self, node: Node, position: int = 0) -> Value:
        """Return a value that a node reads."""
        name = node.inputs[position]
        if name in self.ended:
            raise ConfigError(
                f"node {node.name}: follows a {self.ended[name]}, expected one at the end only"
            )
        if name not in self.values:
            raise ConfigError(f"node {node.name}: input {name!r} is a constant, expected a value")
        return self.values[name]

    def constant(self, node: Node, position: int) -> Numbers | None:
        """Return a constant that a node reads, or None where there is none."""
        name = node.inputs[position] if position < len(node.inputs) else ""
        if not name:
            return None
        if name not in self.constants:
            raise ConfigError(f"node {node.name}: input {name!r} varies, expected a constant")
        return self.constants[name]

    def weight(self, node: Node, position: int, dimensions: int) -> Numbers:
        """Return float weights of so many dimensions."""
        found = self.constant(node, position)
        if found is None or found.ndim != dimensions or found.dtype.kind != "f":
            what = "missing" if found is None else f"{found.dtype} of shape {found.shape}"
            raise ConfigError(
                f"node {node.name}: weights are {what}, expected floats of {dimensions} "
                "dimensions; quantised networks are not read"
            )
        return found
