"""ResNet18, 34 and 50 for ImageNet, with the names of torchvision's state_dict.

References
----------
.. [1] K. He et al., "Deep Residual Learning for Image Recognition," CVPR 2016, table 1.
.. [2] pytorch/vision, torchvision/models/resnet.py (layout of the state_dict; the stride of a
   bottleneck lies in its 3 x 3 convolution).
"""

from typing import Literal

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, source: int, channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(source, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(source, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(F(x) + shortcut(x)), (N, C, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


class Bottleneck(nn.Module):
    """A 1 x 1, a 3 x 3 and a widening 1 x 1 convolution, and a shortcut."""

    expansion = 4

    def __init__(self, source: int, channels: int, *, stride: int) -> None:
        super().__init__()
        wide = channels * self.expansion
        self.conv1 = nn.Conv2d(source, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.relu = nn.ReLU()
        self.downsample = shortcut(source, wide, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(F(x) + shortcut(x)), (N, 4 C, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


def shortcut(source: int, channels: int, *, stride: int) -> nn.Module:
    """Build the identity where shapes agree, else a 1 x 1 convolution with batch norm."""
    if stride == 1 and source == channels:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(source, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
    )


Depth = Literal[18, 34, 50]
STAGES: dict[Depth, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """The network of the paper.

    Parameters
    ----------
    depth
        18, 34 or 50 layers with weights.
    classes
        Width of the classifier.
    """

    def __init__(self, depth: Depth, classes: int = 1000) -> None:
        super().__init__()
        block, counts = STAGES[depth]
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        source, stages = 64, []
        for index, count in enumerate(counts):
            blocks = []
            for k in range(count):
                stride = 2 if index > 0 and k == 0 else 1
                blocks.append(block(source, 64 << index, stride=stride))
                source = (64 << index) * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(source, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, 3, H, W) -> (N, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (N, 64, H / 4, W / 4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, C, H / 32, W / 32)
        logits: Tensor = self.fc(self.flatten(self.avgpool(x)))
        return logits
