"""The float network as an ONNX model, for ONNX Runtime and OpenVINO."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from experiments.engine_bench.peers.network import FloatNetwork

OPSET, IR_VERSION = 17, 9


def build_onnx(network: FloatNetwork) -> onnx.ModelProto:
    """Return the model: input `image` (1, C, H, W) in 0..1, output `logits` (1, classes)."""
    nodes: list[Any] = []
    constants: list[Any] = []
    names = {"input": "image"}
    for node in network.nodes:
        names[node["name"]] = node["name"]
        nodes += _operations(node, names, network, constants)
    output = names[network.output]
    nodes.append(helper.make_node("Identity", [output], ["logits"], name="logits"))
    height, width, channels = network.shape
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, height, width])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, None])
    graph = helper.make_graph(nodes, "network", [image], [logits], constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    return model


def _operations(
    node: dict[str, Any], names: dict[str, str], network: FloatNetwork, constants: list[Any]
) -> list[Any]:
    """Return the ONNX operations of one node; constants are added to the list."""
    name, op = node["name"], node["op"]
    inputs = [names[source] for source in node["inputs"]]
    relu = bool(node.get("relu"))
    target = f"{name}_sum" if relu else name
    attributes: dict[str, Any] = {}
    if op in ("conv2d", "max_pool2d", "avg_pool2d"):
        attributes = {"kernel_shape": node["kernel"], "strides": node["stride"]}
        if op != "avg_pool2d":
            attributes["pads"] = node["pads"]
    match op:
        case "conv2d":
            weight = network.weights[name].transpose(0, 3, 1, 2)  # (Cout, Cin / groups, kh, kw)
            inputs += _constants(name, weight, network, constants)
            attributes["group"] = node["groups"]
            kind = "Conv"
        case "linear":
            inputs += _constants(name, network.weights[name], network, constants)
            attributes = {"transB": 1}
            kind = "Gemm"
        case "max_pool2d":
            kind = "MaxPool"
        case "avg_pool2d":
            kind = "AveragePool"
        case "add":
            kind = "Add"
        case "concat":
            attributes, kind = {"axis": 1}, "Concat"
        case "global_avg_pool":
            pooled = helper.make_node("GlobalAveragePool", inputs, [f"{name}_4d"], name=f"{name}_p")
            flat = helper.make_node("Flatten", [f"{name}_4d"], [name], name=name)
            return [pooled, flat]
        case "flatten":
            # Ours reads channels fastest, ONNX lays them slowest.
            moved = helper.make_node(
                "Transpose", inputs, [f"{name}_nhwc"], name=f"{name}_t", perm=[0, 2, 3, 1]
            )
            return [moved, helper.make_node("Flatten", [f"{name}_nhwc"], [name], name=name)]
        case _:
            raise ValueError(f"node {name} is {op!r}, expected an operation this peer knows")
    made = [helper.make_node(kind, inputs, [target], name=target, **attributes)]
    if relu:
        made.append(helper.make_node("Relu", [target], [name], name=name))
    return made


def _constants(
    name: str, weight: np.ndarray[Any, Any], network: FloatNetwork, constants: list[Any]
) -> list[str]:
    """Add a layer's weights and bias; return their names."""
    pair = {f"{name}_weight": weight, f"{name}_bias": network.biases[name]}
    for key, array in pair.items():
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), key))
    return list(pair)
