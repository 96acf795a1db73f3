"""TensorFlow Lite files written by hand, and what they mean in numpy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import flatbuffers
import numpy as np
import tflite

from models.joining import Adding
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import SwitchableNetwork

TYPES = {
    "float32": tflite.TensorType.FLOAT32, "float16": tflite.TensorType.FLOAT16,
    "int32": tflite.TensorType.INT32, "int8": tflite.TensorType.INT8,
}  # fmt: skip
Options = dict[str, int]


@dataclass
class TfliteFile:
    """Collects tensors and operators; `write` lays them out."""

    tensors: list[tuple[str, tuple[int, ...], str, bytes]] = field(default_factory=list)
    operators: list[tuple[str, list[int], int, str, Options]] = field(default_factory=list)

    def value(self, name: str, *shape: int, kind: str = "float32") -> int:
        self.tensors.append((name, shape, kind, b""))
        return len(self.tensors) - 1

    def constant(self, values: np.ndarray, name: str = "c") -> int:
        self.tensors.append((name, values.shape, values.dtype.name, values.tobytes()))
        return len(self.tensors) - 1

    def operator(
        self, kind: str, inputs: Sequence[int], output: int, table: str = "", **options: int
    ) -> int:
        self.operators.append((kind, list(inputs), output, table, options))
        return output

    def write(self, path: Path, image: int, head: int) -> Path:
        b = flatbuffers.Builder(1024)
        buffers = [self._buffer(b, b"")] + [self._buffer(b, t[3]) for t in self.tensors if t[3]]
        numbers, position = [], 0
        for tensor in self.tensors:
            position += bool(tensor[3])
            numbers.append(position if tensor[3] else 0)
        tensors = [self._tensor(b, t, n) for t, n in zip(self.tensors, numbers, strict=True)]
        kinds = list(dict.fromkeys(kind for kind, *_ in self.operators))
        operators = [self._operator(b, kinds, *entry) for entry in self.operators]
        codes = [self._code(b, kind) for kind in kinds]
        inputs = vector(b, tflite.SubGraphStartInputsVector, [image], b.PrependInt32)
        outputs = vector(b, tflite.SubGraphStartOutputsVector, [head], b.PrependInt32)
        held = vector(b, tflite.SubGraphStartTensorsVector, tensors, b.PrependUOffsetTRelative)
        run = vector(b, tflite.SubGraphStartOperatorsVector, operators, b.PrependUOffsetTRelative)
        tflite.SubGraphStart(b)
        tflite.SubGraphAddInputs(b, inputs)
        tflite.SubGraphAddOutputs(b, outputs)
        tflite.SubGraphAddTensors(b, held)
        tflite.SubGraphAddOperators(b, run)
        graphs = vector(
            b, tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(b)], b.PrependUOffsetTRelative
        )
        stored = vector(b, tflite.ModelStartBuffersVector, buffers, b.PrependUOffsetTRelative)
        known = vector(b, tflite.ModelStartOperatorCodesVector, codes, b.PrependUOffsetTRelative)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddSubgraphs(b, graphs)
        tflite.ModelAddBuffers(b, stored)
        tflite.ModelAddOperatorCodes(b, known)
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        path.write_bytes(bytes(b.Output()))
        return path

    @staticmethod
    def _buffer(b: flatbuffers.Builder, data: bytes) -> int:
        content = b.CreateByteVector(data) if data else 0
        tflite.BufferStart(b)
        if data:
            tflite.BufferAddData(b, content)
        return tflite.BufferEnd(b)

    @staticmethod
    def _tensor(
        b: flatbuffers.Builder, tensor: tuple[str, tuple[int, ...], str, bytes], buffer: int
    ) -> int:
        name, shape, kind, _ = tensor
        text = b.CreateString(name)
        sides = vector(b, tflite.TensorStartShapeVector, shape, b.PrependInt32)
        tflite.TensorStart(b)
        tflite.TensorAddName(b, text)
        tflite.TensorAddShape(b, sides)
        tflite.TensorAddType(b, TYPES[kind])
        tflite.TensorAddBuffer(b, buffer)
        return tflite.TensorEnd(b)

    @staticmethod
    def _operator(
        b: flatbuffers.Builder, kinds: list[str], kind: str, inputs: list[int], output: int,
        table: str, options: Options,
    ) -> int:  # fmt: skip
        read = vector(b, tflite.OperatorStartInputsVector, inputs, b.PrependInt32)
        written = vector(b, tflite.OperatorStartOutputsVector, [output], b.PrependInt32)
        said = 0
        if table:
            getattr(tflite, f"{table}Start")(b)
            for key, value in options.items():
                getattr(tflite, f"{table}Add{key}")(b, value)
            said = getattr(tflite, f"{table}End")(b)
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, kinds.index(kind))
        tflite.OperatorAddInputs(b, read)
        tflite.OperatorAddOutputs(b, written)
        if table:
            tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, table))
            tflite.OperatorAddBuiltinOptions(b, said)
        return tflite.OperatorEnd(b)

    @staticmethod
    def _code(b: flatbuffers.Builder, kind: str) -> int:
        number = getattr(tflite.BuiltinOperator, kind)
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
        tflite.OperatorCodeAddBuiltinCode(b, number)
        return tflite.OperatorCodeEnd(b)


def vector(
    b: flatbuffers.Builder,
    start: Callable[[flatbuffers.Builder, int], None],
    entries: Sequence[int],
    prepend: Callable[[int], None],
) -> int:
    start(b, len(entries))
    for entry in reversed(entries):
        prepend(entry)
    return b.EndVector()


def convolve(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, *, stride: int, same: bool
) -> np.ndarray:
    """Convolve one image (H, W, C) with (Cout, kh, kw, Cin) as TensorFlow does."""
    kernel = weight.shape[1:3]
    if same:
        sides = []
        for size, k in zip(x.shape[:2], kernel, strict=True):
            total = max((-(-size // stride) - 1) * stride + k - size, 0)
            sides.append((total // 2, total - total // 2))
        x = np.pad(x, [*sides, (0, 0)])
    rows = (x.shape[0] - kernel[0]) // stride + 1
    columns = (x.shape[1] - kernel[1]) // stride + 1
    out = np.empty((rows, columns, len(weight)))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            part = x[top : top + kernel[0], left : left + kernel[1]]
            out[i, j] = np.einsum("hwc,ohwc->o", part, weight) + bias
    return out


def depthwise(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, *, stride: int) -> np.ndarray:
    """Convolve each channel of (H, W, C) with its own kernels (1, kh, kw, C * multiplier)."""
    multiplier = weight.shape[3] // x.shape[2]
    parts = []
    for channel in range(weight.shape[3]):
        source = channel // multiplier
        kernel = weight[:, :, :, channel : channel + 1]
        part = x[:, :, source : source + 1]
        parts.append(convolve(part, kernel, bias[channel : channel + 1], stride=stride, same=True))
    return np.concatenate(parts, axis=2)


def export_tflite(network: SwitchableNetwork, path: Path) -> Path:
    """Write the float network behind a converted one, batch norm folded."""
    file = TfliteFile()
    height, width, channels = network.input_shape
    places = {"input": file.value("image", 1, height, width, channels)}
    sizes = {"input": (height, width, channels)}
    for step in network.steps:
        read, layer = [places[source] for source in step.sources], step.layer
        size = sizes[step.sources[0]]
        match layer:
            case SwitchableConv2d():
                left, right, above, below = layer.window.margins
                if any(layer.window.margins):
                    pads = np.array([[0, 0], [above, below], [left, right], [0, 0]], np.int32)
                    size = (size[0] + above + below, size[1] + left + right, size[2])
                    padded = file.value(f"{step.name}/pad", 1, *size)
                    read = [file.operator("PAD", [*read, file.constant(pads)], padded)]
                weight, bias = numbers(layer)
                spread = layer.groups > 1
                weight = weight.transpose(3, 1, 2, 0) if spread else weight
                rows, columns = (
                    (side - k) // s + 1
                    for side, k, s in zip(
                        size, layer.window.kernel, layer.window.stride, strict=False
                    )
                )
                size = (rows, columns, len(bias))
                kind = "DepthwiseConv2DOptions" if spread else "Conv2DOptions"
                file.operator(
                    "DEPTHWISE_CONV_2D" if spread else "CONV_2D",
                    [*read, file.constant(np.ascontiguousarray(weight)), file.constant(bias)],
                    file.value(step.name, 1, *size), kind, Padding=tflite.Padding.VALID,
                    StrideH=layer.window.stride[0], StrideW=layer.window.stride[1],
                    DilationHFactor=1, DilationWFactor=1, FusedActivationFunction=int(layer.relu),
                )  # fmt: skip
            case Adding():
                file.operator(
                    "ADD", read, file.value(step.name, 1, *size), "AddOptions",
                    FusedActivationFunction=int(layer.relu),
                )  # fmt: skip
            case SwitchableLinear():
                weight, bias = numbers(layer)
                size = (len(bias),)
                file.operator(
                    "FULLY_CONNECTED", [*read, file.constant(weight), file.constant(bias)],
                    file.value(step.name, 1, *size), "FullyConnectedOptions",
                    FusedActivationFunction=0,
                )  # fmt: skip
            case _:
                size = (size[2],)
                axes = file.constant(np.array([1, 2], np.int32))
                file.operator(
                    "MEAN", [*read, axes], file.value(step.name, 1, *size), "ReducerOptions",
                    KeepDims=0,
                )  # fmt: skip
        places[step.name] = file.operators[-1][2]
        sizes[step.name] = size
    return file.write(path, places["input"], places[network.steps[-1].name])


def numbers(layer: SwitchableConv2d | SwitchableLinear) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and bias of a converted layer."""
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()[0]
    return weight, bias.astype(np.float32)
