"""ResNet20 for 32 x 32 images.

References
----------
.. [1] K. He et al., "Deep Residual Learning for Image Recognition," CVPR 2016, section 4.2:
   n = 3, 0.27 million parameters, shortcuts without weights (option A).
"""

from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Two convolutions and a shortcut, (N, Cin, H, W) -> (N, Cout, H / stride, W / stride).

    Where the shape changes the shortcut is a 1 x 1 convolution with batch norm (option B of [1]):
    it can be calibrated like any layer, where option A pads with channels of zeros.
    """

    def __init__(self, source: int, channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(source, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.shortcut = (
            nn.Identity()
            if stride == 1 and source == channels
            else nn.Sequential(
                nn.Conv2d(source, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(F(x) + shortcut(x))."""
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return functional.relu(y + self.shortcut(x))


class ResNet20(nn.Module):
    """Three stages of three blocks, of 16, 32 and 64 channels.

    Parameters
    ----------
    classes
        Width of the classifier.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.stage1 = nn.Sequential(*(Block(16, 16, stride=1) for _ in range(3)))
        self.stage2 = nn.Sequential(
            Block(16, 32, stride=2), *(Block(32, 32, stride=1) for _ in range(2))
        )
        self.stage3 = nn.Sequential(
            Block(32, 64, stride=2), *(Block(64, 64, stride=1) for _ in range(2))
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, 3, 32, 32) -> (N, classes)."""
        x = self.relu(self.norm(self.stem(x)))  # (N, 16, 32, 32)
        x = self.stage1(x)  # (N, 16, 32, 32)
        x = self.stage2(x)  # (N, 32, 16, 16)
        x = self.stage3(x)  # (N, 64, 8, 8)
        logits: Tensor = self.head(self.flatten(self.pool(x)))
        return logits
