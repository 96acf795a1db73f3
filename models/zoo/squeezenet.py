"""SqueezeNet 1.1 for ImageNet, with the names of torchvision's state_dict.

References
----------
.. [1] F. N. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
   <0.5MB model size," arXiv:1602.07360, 2016 (version 1.1: forresti/SqueezeNet).
.. [2] pytorch/vision, torchvision/models/squeezenet.py (layout of the state_dict).
"""

import torch
from torch import Tensor, nn


class Fire(nn.Module):
    """Squeeze to few channels, then expand by 1 x 1 and by 3 x 3 side by side."""

    def __init__(self, source: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(source, squeezed, 1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand1x1_activation = nn.ReLU()
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.expand3x3_activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 2 expanded, H, W)."""
        x = self.squeeze_activation(self.squeeze(x))  # (N, squeezed, H, W)
        return torch.cat(
            [
                self.expand1x1_activation(self.expand1x1(x)),
                self.expand3x3_activation(self.expand3x3(x)),
            ],
            dim=1,
        )


class SqueezeNet(nn.Module):
    """Version 1.1.

    Parameters
    ----------
    classes
        Width of the classifier.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(64, 16, 64),
            Fire(128, 16, 64),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(128, 32, 128),
            Fire(256, 32, 128),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            Fire(512, 64, 256),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(512, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.flatten = nn.Flatten()

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, 3, H, W) -> (N, classes)."""
        logits: Tensor = self.flatten(self.classifier(self.features(x)))
        return logits
