"""Losses over the levels of a label tree."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from adaptive.labels import LabelTree


def level_log_probabilities(logits: Tensor, tree: LabelTree, level: str) -> Tensor:
    """Marginalise leaf logits (N, leaves) to log probabilities of a level's nodes, (N, nodes)."""
    log_p = functional.log_softmax(logits, dim=1)
    if level == tree.levels[0]:
        return log_p
    member = torch.from_numpy(tree.membership(level)).to(logits.device).bool()  # (leaves, nodes)
    spread = log_p.unsqueeze(2).masked_fill(~member, -torch.inf)  # (N, leaves, nodes)
    return torch.logsumexp(spread, dim=1)


def multilevel_cross_entropy(
    logits: Tensor, labels: Tensor, *, tree: LabelTree, weights: Mapping[str, float]
) -> Tensor:
    """Sum the cross entropies of levels by weight; labels are leaves, shape (N,)."""
    loss = logits.new_zeros(())
    for level, weight in weights.items():
        ancestors = torch.from_numpy(tree.ancestors(level)).to(labels.device)
        log_p = level_log_probabilities(logits, tree, level)
        loss = loss + weight * functional.nll_loss(log_p, ancestors[labels])
    return loss


def distillation(logits: Tensor, teacher: Tensor) -> Tensor:
    """Compute the mean KL divergence from a teacher's answers, which get no gradient [nat]."""
    return functional.kl_div(
        functional.log_softmax(logits, dim=1),
        functional.log_softmax(teacher.detach(), dim=1),
        reduction="batchmean",
        log_target=True,
    )
