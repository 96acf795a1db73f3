"""A float network put together layer by layer, from weights that a file held.

Readers of files call one method an operator; the result is a traced torch module that
`models.convert` takes as any other. Images flow as (N, C, H, W) whatever the file's layout.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
import torch
from torch import fx, nn

from adaptive.errors import ConfigError
from models.exchange.values import FloatNetwork, Margins, Numbers, Value, by_channel, positions

LARGEST = 2**26
"""Values that one operator may read."""


class Assembly:
    """Puts a network together; every method raises ConfigError naming the operator that is wrong.

    Parameters
    ----------
    shape
        (H, W, C) of an image.
    channels_last
        Whether the file's images are laid out so.
    """

    def __init__(self, shape: tuple[int, int, int], *, channels_last: bool) -> None:
        height, width, channels = shape
        if prod(shape) > LARGEST:
            raise ConfigError(f"the image has shape {shape}, expected at most {LARGEST} values")
        self.shape = shape
        self.graph, self.root = fx.Graph(), nn.Module()
        node = self.graph.placeholder("image")
        self.image = Value(node, (channels, height, width), channels_last)
        self.gain, self.offset = np.ones(channels), np.zeros(channels)
        self.rescalings = 0

    def _read(self, name: str, *sources: Value) -> tuple[fx.Node, ...]:
        """Return the nodes that are read; refuse the image as it was before its rescaling."""
        for source in sources:
            if source.node is self.image.node and source.rescalings != self.rescalings:
                raise ConfigError(f"node {name}: reads the image both as it is and rescaled")
        return tuple(source.node for source in sources)

    def _call(self, name: str, module: nn.Module, *sources: Value) -> Value:
        """Append a module under a name like the operator's."""
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "node"
        plain = plain if plain[0].isalpha() else f"node_{plain}"
        unique, number = plain, 1
        while hasattr(self.root, unique):
            number += 1
            unique = f"{plain}_{number}"
        self.root.add_module(unique, module)
        self._check_size(name, module, sources)
        node = self.graph.call_module(unique, self._read(name, *sources))
        try:
            with torch.no_grad():
                written = module.eval()(*(torch.zeros(1, *source.shape) for source in sources))
        except (RuntimeError, ValueError) as error:
            line = " ".join(str(error).split())
            raise ConfigError(f"node {name}: does not fit what it reads: {line[:200]}") from error
        return Value(node, tuple(written.shape[1:]), sources[0].channels_last)

    def _check_size(self, name: str, module: nn.Module, sources: Sequence[Value]) -> None:
        """Refuse what no image of a network is; a damaged file may ask for all memory there is."""
        margin = max(module.padding) if isinstance(module, nn.ZeroPad2d) else 0
        largest = max(prod(source.shape) for source in sources)
        if largest > LARGEST or margin > 1024:
            raise ConfigError(
                f"node {name}: reads {largest} values and pads by {margin}, expected at most "
                f"{LARGEST} and 1024"
            )

    def convolution(
        self,
        name: str,
        source: Value,
        weight: Numbers,
        bias: Numbers | None,
        *,
        stride: Sequence[int],
        margins: Margins,
        dilation: Sequence[int],
        groups: int,
    ) -> Value:
        """Convolve with weights (Cout, Cin / groups, kh, kw)."""
        channels, each, *kernel = weight.shape
        self._need_image(name, source)
        if source.shape[0] != each * groups:
            raise ConfigError(
                f"node {name}: weights are for {each * groups} channels, "
                f"expected {source.shape[0]} as it reads"
            )
        # The walker folds padding in front of a convolution into it.
        read = self.pad(f"{name}_pad", source, margins) if any(margins) else source
        layer = nn.Conv2d(
            each * groups,
            channels,
            (kernel[0], kernel[1]),
            stride=(stride[0], stride[1]),
            dilation=(dilation[0], dilation[1]),
            groups=groups,
            bias=bias is not None,
        )
        _fill(layer, weight, bias, name=name)
        return self._call(name, layer, read)

    def linear(self, name: str, source: Value, weight: Numbers, bias: Numbers | None) -> Value:
        """Multiply features by weights (F', F)."""
        if len(source.shape) != 1:
            source = self.flatten(f"{name}_flatten", source)
        if source.flat_of is not None and weight.shape[1] == prod(source.flat_of):
            channels, height, width = source.flat_of
            rows = weight.reshape(-1, height, width, channels)
            weight = rows.transpose(0, 3, 1, 2).reshape(len(weight), -1)
        layer = nn.Linear(weight.shape[1], len(weight), bias=bias is not None)
        _fill(layer, weight, bias, name=name)
        return self._call(name, layer, source)

    def affine(self, name: str, source: Value, scale: Numbers, shift: Numbers) -> Value:
        """Scale and shift every channel; at the beginning this is part of the normalisation."""
        channels = source.shape[0]
        scale, shift = (by_channel(v, source, name=name) for v in (scale, shift))
        if source.node is self.image.node:
            if source.node.users:
                raise ConfigError(f"node {name}: rescales an image that others read as it is")
            self._read(name, source)
            self.gain, self.offset = self.gain * scale, self.offset * scale + shift
            self.rescalings += 1
            return replace(source, rescalings=self.rescalings)
        kind = nn.BatchNorm2d if len(source.shape) == 3 else nn.BatchNorm1d
        norm = kind(channels, eps=0.0)
        _fill(norm, scale, shift, name=name)
        return replace(self._call(name, norm, source), flat_of=source.flat_of)

    def relu(self, name: str, source: Value, *, ceiling: float | None = None) -> Value:
        """Clamp at zero, and at a greatest value if there is one."""
        layer = nn.ReLU() if ceiling is None else nn.Hardtanh(0.0, ceiling)
        return replace(self._call(name, layer, source), flat_of=source.flat_of)

    def pad(self, name: str, source: Value, margins: Margins) -> Value:
        """Surround an image with zeros."""
        self._need_image(name, source)
        return self._call(name, nn.ZeroPad2d(margins), source)

    def pool(
        self,
        name: str,
        source: Value,
        *,
        largest: bool,
        kernel: Sequence[int],
        stride: Sequence[int],
        margins: Margins,
        ceil: bool = False,
    ) -> Value:
        """Take the greatest of each window, or its average."""
        self._need_image(name, source)
        left, right, above, below = margins
        whole = tuple(kernel) == source.shape[1:] and not any(margins)
        if not largest and whole:
            return self.average(name, source)
        kind = nn.MaxPool2d if largest else nn.AvgPool2d
        further = ceil or right > left or below > above
        pool = kind(
            (kernel[0], kernel[1]), (stride[0], stride[1]), padding=(above, left), ceil_mode=further
        )
        value = self._call(name, pool, source)
        wanted = [
            positions(size, k, s, before + after, ceil=ceil)
            for size, k, s, before, after in zip(
                source.shape[1:], kernel, stride, (above, left), (below, right), strict=True
            )
        ]
        if (not largest and any(margins)) or list(value.shape[1:]) != wanted:
            raise ConfigError(
                f"node {name}: pools with padding {margins} (left, right, above, below), expected "
                "none for an average, and for a greatest value at most one stride more on the far "
                "sides"
            )
        return value

    def average(self, name: str, source: Value, *, keep: bool = True) -> Value:
        """Average over all positions: (C, H, W) -> (C, 1, 1), or (C,)."""
        self._need_image(name, source)
        value = self._call(name, nn.AdaptiveAvgPool2d(1), source)
        return value if keep else self.flatten(f"{name}_flatten", value)

    def add(self, name: str, left: Value, right: Value) -> Value:
        """Add two values of one shape."""
        if left.shape != right.shape or left.channels_last != right.channels_last:
            raise ConfigError(f"node {name}: adds {left.shape} and {right.shape}, expected equal")
        node = self.graph.call_function(torch.add, self._read(name, left, right))
        return replace(left, node=node)

    def join(self, name: str, sources: Sequence[Value]) -> Value:
        """Lay images side by side along their channels."""
        for source in sources:
            self._need_image(name, source)
        if len({source.shape[1:] for source in sources}) != 1:
            shapes = [source.shape for source in sources]
            raise ConfigError(f"node {name}: joins {shapes}, expected one height and width")
        read = list(self._read(name, *sources))
        node = self.graph.call_function(torch.cat, (read, 1))
        channels = sum(source.shape[0] for source in sources)
        return replace(sources[0], node=node, shape=(channels, *sources[0].shape[1:]))

    def flatten(self, name: str, source: Value) -> Value:
        """Flatten an image in the file's layout."""
        if len(source.shape) == 1:
            return source
        value = self._call(name, nn.Flatten(), source)
        channels, height, width = source.shape
        last = source.channels_last
        return replace(value, flat_of=(channels, height, width) if last else None)

    def _need_image(self, name: str, source: Value) -> None:
        """Refuse features where an image is needed."""
        if len(source.shape) != 3:
            raise ConfigError(f"node {name}: reads shape {source.shape}, expected an image")

    def finish(self, head: Value) -> FloatNetwork:
        """Return the network that answers with a value."""
        if len(head.shape) == 3 and head.shape[1:] == (1, 1):
            head = self.flatten("logits", head)
        if len(head.shape) != 1:
            raise ConfigError(f"the output has shape {head.shape}, expected (classes,)")
        self.graph.output(head.node)
        module = fx.GraphModule(self.root, self.graph).eval()
        gain, offset = tuple(map(float, self.gain)), tuple(map(float, self.offset))
        return FloatNetwork(module, self.shape, head.shape[0], gain, offset)


def _fill(layer: nn.Module, weight: Numbers, bias: Numbers | None, *, name: str) -> None:
    """Give a layer its numbers; raises ConfigError where one is not finite or does not fit."""
    for field, values in (("weight", weight), ("bias", bias)):
        if values is None:
            continue
        target: torch.Tensor = getattr(layer, field)
        if not np.isfinite(values).all():
            raise ConfigError(f"node {name}: {field} holds a value that is not finite")
        if values.shape != tuple(target.shape):
            raise ConfigError(
                f"node {name}: {field} has shape {values.shape}, expected {tuple(target.shape)}"
            )
        with torch.no_grad():
            target.copy_(torch.from_numpy(np.array(values, np.float32)))
