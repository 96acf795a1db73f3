"""What a node of a traced network does, said as a torch module, however it was written."""

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

# Functions and methods that do what a module does, with the same further arguments.
_AS_MODULES: dict[Any, type[nn.Module]] = {
    functional.relu: nn.ReLU,
    torch.relu: nn.ReLU,
    "relu": nn.ReLU,
    "relu_": nn.ReLU,
    functional.relu6: nn.ReLU6,
    functional.max_pool2d: nn.MaxPool2d,
    torch.max_pool2d: nn.MaxPool2d,
    functional.avg_pool2d: nn.AvgPool2d,
    functional.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d,
    torch.flatten: nn.Flatten,
    "flatten": nn.Flatten,
}
_NOTHING = (functional.dropout, "contiguous", "clone", "detach")
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_JOINS = (torch.cat, torch.concat, torch.concatenate)


class Sum(nn.Module):
    """The sum of two signals; only a sign that a node adds."""


class Join(nn.Module):
    """Signals side by side along the channels; only a sign that a node joins."""


def operation(node: fx.Node, modules: dict[str, nn.Module]) -> nn.Module | None:
    """Return the module that does what a node does, or None if none is known."""
    if node.op == "call_module":
        return modules[str(node.target)]
    if node.op not in ("call_function", "call_method"):
        return None
    if node.target in _NOTHING:
        return nn.Identity()
    if node.target in _SUMS:
        return None if node.kwargs else Sum()
    if node.target in _JOINS:
        return Join() if _dimension(node) in (1, -3) else None
    if node.target in ("mean", torch.mean):
        return nn.AdaptiveAvgPool2d(1) if _is_over_positions(node) else None
    known = _AS_MODULES.get(node.target)
    try:
        # torch cannot say which arguments a constructor takes; it refuses the others.
        return None if known is None else known(*node.args[1:], **node.kwargs)
    except TypeError:
        return None


def _dimension(node: fx.Node) -> Any:
    """Return the dimension that a node joins along."""
    return node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)


def _is_over_positions(node: fx.Node) -> bool:
    """Return whether a mean is taken over height and width."""
    over = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    dims = over if isinstance(over, list | tuple) else (over,)
    return {d % 4 for d in dims if isinstance(d, int)} == {2, 3} and len(dims) == 2


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Return height and width where torch takes one number or both."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def plain_name(target: object) -> str:
    """Name a function or a method."""
    return str(getattr(target, "__name__", target))
