"""The networks of the zoo by name."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from models.zoo.ds_cnn import COEFFICIENTS, FRAMES, DsCnn
from models.zoo.inception_v1 import InceptionV1
from models.zoo.mobilenet_v1 import MobileNetV1
from models.zoo.mobilenet_v2 import MobileNetV2
from models.zoo.resnet import ResNet
from models.zoo.resnet8 import ResNet8
from models.zoo.resnet20 import ResNet20
from models.zoo.squeezenet import SqueezeNet

Kind = Literal[
    "resnet8",
    "resnet20",
    "mobilenet_v1_small",
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
    """A network of the zoo; `width` is a factor on its channels, where it has one."""

    kind: Kind
    width: float = 1.0

    def __post_init__(self) -> None:
        if self.width <= 0.0:
            raise ValueError(f"width is {self.width}, expected above 0")
        if self.width != 1.0 and not self.kind.startswith("mobilenet_v1"):
            raise ValueError(f"width is {self.width}, expected 1 for {self.kind}")


def input_shape(kind: Kind) -> tuple[int, int, int]:
    """Return the shape (H, W, C) of the images a network was made for."""
    if kind == "ds_cnn":
        return KEYWORDS
    return CIFAR if kind in ("resnet8", "resnet20", "mobilenet_v1_small") else IMAGENET


def build(config: NetworkConfig, *, classes: int) -> nn.Module:
    """Build a network with random weights; seed torch first to get the same ones."""
    match config.kind:
        case "resnet8":
            return ResNet8(classes)
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
