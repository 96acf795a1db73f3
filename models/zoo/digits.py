"""A small network for 8 x 8 images of handwritten digits."""

from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import SwitchableNetwork, chain
from models.pooling import GlobalAveraging, MaxPooling
from models.window import square, tiles


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
