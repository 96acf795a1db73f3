"""Losses over the levels of a label tree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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


LEAF = "leaf"
"""The head that every network has."""


@dataclass(frozen=True, slots=True)
class HeadLoss:
    """The loss of all heads together; answers are logits (N, nodes) by head.

    Parameters
    ----------
    tree
        The labels and their levels.
    leaf
        Loss of the leaf head's logits and labels.
    levels
        Level at which each other head answers.
    """

    tree: LabelTree
    leaf: Callable[[Tensor, Tensor], Tensor]
    levels: Mapping[str, str] = field(default_factory=dict)

    def of_labels(self, answers: Mapping[str, Tensor], labels: Tensor) -> Tensor:
        """Compare answers with the leaf index of each image, shape (N,)."""
        loss = self.leaf(answers[LEAF], labels)
        for head, level in self.levels.items():
            nodes = torch.from_numpy(self.tree.ancestors(level)).to(labels.device)
            loss = loss + functional.cross_entropy(answers[head], nodes[labels])
        return loss

    def of_teacher(self, answers: Mapping[str, Tensor], teacher: Tensor) -> Tensor:
        """Compare answers with a teacher's leaf logits, which get no gradient."""
        loss = distillation(answers[LEAF], teacher)
        for head, level in self.levels.items():
            nodes = level_log_probabilities(teacher, self.tree, level)
            loss = loss + distillation(answers[head], nodes)
        return loss
