"""MobileNetV1: depthwise-separable convolutions throughout.

References
----------
.. [1] A. G. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
   Applications," arXiv:1704.04861, 2017, table 1.
"""

from torch import Tensor, nn

from models.zoo.early import Answers, early_head

# Channels and stride of the thirteen separable blocks [1, table 1].
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)

EARLY = 4
"""The early head reads what this block writes."""


def separable(source: int, channels: int, *, stride: int) -> nn.Sequential:
    """Build a 3 x 3 depthwise and a 1 x 1 convolution, each with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(source, source, 3, stride=stride, padding=1, groups=source, bias=False),
        nn.BatchNorm2d(source),
        nn.ReLU(),
        nn.Conv2d(source, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


class MobileNetV1(nn.Module):
    """The network of the paper; on small images the first two reductions are left out.

    Parameters
    ----------
    classes
        Width of the classifier.
    width
        Factor on every number of channels.
    small_images
        For 32 x 32 images: the stem and the first reducing block keep the resolution, so that
        the last map is 4 x 4 as on 128 x 128 images.
    """

    def __init__(
        self, classes: int = 1000, *, width: float = 1.0, small_images: bool = False
    ) -> None:
        super().__init__()
        channels = round(32 * width)
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=1 if small_images else 2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        blocks, reductions = [], 0
        for wanted, step in BLOCKS:
            reductions += step == 2
            stride = 1 if small_images and reductions == 1 else step
            blocks.append(separable(channels, round(wanted * width), stride=stride))
            channels = round(wanted * width)
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, 3, H, W) -> (N, classes)."""
        x = self.blocks(self.stem(x))  # (N, 1024 width, H', W')
        logits: Tensor = self.head(self.flatten(self.pool(x)))
        return logits


class EarlyMobileNetV1(MobileNetV1):
    """The network for small images with a head after the fifth block, made to be nested.

    Parameters
    ----------
    classes
        Width of the leaf head.
    early
        Width of the early head.
    width
        Factor on every number of channels.
    """

    def __init__(self, classes: int, early: int, *, width: float) -> None:
        super().__init__(classes, width=width, small_images=True)
        source, channels = (round(BLOCKS[at][0] * width) for at in (EARLY, EARLY + 1))
        self.early = early_head(separable(source, channels, stride=2), channels, early)

    def forward(self, x: Tensor) -> Answers:  # type: ignore[override]
        """Return the logits of both heads, (N, 3, H, W) -> (N, early), (N, classes)."""
        early = x = self.stem(x)
        for at, block in enumerate(self.blocks.children()):
            x = block(x)  # (N, 1024 width, H', W') at the end
            if at == EARLY:
                early = self.early(x)
        return {"early": early, "leaf": self.head(self.flatten(self.pool(x)))}
