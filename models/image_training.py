"""How a network of the zoo learns: first plain float, then jointly at all precisions.

The float phase is stochastic gradient descent with one cycle of the learning rate; the joint phase
("sandwich") goes on with the converted network, its batch norm folded, at a low rate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from adaptive.errors import ConfigError
from adaptive.labels import LabelTree
from adaptive.precision import PrecisionPlan
from models.augment import CroppedBatches
from models.calibrate import calibrate_ranges
from models.data import LabelledImages, Pixels
from models.heads import HeadLoss, multilevel_cross_entropy
from models.network import SwitchableNetwork
from models.phase import EpochReport, Phase
from models.sandwich import sandwich_loss

CHUNK = 500
Report = Callable[[EpochReport], None]


@dataclass(frozen=True, slots=True)
class FloatRecipe:
    """How to train in float.

    The learning rate rises to `peak_rate` over `warm_share` of all batches and falls to almost
    nothing, along cosines. `weight_decay` acts on weights, not on biases and batch norm. `margin`
    is how far images are moved, `mirror` whether they are mirrored. `level_weights` weighs the
    cross entropy of each level of the label tree; the leaves alone if there are none. `bfloat16`
    computes products in that type, twice as fast where the processor has it; weights stay float32.
    Of nested widths, `drawn_widths` of those between the widest and the narrowest join each step;
    `narrow_weight` weighs the loss of every width but the widest.
    """

    seed: int
    epochs: int
    batch: int
    peak_rate: float
    weight_decay: float
    warm_share: float = 0.15
    momentum: float = 0.9
    margin: int = 4
    level_weights: Mapping[str, float] | None = None
    bfloat16: bool = False
    mirror: bool = True
    drawn_widths: int = 1
    narrow_weight: float = 1.0

    def __post_init__(self) -> None:
        _above_zero(self, "epochs", "batch", "peak_rate", "narrow_weight")
        if self.drawn_widths < 0:
            raise ValueError(f"drawn_widths is {self.drawn_widths}, expected 0 or more")


@dataclass(frozen=True, slots=True)
class JointRecipe:
    """How to train at all precisions at once; no epochs leave the converted network as it is.

    AdamW at `rate`, falling along a cosine; `mixes` random plans join each step; ranges are taken
    from `range_images` calibration images, once, before the first step and after the last.
    `level_weights` and `mirror` are as for the float phase.
    """

    seed: int
    epochs: int
    batch: int
    rate: float
    mixes: int
    range_images: int
    margin: int = 4
    level_weights: Mapping[str, float] | None = None
    mirror: bool = True

    def __post_init__(self) -> None:
        _above_zero(self, "batch", "rate", "range_images")
        if min(self.epochs, self.mixes) < 0:
            raise ValueError(
                f"epochs is {self.epochs} and mixes is {self.mixes}, expected 0 or more"
            )


def _above_zero(recipe: object, *fields: str) -> None:
    """Refuse what must be above zero and is not."""
    for field in fields:
        if getattr(recipe, field) <= 0:
            raise ValueError(f"{field} is {getattr(recipe, field)}, expected above 0")


def best_device() -> torch.device:
    """Return the GPU if torch finds one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def level_loss(
    tree: LabelTree, weights: Mapping[str, float] | None
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of logits (N, leaves) and labels (N,): cross entropies of levels by weight.

    Raises
    ------
    ConfigError
        If a weight is of a level the tree does not have.
    """
    if weights is None:
        return functional.cross_entropy
    for level in weights:
        if level not in tree.levels:
            raise ConfigError(f"level_weights names {level!r}, expected one of {tree.levels}")
    return lambda logits, labels: multilevel_cross_entropy(
        logits, labels, tree=tree, weights=weights
    )


def train_float(
    network: nn.Module,
    data: LabelledImages,
    *,
    tree: LabelTree,
    calibration: LabelledImages,
    recipe: FloatRecipe,
    checkpoint: Path | None,
    report: Report,
) -> None:
    """Train a float network in place, on the device it lies on; resumes from the checkpoint."""
    batches = CroppedBatches(data, batch=recipe.batch, margin=recipe.margin, mirror=recipe.mirror)
    optimiser, schedule = one_cycle(network, recipe, steps=recipe.epochs * len(batches))
    loss_at_levels = level_loss(tree, recipe.level_weights)

    def loss_of(images: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=recipe.bfloat16):
            logits = network(real_images(images))
        return loss_at_levels(logits.float(), labels)

    def score() -> dict[str, float]:
        network.eval()
        return {"float": accuracy(lambda x: network(real_images(x)), calibration, network)}

    Phase(
        "float",
        network,
        optimiser=optimiser,
        schedule=schedule,
        batches=batches,
        rng=np.random.default_rng(recipe.seed),
        checkpoint=checkpoint,
    ).run(recipe.epochs, loss_of, score=score, report=report)


def one_cycle(
    network: nn.Module, recipe: FloatRecipe, *, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Return the optimiser of the float phase and its schedule over so many steps."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    optimiser = torch.optim.SGD(
        [
            {"params": weights, "weight_decay": recipe.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ],
        lr=recipe.peak_rate / 10,
        momentum=recipe.momentum,
        nesterov=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        recipe.peak_rate,
        total_steps=steps,
        pct_start=recipe.warm_share,
        div_factor=10,
        final_div_factor=1000,
    )
    return optimiser, schedule


def train_jointly(
    network: SwitchableNetwork,
    data: LabelledImages,
    *,
    tree: LabelTree,
    calibration: LabelledImages,
    recipe: JointRecipe,
    checkpoint: Path | None,
    report: Report,
    pool: Sequence[PrecisionPlan] = (),
    head_levels: Mapping[str, str] | None = None,
) -> None:
    """Calibrate a converted network and train it in place; resumes from the checkpoint.

    Random plans are drawn from `pool` where it is given; heads answer with leaves, or at their
    level in `head_levels`.
    """
    images = calibration.images[: recipe.range_images]
    calibrate_ranges(network, images)
    if recipe.epochs == 0:
        return
    batches = CroppedBatches(data, batch=recipe.batch, margin=recipe.margin, mirror=recipe.mirror)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs * len(batches))
    rng = np.random.default_rng(recipe.seed)
    loss = HeadLoss(tree, level_loss(tree, recipe.level_weights), head_levels or {})

    def loss_of(images: Tensor, labels: Tensor) -> Tensor:
        return sandwich_loss(
            network,
            images,
            labels,
            loss=loss,
            mixes=recipe.mixes,
            seed=int(rng.integers(2**32)),
            pool=pool,
        )

    Phase(
        "joint",
        network,
        optimiser=optimiser,
        schedule=schedule,
        batches=batches,
        rng=rng,
        checkpoint=checkpoint,
    ).run(recipe.epochs, loss_of, score=lambda: plan_scores(network, calibration), report=report)
    calibrate_ranges(network, images)


def plan_scores(network: SwitchableNetwork, data: LabelledImages) -> dict[str, float]:
    """Score plain float and each uniform plan, those with fake quantisation, which is faster."""
    network.train()
    plans = [PrecisionPlan.uniform(network.layers, bits) for bits in network.bits]
    scores = {}
    for plan in (None, *plans):
        network.set_plan(plan)
        scores["float" if plan is None else plan.code] = accuracy(network.head_real, data, network)
    return scores


def accuracy(answer: Callable[[Tensor], Tensor], data: LabelledImages, network: nn.Module) -> float:
    """Return the share of images whose greatest logit is their label's."""
    device = next(network.parameters()).device
    right = 0
    with torch.no_grad():
        for start in range(0, len(data), CHUNK):
            logits = answer(torch.from_numpy(data.images[start : start + CHUNK]).to(device))
            labels = torch.from_numpy(data.labels[start : start + CHUNK])
            right += int((logits.argmax(dim=1).cpu() == labels).sum())
    return right / len(data)


def real_images(images: Tensor | Pixels) -> Tensor:
    """Turn uint8 images (N, H, W, C) into real ones (N, C, H, W), 0..1, channels last in memory."""
    return torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255
