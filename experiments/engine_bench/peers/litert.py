"""LiteRT: 8 bits, and 16-bit activations with 8-bit weights, by its own post-training quantiser.

The network is traced in torch and converted with channels last at its input, LiteRT's own order.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn
from torch.nn import functional

from experiments.engine_bench.peers.network import (
    FloatNetwork,
    cached,
    load_images,
    load_network,
)
from experiments.engine_bench.peers.serve import Request, Session, serve

RECIPES = {"int8": "static_wi8_ai8", "int16x8": "static_wi8_ai16"}


class TorchNetwork(nn.Module):
    """The float network in torch, (N, C, H, W) -> (N, classes)."""

    def __init__(self, network: FloatNetwork) -> None:
        super().__init__()
        self._nodes, self._output = network.nodes, network.output
        for name, weight in network.weights.items():
            tensor = torch.from_numpy(weight)
            if weight.ndim == 4:
                tensor = tensor.permute(0, 3, 1, 2).contiguous()  # (Cout, Cin / groups, kh, kw)
            self.register_buffer(f"{name}_weight", tensor)
            self.register_buffer(f"{name}_bias", torch.from_numpy(network.biases[name]))

    def forward(self, image: Tensor) -> Tensor:
        """Run the nodes in order."""
        values = {"input": image}
        for node in self._nodes:
            read = [values[source] for source in node["inputs"]]
            value = self._compute(node, read)
            values[node["name"]] = functional.relu(value) if node.get("relu") else value
        return values[self._output]

    def _compute(self, node: dict[str, Any], read: list[Tensor]) -> Tensor:
        """Compute one node."""
        x, op, name = read[0], node["op"], node["name"]
        if op in ("conv2d", "linear"):
            weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
            if op == "linear":
                return functional.linear(x, weight, bias)
            x, padding = _padded(x, node["pads"])
            return functional.conv2d(
                x, weight, bias, node["stride"], padding, groups=node["groups"]
            )
        match op:
            case "max_pool2d":
                top, left, bottom, right = node["pads"]
                if (top, left) != (bottom, right):
                    raise ValueError(f"node {name} pads by {node['pads']}, expected evenly")
                return functional.max_pool2d(x, node["kernel"], node["stride"], (top, left))
            case "avg_pool2d":
                return functional.avg_pool2d(x, node["kernel"], node["stride"])
            case "global_avg_pool":
                return x.mean((2, 3))
            case "add":
                return x + read[1]
            case "concat":
                return torch.cat(read, 1)
            case "flatten":
                return x.permute(0, 2, 3, 1).flatten(1)  # channels fastest
            case _:
                raise ValueError(f"node {name} is {op!r}, expected an operation this peer knows")


def _padded(x: Tensor, pads: list[int]) -> tuple[Tensor, tuple[int, int]]:
    """Pad unevenly where a convolution cannot by itself; return what it still has to pad."""
    top, left, bottom, right = pads
    if (top, left) == (bottom, right):
        return x, (top, left)
    return functional.pad(x, (left, right, top, bottom)), (0, 0)


def load(request: Request) -> Session:
    """Open an interpreter on a model, made now unless it is cached."""
    plain = Path(cached(request.network, request.folder, "tflite"))
    path = Path(cached(request.network, request.folder, f"{request.plan}.tflite"))
    images = load_images(request.images).transpose(0, 2, 3, 1)  # (N, H, W, C)
    if not plain.exists():
        convert(request, plain, images[:1])
    if not path.exists():
        quantise(plain, path, images, RECIPES[request.plan])
    interpreter = Interpreter(model_path=str(path), num_threads=request.threads)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(source["index"], _encode(images[:1], source))
    return Session(
        run=interpreter.invoke,
        output=lambda: _decode(interpreter.get_tensor(target["index"]), target),
    )


def convert(request: Request, path: Path, image: np.ndarray[Any, Any]) -> None:
    """Convert the float network."""
    import litert_torch

    module = litert_torch.to_channel_last_io(TorchNetwork(load_network(request.network)), args=[0])
    litert_torch.convert(module.eval(), (torch.from_numpy(image.copy()),)).export(str(path))


def quantise(plain: Path, path: Path, images: np.ndarray[Any, Any], recipe: str) -> None:
    """Quantise the float model with ranges from the calibration images."""
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer import recipe as recipes

    signature = Interpreter(model_path=str(plain)).get_signature_list()
    (key, described), *_ = signature.items()
    (name,) = described["inputs"]
    tool = quantizer.Quantizer(str(plain), getattr(recipes, recipe)())
    ranges = tool.calibrate({key: [{name: image[None]} for image in images]})
    tool.quantize(ranges).export_model(str(path))


def _encode(image: np.ndarray[Any, Any], details: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Turn an image into what the model reads."""
    if details["dtype"] == np.float32:
        return np.ascontiguousarray(image)
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    codes = np.clip(np.rint(image / scale + zero), limits.min, limits.max)
    return np.asarray(codes, dtype=details["dtype"])


def _decode(codes: np.ndarray[Any, Any], details: dict[str, Any]) -> list[float]:
    """Turn what the model writes into logits."""
    values = np.ravel(codes).astype(float)
    if details["dtype"] != np.float32:
        scale, zero = details["quantization"]
        values = scale * (values - zero)
    return [float(value) for value in values]


if __name__ == "__main__":
    serve(load)
