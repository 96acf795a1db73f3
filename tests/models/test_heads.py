import math

import pytest
import torch

from adaptive.labels import LabelTree
from models.heads import distillation, level_log_probabilities, multilevel_cross_entropy

TREE = LabelTree(("a", "b", "c"), ("leaf", "group"), (("x",), ("x",), ("y",)))


def test_log_probabilities_of_a_level_are_logs_of_sums() -> None:
    p = torch.tensor([[0.2, 0.3, 0.5]])
    group = level_log_probabilities(p.log(), TREE, "group").exp()
    torch.testing.assert_close(group, torch.tensor([[0.5, 0.5]]))


def test_the_loss_is_the_weighted_sum_over_levels() -> None:
    p = torch.tensor([[0.2, 0.3, 0.5]])
    loss = multilevel_cross_entropy(
        p.log(), torch.tensor([1]), tree=TREE, weights={"leaf": 1.0, "group": 0.5}
    )
    assert loss.item() == pytest.approx(-math.log(0.3) - 0.5 * math.log(0.5), rel=1e-6)


def test_an_answer_in_the_right_group_costs_no_coarse_loss() -> None:
    logits = torch.tensor([[100.0, 0.0, 0.0]], requires_grad=True)
    loss = multilevel_cross_entropy(logits, torch.tensor([1]), tree=TREE, weights={"group": 1.0})
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_distillation_is_zero_for_equals_and_teaches_only_the_student() -> None:
    student = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
    teacher = torch.tensor([[2.0, 1.0, 0.0]], requires_grad=True)
    assert distillation(student, student).item() == pytest.approx(0.0, abs=1e-7)
    distillation(student, teacher).backward()
    assert student.grad is not None
    assert teacher.grad is None


def test_distillation_is_the_divergence_by_hand() -> None:
    student, teacher = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
    expected = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert distillation(student, teacher).item() == pytest.approx(expected, rel=1e-6)
