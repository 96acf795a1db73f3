"""Heads that answer early, and what a network with several heads returns."""

from torch import Tensor, nn

Answers = dict[str, Tensor]
"""Logits of each head by its name, shape (N, nodes of its level)."""


def convolution(source: int, channels: int, *, stride: int = 2) -> nn.Sequential:
    """Build a 3 x 3 convolution with batch norm and ReLU; it halves the resolution by default."""
    return nn.Sequential(
        nn.Conv2d(source, channels, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def early_head(body: nn.Module, channels: int, nodes: int) -> nn.Sequential:
    """Build a head: a body of its own, an average over positions, and a linear layer.

    Parameters
    ----------
    body
        What only this head reads.
    channels
        That the body writes.
    nodes
        Of the label tree's level at which the head answers.
    """
    return nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, nodes))
