"""What is known at each operator of a TensorFlow Lite graph, and what the operator says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tflite

from adaptive.errors import ConfigError
from models.exchange.assembly import Assembly
from models.exchange.values import Numbers, Value

TYPES: Mapping[int, str] = {
    tflite.TensorType.FLOAT32: "<f4",
    tflite.TensorType.FLOAT16: "<f2",
    tflite.TensorType.INT32: "<i4",
    tflite.TensorType.INT64: "<i8",
    tflite.TensorType.INT8: "|i1",
    tflite.TensorType.UINT8: "|u1",
}
KINDS: Mapping[int, str] = {
    code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)
}


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One operator: its kind, its name after the tensor it writes, and what it reads and writes."""

    kind: str
    name: str
    where: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    proto: Any

    @classmethod
    def of(
        cls,
        model: tflite.Model,
        proto: tflite.Operator,
        position: int,
        tensors: list[Any],
        *,
        most: int,
    ) -> "Operator":
        """Read an operator; raises ConfigError where it writes none or lists more than `most`."""
        code = model.OperatorCodes(proto.OpcodeIndex())
        # Old files keep the code in a field of one byte, new ones beyond 127 do not.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = KINDS.get(number, f"number {number}")
        if kind == "CUSTOM":
            kind = f"CUSTOM {(code.CustomCode() or b'').decode('utf-8', 'replace')}"
        if max(proto.OutputsLength(), proto.InputsLength()) > most:
            raise ConfigError(f"node {position} {kind}: damaged: lists more than there is room for")
        outputs = tuple(proto.Outputs(k) for k in range(proto.OutputsLength()))
        if not outputs:
            raise ConfigError(f"node {position} {kind}: writes nothing, expected a tensor")
        text = (tensors[outputs[0]].Name() or b"").decode("utf-8", "replace")
        name = text.split(";")[0] or f"{kind}_{position}"
        inputs = tuple(proto.Inputs(k) for k in range(proto.InputsLength()))
        return cls(kind, name, f"node {position} ({text or kind})", inputs, outputs, proto)

    def options(self, kind: type[Any]) -> Any:
        """Return its options, of a class of the package; raises ConfigError if it has none."""
        table = self.proto.BuiltinOptions()
        if table is None:
            raise ConfigError(f"{self.where}: has no options, expected {kind.__name__}")
        found = kind()
        found.Init(table.Bytes, table.Pos)
        return found


@dataclass(slots=True, eq=False)
class Known:
    """What the operators so far have made, by the index of the tensor.

    `constants` are numbers, `values` follow from the image, `ended` are those that nothing may
    read any more, with the operator that ended them.
    """

    assembly: Assembly
    tensors: list[Any]
    constants: dict[int, Numbers]
    values: dict[int, Value]
    ended: dict[int, str] = field(default_factory=dict)

    def value(self, operator: Operator, position: int = 0) -> Value:
        """Return a value that an operator reads."""
        index = operator.inputs[position]
        if index in self.ended:
            raise ConfigError(
                f"{operator.where}: follows a {self.ended[index]}, expected one at the end only"
            )
        if index not in self.values:
            raise ConfigError(f"{operator.where}: input {position} is no value of the image")
        return self.values[index]

    def constant(self, operator: Operator, position: int) -> Numbers | None:
        """Return numbers that an operator reads, or None where it reads none there."""
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        if index < 0:
            return None
        if index not in self.constants:
            raise ConfigError(f"{operator.where}: input {position} varies, expected a constant")
        return self.constants[index]

    def weight(self, operator: Operator, position: int, dimensions: int) -> Numbers:
        """Return float weights of so many dimensions."""
        found = self.constant(operator, position)
        if found is None or found.ndim != dimensions or found.dtype.kind != "f":
            what = "missing" if found is None else f"{found.dtype} of shape {found.shape}"
            raise ConfigError(
                f"{operator.where}: weights are {what}, expected floats of {dimensions} "
                "dimensions; quantised networks are not read"
            )
        return found

    def written_shape(self, operator: Operator) -> tuple[int, ...]:
        """Return the shape of what an operator writes, as the file says."""
        shape = self.tensors[operator.outputs[0]].ShapeAsNumpy()
        return () if isinstance(shape, int) else tuple(int(side) for side in shape)
