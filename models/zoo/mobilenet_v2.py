"""MobileNetV2 for ImageNet, with the names of torchvision's state_dict.

References
----------
.. [1] M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks," CVPR 2018,
   table 2.
.. [2] pytorch/vision, torchvision/models/mobilenetv2.py (layout of the state_dict).
"""

from torch import Tensor, nn

# Expansion, channels, blocks and stride of the first block [1, table 2].
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def convolution(
    source: int, channels: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Build a convolution with batch norm and ReLU6."""
    return nn.Sequential(
        nn.Conv2d(source, channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(),
    )


class InvertedResidual(nn.Module):
    """Widen, filter depthwise, narrow without ReLU; plus the input where shapes agree."""

    def __init__(self, source: int, channels: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        wide = source * expansion
        widen = [convolution(source, wide)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *widen,
            convolution(wide, wide, kernel=3, stride=stride, groups=wide),
            nn.Conv2d(wide, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.adds = stride == 1 and source == channels

    def forward(self, x: Tensor) -> Tensor:
        """Return F(x) or x + F(x), (N, Cout, H / stride, W / stride)."""
        out: Tensor = x + self.conv(x) if self.adds else self.conv(x)
        return out


class MobileNetV2(nn.Module):
    """The network of the paper at width one.

    Parameters
    ----------
    classes
        Width of the classifier.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(3, 32, kernel=3, stride=2)]
        source = 32
        for expansion, channels, count, first in STAGES:
            for k in range(count):
                stride = first if k == 0 else 1
                layers.append(
                    InvertedResidual(source, channels, stride=stride, expansion=expansion)
                )
                source = channels
        layers.append(convolution(source, 1280))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, 3, H, W) -> (N, classes)."""
        x = self.features(x)  # (N, 1280, H / 32, W / 32)
        logits: Tensor = self.classifier(self.flatten(self.pool(x)))
        return logits
