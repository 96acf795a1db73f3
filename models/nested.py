"""Nested widths in float: the first channels of every layer are a network of their own.

`nest` swaps the convolutions, batch norms and linear layers of a network for twins that run on the
first channels alone. Weights are shared; each width has a batch norm of its own for statistics and
shift. Their gain is shared: so a width's folded weights are those of the full width times a
positive factor for each channel, which goes into requantisation.

References
----------
.. [1] J. Yu et al., "Slimmable Neural Networks," ICLR 2019: a batch norm for each width.
.. [2] J. Yu and T. Huang, "Universally Slimmable Networks and Improved Training Techniques,"
   ICCV 2019: the sandwich rule and distillation in place.
"""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptive.errors import ConfigError
from adaptive.nesting import channels_at


class NestedConv2d(nn.Conv2d):
    """A convolution that reads as many channels as come and writes the first of its own."""

    width = 1.0

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Convolve, (N, Cin at the width, H, W) -> (N, Cout at the width, H', W')."""
        channels = channels_at(self.out_channels, self.width)
        depthwise = self.groups > 1
        weight = self.weight[:channels, : 1 if depthwise else input.shape[1]]
        bias = None if self.bias is None else self.bias[:channels]
        groups = channels if depthwise else 1
        return functional.conv2d(
            input, weight, bias, self.stride, self.padding, self.dilation, groups
        )


class NestedLinear(nn.Linear):
    """A linear layer that reads as many features as come and writes all of its own."""

    width = 1.0

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Multiply, (N, F at the width) -> (N, features)."""
        return functional.linear(input, self.weight[:, : input.shape[1]], self.bias)


class NestedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm with statistics and shift for each width, and one gain.

    Its own buffers and parameters are those of the full width.

    Parameters
    ----------
    channels
        At full width.
    widths
        The narrower widths.
    """

    width = 1.0

    def __init__(self, channels: int, widths: Sequence[float] = (), **options: float) -> None:
        super().__init__(channels, **options)  # type: ignore[arg-type]
        self.widths = tuple(widths)
        self.narrow = nn.ModuleDict(
            {_key(width): _Narrow(channels_at(channels, width)) for width in widths}
        )

    def at(self, width: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return running mean, running variance and shift of a width, shape (C at the width,)."""
        own = self if width == 1.0 else self.narrow[_key(width)]
        return own.running_mean, own.running_var, own.bias  # type: ignore[return-value]

    def start_narrow(self) -> None:
        """Let every width begin where the full width is."""
        with torch.no_grad():
            for own in self.narrow.values():
                for name, value in own.state_dict().items():
                    value.copy_(getattr(self, name)[: len(value)])

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Normalise (N, C at the width, H, W)."""
        mean, variance, shift = self.at(self.width)
        return functional.batch_norm(
            input,
            mean,
            variance,
            self.weight[: input.shape[1]],
            shift,
            self.training,
            self.momentum or 0.0,
            self.eps,
        )


class _Narrow(nn.Module):
    """What a width has of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))


NestedLayer = NestedConv2d | NestedBatchNorm2d | NestedLinear


def _key(width: float) -> str:
    """Return a width as a name that a module may have."""
    return f"{width:g}".replace(".", "_")


def nest(network: nn.Module, widths: Sequence[float]) -> nn.Module:
    """Swap a network's layers for nested ones, in place, keeping their weights.

    Parameters
    ----------
    network
        Of convolutions, depthwise ones included, 2-D batch norms and linear layers, besides what
        has no weights. Channels must flow on as they are: no concatenation, and nothing flattened
        but averages.
    widths
        The narrower widths, each above 0 and below 1.

    Raises
    ------
    ConfigError
        Naming the layer that cannot be nested, or the width out of range.
    """
    if any(not 0.0 < width < 1.0 for width in widths):
        raise ConfigError(f"widths is {tuple(widths)}, expected shares above 0 and below 1")
    for name, module in tuple(network.named_modules()):
        twin = _twin(name, module, widths)
        if twin is not None:
            owner, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(owner), attribute, twin)
    return network


def _twin(name: str, module: nn.Module, widths: Sequence[float]) -> nn.Module | None:
    """Return the nested twin of a layer, or None where there is nothing to nest."""
    twin: nn.Module
    match module:
        case nn.Conv2d() if module.groups not in (1, module.in_channels):
            raise ConfigError(f"layer {name}: groups is {module.groups}, expected 1 or depthwise")
        case nn.Conv2d():
            twin = NestedConv2d(
                module.in_channels,
                module.out_channels,
                module.kernel_size,  # type: ignore[arg-type]
                module.stride,  # type: ignore[arg-type]
                module.padding,  # type: ignore[arg-type]
                groups=module.groups,
                bias=module.bias is not None,
            )
        case nn.BatchNorm2d():
            twin = NestedBatchNorm2d(module.num_features, widths, eps=module.eps)
        case nn.Linear():
            twin = NestedLinear(module.in_features, module.out_features)
        case _:
            return None
    twin.load_state_dict(module.state_dict(), strict=False)
    if isinstance(twin, NestedBatchNorm2d):
        twin.start_narrow()
    return twin.train(module.training)


def set_width(network: nn.Module, width: float) -> None:
    """Choose the width of the passes that follow."""
    for module in network.modules():
        if isinstance(module, NestedLayer):
            module.width = width


def cut(network: nn.Module, width: float, shape: tuple[int, int, int]) -> nn.Module:
    """Return the plain network of one width: what is compared with it when it is trained alone.

    Parameters
    ----------
    network
        Nested, with this width or only the full one; it is left as it was.
    width
        Share of the channels.
    shape
        (H, W, C) of an image.
    """
    training = network.training
    network = copy.deepcopy(network).eval()
    set_width(network, width)
    read: dict[str, tuple[int, int]] = {}
    layers = {n: m for n, m in network.named_modules() if isinstance(m, NestedLayer)}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            read[name] = (given[0].shape[1], out.shape[1])

        return hook

    for name, layer in layers.items():
        layer.register_forward_hook(note(name))
    height, columns, channels = shape
    with torch.no_grad():
        network(torch.zeros(1, channels, height, columns))
    for name, layer in layers.items():
        owner, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(owner), attribute, _plain(layer, *read[name]))
    return network.train(training)


def _plain(layer: NestedLayer, source: int, channels: int) -> nn.Module:
    """Return a layer at its width as one that has no other."""
    plain: nn.Module
    match layer:
        case NestedConv2d():
            plain = nn.Conv2d(
                source,
                channels,
                layer.kernel_size,  # type: ignore[arg-type]
                layer.stride,  # type: ignore[arg-type]
                layer.padding,  # type: ignore[arg-type]
                groups=channels if layer.groups > 1 else 1,
                bias=layer.bias is not None,
            )
        case NestedBatchNorm2d():
            plain = nn.BatchNorm2d(channels, eps=layer.eps)
        case _:
            plain = nn.Linear(source, channels)
    whole = dict(layer.state_dict())
    if isinstance(layer, NestedBatchNorm2d):
        whole |= dict(
            zip(("running_mean", "running_var", "bias"), layer.at(layer.width), strict=True)
        )
    with torch.no_grad():
        for name, value in plain.state_dict().items():
            value.copy_(whole[name][tuple(slice(size) for size in value.shape)])
    return plain


def widths_of(network: nn.Module) -> tuple[float, ...]:
    """Return the narrower widths nested in a network, widest first; none if there are not any."""
    found = (m.widths for m in network.modules() if isinstance(m, NestedBatchNorm2d))
    return next(found, ())
