"""ResNet8, the image-classification reference network of MLPerf Tiny.

References
----------
.. [1] C. Banbury et al., "MLPerf Tiny Benchmark," NeurIPS Datasets and Benchmarks, 2021
   (mlcommons/tiny, benchmark/training/image_classification/keras_model.py): 78,666 parameters.
"""

from torch import Tensor, nn
from torch.nn import functional

from models.zoo.early import Answers, convolution, early_head

WIDE = (16, 40, 96)
"""Channels that leave half of the work behind the early head; ours."""


class Block(nn.Module):
    """Two convolutions and a shortcut, (N, Cin, H, W) -> (N, Cout, H / stride, W / stride)."""

    def __init__(
        self, source: int, channels: int, *, stride: int, normed_shortcut: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(source, channels, 3, stride=stride, padding=1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or source != channels:
            self.shortcut = nn.Conv2d(source, channels, 1, stride=stride)
            if normed_shortcut:
                self.shortcut = nn.Sequential(self.shortcut, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(F(x) + shortcut(x))."""
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return functional.relu(y + self.shortcut(x))


class ResNet8(nn.Module):
    """Three residual blocks of 16, 32 and 64 channels on 32 x 32 images.

    Parameters
    ----------
    classes
        Width of the classifier.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.block1 = Block(16, 16, stride=1)
        self.block2 = Block(16, 32, stride=2)
        self.block3 = Block(32, 64, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, 3, 32, 32) -> (N, classes)."""
        x = self.relu(self.norm(self.stem(x)))  # (N, 16, 32, 32)
        x = self.block1(x)  # (N, 16, 32, 32)
        x = self.block2(x)  # (N, 32, 16, 16)
        x = self.block3(x)  # (N, 64, 8, 8)
        logits: Tensor = self.head(self.flatten(self.pool(x)))
        return logits


class EarlyResNet8(nn.Module):
    """ResNet8 with wider late blocks and a head after the first block, made to be nested.

    Two strided convolutions of its own let the early head see more of the image. Shortcuts have a
    batch norm: narrower ones would add less than the full width's do.

    Parameters
    ----------
    classes
        Width of the leaf head.
    early
        Width of the early head.
    """

    def __init__(self, classes: int, early: int) -> None:
        super().__init__()
        first, second, third = WIDE
        self.stem = nn.Conv2d(3, first, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(first)
        self.relu = nn.ReLU()
        self.block1 = Block(first, first, stride=1)
        body = nn.Sequential(convolution(first, 24), convolution(24, 48))
        self.early = early_head(body, 48, early)
        self.block2 = Block(first, second, stride=2, normed_shortcut=True)
        self.block3 = Block(second, third, stride=2, normed_shortcut=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Answers:
        """Return the logits of both heads, (N, 3, 32, 32) -> (N, early), (N, classes)."""
        x = self.relu(self.norm(self.stem(x)))  # (N, 16, 32, 32)
        x = self.block1(x)  # (N, 16, 32, 32)
        early = self.early(x)
        x = self.block2(x)  # (N, 40, 16, 16)
        x = self.block3(x)  # (N, 96, 8, 8)
        return {"early": early, "leaf": self.head(self.flatten(self.pool(x)))}
