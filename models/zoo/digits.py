"""Small networks for 8 x 8 images of handwritten digits."""

from torch import Tensor, nn

from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import SwitchableNetwork, chain
from models.pooling import GlobalAveraging, MaxPooling
from models.window import square, tiles
from models.zoo.early import Answers, convolution, early_head


def digits_network(*, width: int = 16) -> SwitchableNetwork:
    """Build the network with random weights; seed torch first to get the same ones.

    Parameters
    ----------
    width
        Channels of the first layer; the later ones have two and four times as many.
    """
    return SwitchableNetwork(
        (8, 8, 1),
        chain(
            ("stem", SwitchableConv2d(1, width, window=square(3))),  # (N, w, 8, 8)
            ("depthwise1", SwitchableConv2d(width, width, window=square(3), groups=width)),
            ("pointwise1", SwitchableConv2d(width, 2 * width, window=square(1))),  # (N, 2w, 8, 8)
            ("pool", MaxPooling(tiles(2))),  # (N, 2w, 4, 4)
            ("conv2", SwitchableConv2d(2 * width, 2 * width, window=square(3))),
            ("conv3", SwitchableConv2d(2 * width, 4 * width, window=square(3))),  # (N, 4w, 4, 4)
            ("mean", GlobalAveraging()),  # (N, 4w)
            ("head", SwitchableLinear(4 * width, 10, is_head=True)),  # (N, 10)
        ),
    )


class EarlyDigits(nn.Module):
    """Four convolutions and a separable one, with a head after the first two, to be nested.

    Parameters
    ----------
    early
        Width of the early head.
    """

    def __init__(self, early: int) -> None:
        super().__init__()
        self.stem = convolution(1, 16, stride=1)
        self.separable = nn.Sequential(
            nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        )
        self.early = early_head(convolution(32, 16), 16, early)
        self.conv2, self.conv3 = convolution(32, 48), convolution(48, 64, stride=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Answers:
        """Return the logits of both heads, (N, 1, 8, 8) -> (N, early), (N, 10)."""
        x = self.separable(self.stem(x))  # (N, 32, 8, 8)
        early = self.early(x)
        x = self.conv3(self.conv2(x))  # (N, 64, 4, 4)
        return {"early": early, "leaf": self.head(self.flatten(self.pool(x)))}
