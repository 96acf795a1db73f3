"""The joint step: one weight set asked for several plans, widths and heads at once."""

import random
from collections.abc import Sequence

from torch import Tensor

from adaptive.precision import PrecisionPlan, random_plans
from models.heads import LEAF, HeadLoss
from models.network import SwitchableNetwork


def sandwich_loss(
    network: SwitchableNetwork,
    images: Tensor,
    labels: Tensor,
    *,
    loss: HeadLoss,
    mixes: int,
    seed: int,
    pool: Sequence[PrecisionPlan] = (),
) -> Tensor:
    """Ask the dearest effort for the labels; narrower plans and widths for its leaf answers.

    Where there are widths, the narrowest joins at the least bits and another one at a random plan.

    Parameters
    ----------
    network
        In training mode; its plan is left at the last one asked, its width at the full one.
    images, labels
        uint8, shape (N, H, W, C), and leaf indices, shape (N,).
    loss
        Of the answers of all heads.
    mixes
        How many random plans join.
    seed
        Draws them.
    pool
        Plans to draw from, such as those a search found; any by default.
    """
    layers, bits = network.layers, network.bits
    draws = random.Random(seed)
    network.set_plan(PrecisionPlan.uniform(layers, bits[0]))
    answers = network.answers(images)
    teacher = answers[LEAF]
    total = loss.of_labels(answers, labels)
    plans = [PrecisionPlan.uniform(layers, narrow) for narrow in bits[1:]]
    if mixes and pool:
        plans += draws.sample(list(pool), min(mixes, len(pool)))
    elif mixes:
        plans += random_plans(layers, mixes, seed=seed, bits=bits)
    for plan in plans:
        network.set_plan(plan)
        total = total + loss.of_teacher(network.answers(images), teacher) / len(plans)
    narrow_widths = network.widths[1:]
    asked = [(narrow_widths[-1], PrecisionPlan.uniform(layers, bits[-1]))] if narrow_widths else []
    if len(narrow_widths) > 1:
        (mix,) = random_plans(layers, 1, seed=seed + 1, bits=bits)
        asked.append((draws.choice(narrow_widths[:-1]), mix))
    for width, plan in asked:
        network.set_width(width)
        network.set_plan(plan)
        total = total + loss.of_teacher(network.answers(images), teacher) / len(asked)
    network.set_width(1.0)
    return total
