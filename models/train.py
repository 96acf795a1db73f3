"""Joint training: one weight set that answers well at every precision plan.

First plain float; then ranges are calibrated, and each step ("sandwich") asks the same weights for
all-16 against the labels, and for all-8 and two random mixes against the answers of all-16. The
ranges are the greatest values seen in float, taken anew a few times. Learned step sizes were not
tried: on the bundled network all-8 answers as all-16 does, so they could gain nothing there.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adaptive.labels import LabelTree
from models.calibrate import calibrate_ranges
from models.data import Distortion, LabelledImages, distort
from models.heads import HeadLoss, multilevel_cross_entropy
from models.network import SwitchableNetwork
from models.sandwich import sandwich_loss


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    `float_epochs` come first, `joint_epochs` after; the learning rate falls along a cosine in
    each. `level_weights` weighs the cross entropy of each level; `mixes` random plans join each
    sandwich step; ranges are calibrated anew every `range_epochs`.
    """

    seed: int
    float_epochs: int
    joint_epochs: int
    batch: int
    float_rate: float
    joint_rate: float
    weight_decay: float
    level_weights: Mapping[str, float]
    distortion: Distortion
    mixes: int = 2
    range_epochs: int = 5

    def __post_init__(self) -> None:
        for field in ("float_epochs", "batch", "range_epochs", "float_rate", "joint_rate"):
            if getattr(self, field) <= 0:
                raise ValueError(f"{field} is {getattr(self, field)}, expected above 0")
        for field in ("joint_epochs", "mixes", "weight_decay"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} is {getattr(self, field)}, expected 0 or more")


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Make torch on a CPU repeat itself: one thread, seeded, deterministic; undone afterwards.

    A GPU has no such way of some operations: torch warns of each.
    """
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


def train(
    build: Callable[[], SwitchableNetwork],
    data: LabelledImages,
    *,
    tree: LabelTree,
    recipe: Recipe,
    progress: Callable[[str], None],
) -> SwitchableNetwork:
    """Build a network and train it; the same recipe on the same machine gives the same network.

    Parameters
    ----------
    build
        Returns a network with random weights.
    data
        Training images.
    tree
        The labels and their levels.
    recipe
        How to train.
    progress
        Called with one line now and then.
    """
    with reproducible(recipe.seed):
        network = build()
        run = _Run(network, data, tree, recipe, progress)
        run.epochs("float", recipe.float_epochs, recipe.float_rate, run.float_loss)
        run.epochs("joint", recipe.joint_epochs, recipe.joint_rate, run.sandwich_loss)
        network.set_plan(None)
        return network.eval()


class _Run:
    """The state of one training run."""

    def __init__(
        self,
        network: SwitchableNetwork,
        data: LabelledImages,
        tree: LabelTree,
        recipe: Recipe,
        progress: Callable[[str], None],
    ) -> None:
        self.network, self.data, self.tree, self.recipe = network, data, tree, recipe
        self.progress = progress
        self.rng = np.random.default_rng(recipe.seed)
        self.mixes = random.Random(recipe.seed)

    def epochs(
        self, phase: str, count: int, rate: float, loss_of: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        """Train for some epochs with a fresh optimiser."""
        optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=rate, weight_decay=self.recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(count, 1))
        self.network.train()
        for epoch in range(count):
            if phase == "joint" and epoch % self.recipe.range_epochs == 0:
                calibrate_ranges(self.network, self.data.images)
            total = 0.0
            for images, labels in self._batches():
                optimiser.zero_grad()
                loss = loss_of(images, labels)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                total += float(loss.detach()) * len(labels)
            schedule.step()
            if (epoch + 1) % 10 == 0 or epoch + 1 == count:
                self.progress(f"{phase} {epoch + 1}/{count}: loss {total / len(self.data):.4f}")

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch of distorted batches in a random order."""
        images = distort(self.data.images, self.recipe.distortion, rng=self.rng)
        order = self.rng.permutation(len(images))
        for start in range(0, len(order), self.recipe.batch):
            index = order[start : start + self.recipe.batch]
            yield torch.from_numpy(images[index]), torch.from_numpy(self.data.labels[index])

    def float_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy in plain float."""
        self.network.set_plan(None)
        return self._cross_entropy(self.network.head_real(images), labels)

    def sandwich_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """All-16 against the labels; all-8 and random mixes against all-16."""
        return sandwich_loss(
            self.network,
            images,
            labels,
            loss=HeadLoss(self.tree, self._cross_entropy),
            mixes=self.recipe.mixes,
            seed=self.mixes.getrandbits(32) if self.recipe.mixes else 0,
        )

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        return multilevel_cross_entropy(
            logits, labels, tree=self.tree, weights=self.recipe.level_weights
        )
