"""InceptionV1 (GoogLeNet) for ImageNet, with the names of torchvision's state_dict.

The auxiliary classifiers, which only help training, are left out: drop the keys `aux1.*` and
`aux2.*`. As in torchvision each convolution has batch norm and the branch of the paper's 5 x 5
convolution has one of 3 x 3. Published weights expect `(pixel / 255 - 0.5) / 0.5`.

References
----------
.. [1] C. Szegedy et al., "Going Deeper with Convolutions," CVPR 2015, table 1.
.. [2] pytorch/vision, torchvision/models/googlenet.py (layout of the state_dict).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Channels: 1 x 1; 3 x 3 reduced and whole; 5 x 5 reduced and whole; after pooling [1, table 1].
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class Convolution(nn.Module):
    """A convolution with batch norm and ReLU."""

    def __init__(self, source: int, channels: int, *, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(source, channels, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, Cout, H / stride, W / stride)."""
        return functional.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Four branches side by side."""

    def __init__(self, source: int, channels: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, three_reduced, three, five_reduced, five, pooled = channels
        self.branch1 = Convolution(source, one)
        self.branch2 = nn.Sequential(
            Convolution(source, three_reduced), Convolution(three_reduced, three, kernel=3)
        )
        self.branch3 = nn.Sequential(
            Convolution(source, five_reduced), Convolution(five_reduced, five, kernel=3)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True), Convolution(source, pooled)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, sum of the branches' channels, H, W)."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionV1(nn.Module):
    """The network of the paper without its auxiliary classifiers.

    Parameters
    ----------
    classes
        Width of the classifier.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = Convolution(3, 64, kernel=7, stride=2)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = Convolution(64, 64)
        self.conv3 = Convolution(64, 192, kernel=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, INCEPTIONS["3a"])
        self.inception3b = Inception(256, INCEPTIONS["3b"])
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, INCEPTIONS["4a"])
        self.inception4b = Inception(512, INCEPTIONS["4b"])
        self.inception4c = Inception(512, INCEPTIONS["4c"])
        self.inception4d = Inception(512, INCEPTIONS["4d"])
        self.inception4e = Inception(528, INCEPTIONS["4e"])
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, INCEPTIONS["5a"])
        self.inception5b = Inception(832, INCEPTIONS["5b"])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, 3, H, W) -> (N, classes)."""
        x = self.maxpool1(self.conv1(x))  # (N, 64, H / 4, W / 4)
        x = self.maxpool2(self.conv3(self.conv2(x)))  # (N, 192, H / 8, W / 8)
        x = self.maxpool3(self.inception3b(self.inception3a(x)))  # (N, 480, H / 16, W / 16)
        x = self.inception4c(self.inception4b(self.inception4a(x)))
        x = self.maxpool4(self.inception4e(self.inception4d(x)))  # (N, 832, H / 32, W / 32)
        x = self.inception5b(self.inception5a(x))  # (N, 1024, H / 32, W / 32)
        logits: Tensor = self.fc(self.dropout(self.flatten(self.avgpool(x))))
        return logits
