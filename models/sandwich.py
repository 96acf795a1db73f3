"""The joint step: one weight set asked for several precision plans at once."""

import random
from collections.abc import Callable, Sequence

from torch import Tensor

from adaptive.precision import PrecisionPlan, random_plans
from models.heads import distillation
from models.network import SwitchableNetwork


def sandwich_loss(
    network: SwitchableNetwork,
    images: Tensor,
    *,
    loss_of: Callable[[Tensor], Tensor],
    mixes: int,
    seed: int,
    pool: Sequence[PrecisionPlan] = (),
) -> Tensor:
    """Ask the widest plan for the labels; the narrower ones and random mixes for its answers.

    Parameters
    ----------
    network
        In training mode; its plan is left at the last one asked.
    images
        uint8, shape (N, H, W, C).
    loss_of
        Loss of the widest plan's logits against the labels.
    mixes
        How many random plans join.
    seed
        Draws them.
    pool
        Plans to draw from, such as those a search found; any by default.
    """
    layers, bits = network.layers, network.bits
    network.set_plan(PrecisionPlan.uniform(layers, bits[0]))
    teacher = network.head_real(images)
    loss = loss_of(teacher)
    plans = [PrecisionPlan.uniform(layers, narrow) for narrow in bits[1:]]
    if mixes and pool:
        plans += random.Random(seed).sample(list(pool), min(mixes, len(pool)))
    elif mixes:
        plans += random_plans(layers, mixes, seed=seed, bits=bits)
    for plan in plans:
        network.set_plan(plan)
        loss = loss + distillation(network.head_real(images), teacher) / len(plans)
    return loss
