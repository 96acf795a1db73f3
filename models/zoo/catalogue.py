"""The networks of the zoo by name."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from models.nested import nest
from models.zoo.ds_cnn import COEFFICIENTS, FRAMES, DsCnn
from models.zoo.inception_v1 import InceptionV1
from models.zoo.mobilenet_v1 import EarlyMobileNetV1, MobileNetV1
from models.zoo.mobilenet_v2 import MobileNetV2
from models.zoo.resnet import ResNet
from models.zoo.resnet8 import EarlyResNet8, ResNet8
from models.zoo.resnet20 import ResNet20
from models.zoo.squeezenet import SqueezeNet

Kind = Literal[
    "resnet8",
    "resnet8_early",
    "resnet20",
    "mobilenet_v1_small",
    "mobilenet_v1_early",
    "ds_cnn",
    "resnet18",
    "resnet34",
    "resnet50",
    "mobilenet_v1",
    "mobilenet_v2",
    "squeezenet1_1",
    "inception_v1",
]
CIFAR, IMAGENET, KEYWORDS = (32, 32, 3), (224, 224, 3), (FRAMES, COEFFICIENTS, 1)
"""Shapes of one input, (H, W, C)."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A network of the zoo.

    `width` is a factor on its channels, where it has one; `early` the level of the label tree at
    which its early head answers, for kinds that have one; `widths` the narrower widths to nest in
    it, as shares of its channels.
    """

    kind: Kind
    width: float = 1.0
    early: str | None = None
    widths: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.width <= 0.0:
            raise ValueError(f"width is {self.width}, expected above 0")
        if self.width != 1.0 and not self.kind.startswith("mobilenet_v1"):
            raise ValueError(f"width is {self.width}, expected 1 for {self.kind}")
        if (self.early is not None) != self.kind.endswith("_early"):
            wanted = "a level" if self.kind.endswith("_early") else "none"
            raise ValueError(f"early is {self.early!r}, expected {wanted} for {self.kind}")
        if self.widths != tuple(sorted(set(self.widths), reverse=True)) or any(
            not 0.0 < width < 1.0 for width in self.widths
        ):
            raise ValueError(f"widths is {self.widths}, expected shares falling from below 1")

    @property
    def all_widths(self) -> tuple[float, ...]:
        """Widths that the network runs at, widest first."""
        return (1.0, *self.widths)

    @property
    def has_efforts(self) -> bool:
        """Whether there is more to choose than precision."""
        return bool(self.widths or self.early)

    @property
    def head_levels(self) -> dict[str, str]:
        """Level at which each head answers that does not answer with leaves."""
        return {} if self.early is None else {"early": self.early}


def input_shape(kind: Kind) -> tuple[int, int, int]:
    """Return the shape (H, W, C) of the images a network was made for."""
    if kind == "ds_cnn":
        return KEYWORDS
    small = ("resnet8", "resnet8_early", "resnet20", "mobilenet_v1_small", "mobilenet_v1_early")
    return CIFAR if kind in small else IMAGENET


def build(config: NetworkConfig, *, classes: int, early: int = 0) -> nn.Module:
    """Build a network with random weights; seed torch first to get the same ones.

    Parameters
    ----------
    config
        Which.
    classes, early
        Outputs of the leaf head, and of the early head where there is one.
    """
    network = _build(config, classes, early)
    return nest(network, config.widths) if config.widths else network


def _build(config: NetworkConfig, classes: int, early: int) -> nn.Module:
    """Build it at its full width."""
    match config.kind:
        case "resnet8":
            return ResNet8(classes)
        case "resnet8_early":
            return EarlyResNet8(classes, early)
        case "mobilenet_v1_early":
            return EarlyMobileNetV1(classes, early, width=config.width)
        case "resnet20":
            return ResNet20(classes)
        case "mobilenet_v1_small":
            return MobileNetV1(classes, width=config.width, small_images=True)
        case "mobilenet_v1":
            return MobileNetV1(classes, width=config.width)
        case "ds_cnn":
            return DsCnn(classes)
        case "resnet18":
            return ResNet(18, classes)
        case "resnet34":
            return ResNet(34, classes)
        case "resnet50":
            return ResNet(50, classes)
        case "mobilenet_v2":
            return MobileNetV2(classes)
        case "squeezenet1_1":
            return SqueezeNet(classes)
        case "inception_v1":
            return InceptionV1(classes)
