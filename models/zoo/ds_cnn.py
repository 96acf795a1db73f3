"""DS-CNN, the keyword-spotting reference network of MLPerf Tiny.

References
----------
.. [1] C. Banbury et al., "MLPerf Tiny Benchmark," NeurIPS Datasets and Benchmarks, 2021
   (mlcommons/tiny, benchmark/training/keyword_spotting/keras_model.py).
.. [2] Y. Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers," arXiv:1711.07128, 2017.
"""

from torch import Tensor, nn

FRAMES, COEFFICIENTS = 49, 10
"""Size of the input: mel-frequency coefficients of one second of sound."""


def separable() -> nn.Sequential:
    """Build a 3 x 3 depthwise and a 1 x 1 convolution, each with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(64, 64, 3, padding=1, groups=64),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Conv2d(64, 64, 1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
    )


class DsCnn(nn.Module):
    """A strided convolution and four separable blocks, all of 64 channels.

    Parameters
    ----------
    classes
        Width of the classifier: ten words, silence and unknown.
    """

    def __init__(self, classes: int = 12) -> None:
        super().__init__()
        # The reference pads as Keras does: the odd row below.
        self.pad = nn.ZeroPad2d((1, 1, 4, 5))
        self.stem = nn.Conv2d(1, 64, (10, 4), stride=2)
        self.norm = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.drop = nn.Dropout(0.2)
        self.blocks = nn.Sequential(*(separable() for _ in range(4)))
        self.drop_last = nn.Dropout(0.4)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, 1, 49, 10) -> (N, classes)."""
        x = self.relu(self.norm(self.stem(self.pad(x))))  # (N, 64, 25, 5)
        x = self.blocks(self.drop(x))  # (N, 64, 25, 5)
        logits: Tensor = self.head(self.flatten(self.pool(self.drop_last(x))))
        return logits
