"""ONNX files written by hand: from lists of nodes, and from networks of the zoo."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

OPSET = 17


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
    """Describe a node named as what it writes."""
    return helper.make_node(kind, list(inputs), [output], name=f"the_{output}", **attributes)


def write_onnx(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    *,
    shape: Sequence[int | str] = (1, 3, 8, 8),
    output: str = "y",
    opset: int = OPSET,
) -> Path:
    """Write nodes that read `x` and write `output`."""
    graph = helper.make_graph(
        list(nodes),
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", "classes"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 9
    path.write_bytes(model.SerializeToString())
    return path


def onnx_answer(path: Path, x: np.ndarray) -> np.ndarray:
    """Run a file with onnx's own evaluator."""
    (answer,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    return np.asarray(answer)


def export_onnx(network: nn.Module, path: Path, *, shape: tuple[int, int, int]) -> Path:
    """Write a network of the zoo, node by node; `shape` is (C, H, W)."""
    import torch

    traced = fx.symbolic_trace(network.eval())
    ShapeProp(traced).propagate(torch.zeros(1, *shape))
    modules = dict(traced.named_modules())
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, np.ndarray] = {}
    names: dict[fx.Node, str] = {}

    def hold(name: str, value: torch.Tensor | None) -> list[str]:
        if value is None:
            return []
        constants[name] = value.detach().numpy()
        return [name]

    for step in traced.graph.nodes:
        if step.op == "placeholder":
            names[step] = "x"
            continue
        if step.op == "output":
            nodes.append(node("Identity", [names[step.args[0]]], "y"))
            continue
        read = [names[other] for other in step.all_input_nodes]
        name = names[step] = step.name
        module = modules[step.target] if step.op == "call_module" else None
        match module:
            case nn.Conv2d():
                (above, left) = module.padding
                weights = hold(f"{name}_w", module.weight) + hold(f"{name}_b", module.bias)
                nodes.append(
                    node(
                        "Conv", read + weights, name, strides=list(module.stride),
                        pads=[above, left, above, left], group=module.groups,
                    )
                )  # fmt: skip
            case nn.BatchNorm2d():
                held = [
                    *hold(f"{name}_g", module.weight), *hold(f"{name}_h", module.bias),
                    *hold(f"{name}_m", module.running_mean), *hold(f"{name}_v", module.running_var),
                ]  # fmt: skip
                nodes.append(node("BatchNormalization", read + held, name, epsilon=module.eps))
            case nn.Linear():
                weights = hold(f"{name}_w", module.weight) + hold(f"{name}_b", module.bias)
                nodes.append(node("Gemm", read + weights, name, transB=1))
            case nn.ReLU6():
                limits = [
                    *hold(f"{name}_0", torch.zeros(())),
                    *hold(f"{name}_6", torch.tensor(6.0)),
                ]
                nodes.append(node("Clip", read + limits, name))
            case nn.ReLU():
                nodes.append(node("Relu", read, name))
            case nn.AdaptiveAvgPool2d():
                nodes.append(node("GlobalAveragePool", read, name))
            case nn.MaxPool2d():
                kernel, stride, pad = module.kernel_size, module.stride, module.padding
                nodes.append(
                    node(
                        "MaxPool", read, name, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                        pads=[pad] * 4, ceil_mode=int(module.ceil_mode),
                    )
                )  # fmt: skip
            case nn.Identity():
                nodes.append(node("Identity", read, name))
            case nn.Dropout():
                nodes.append(node("Dropout", read, name))
            case nn.Flatten():
                nodes.append(node("Flatten", read, name))
            case None if "cat" in step.name:
                nodes.append(node("Concat", read, name, axis=1))
            case None if "flatten" in step.name:
                nodes.append(node("Flatten", read, name))
            case None if "relu" in step.name:
                nodes.append(node("Relu", read, name))
            case None if "add" in step.name:
                nodes.append(node("Add", read, name))
            case _:
                raise TypeError(f"{step.name}: {module}")
    return write_onnx(path, nodes, constants, shape=(1, *shape))
