"""The float phase of a network with nested widths and several heads, all trained together.

Each step ("sandwich") asks the full width for the labels, at every head, and the narrowest and some
other widths for the full width's leaf answers: as leaves, and as shares of the early head's nodes.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from adaptive.labels import LabelTree
from models.augment import CroppedBatches
from models.data import LabelledImages
from models.heads import LEAF, HeadLoss
from models.image_training import (
    FloatRecipe,
    Report,
    accuracy,
    level_loss,
    one_cycle,
    real_images,
)
from models.nested import set_width
from models.phase import Phase
from models.zoo.early import Answers


def train_nested(
    network: nn.Module,
    data: LabelledImages,
    *,
    widths: tuple[float, ...],
    head_levels: Mapping[str, str],
    tree: LabelTree,
    calibration: LabelledImages,
    recipe: FloatRecipe,
    checkpoint: Path | None,
    report: Report,
) -> None:
    """Train a nested float network in place, on the device it lies on; resumes from the checkpoint.

    Parameters
    ----------
    network
        Returns the logits of each head by its name, or of the leaf head alone.
    data
        Training images.
    widths
        To train, widest first: that one learns from the labels, the others from it.
    head_levels
        Level of the label tree at which each head but the leaf head answers.
    tree
        The labels and their levels.
    calibration
        Images to score every width and head on after each epoch.
    recipe
        How to train.
    checkpoint, report
        As for `train_float`.
    """
    batches = CroppedBatches(data, batch=recipe.batch, margin=recipe.margin, mirror=recipe.mirror)
    optimiser, schedule = one_cycle(network, recipe, steps=recipe.epochs * len(batches))
    rng = np.random.default_rng(recipe.seed)
    loss_of_heads = HeadLoss(tree, level_loss(tree, recipe.level_weights), head_levels)

    def answers(images: Tensor, width: float) -> Answers:
        set_width(network, width)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=recipe.bfloat16):
            return {head: logits.float() for head, logits in _ask(network, images).items()}

    def loss_of(images: Tensor, labels: Tensor) -> Tensor:
        widest = answers(images, widths[0])
        loss = loss_of_heads.of_labels(widest, labels)
        for width in _drawn(widths[1:], recipe.drawn_widths, rng):
            narrow = loss_of_heads.of_teacher(answers(images, width), widest[LEAF])
            loss = loss + recipe.narrow_weight * narrow
        return loss

    def score() -> dict[str, float]:
        network.eval()
        return scores(network, calibration, widths, head_levels, tree)

    Phase(
        "nested",
        network,
        optimiser=optimiser,
        schedule=schedule,
        batches=batches,
        rng=rng,
        checkpoint=checkpoint,
    ).run(recipe.epochs, loss_of, score=score, report=report)
    set_width(network, 1.0)


def _ask(network: nn.Module, images: Tensor) -> Answers:
    """Return the logits of each head, of a network that may have the leaf head alone."""
    found: Answers | Tensor = network(real_images(images))
    return {LEAF: found} if isinstance(found, Tensor) else found


def _drawn(widths: tuple[float, ...], count: int, rng: np.random.Generator) -> tuple[float, ...]:
    """Return the last width and so many of the others, drawn where there are more."""
    between = widths[:-1]
    if count < len(between):
        between = tuple(between[k] for k in sorted(rng.permutation(len(between))[:count]))
    return (*between, *widths[-1:])


def scores(
    network: nn.Module,
    data: LabelledImages,
    widths: tuple[float, ...],
    head_levels: Mapping[str, str],
    tree: LabelTree,
) -> dict[str, float]:
    """Return the share of right answers of each width and head, e.g. `0.5/leaf`."""
    found = {}
    for width in widths:
        set_width(network, width)
        for head in (LEAF, *head_levels):
            nodes = tree.ancestors(head_levels.get(head, tree.levels[0]))
            labelled = LabelledImages(data.images, nodes[data.labels])

            def answer(images: Tensor, head: str = head) -> Tensor:
                return _ask(network, images)[head]

            found[f"{width:g}/{head}"] = accuracy(answer, labelled, network)
    set_width(network, 1.0)
    return found
