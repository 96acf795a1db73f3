"""What a node or a head of a network needs, and what two parts of an effort have in common."""

from collections.abc import Mapping
from dataclasses import dataclass

from adaptive.artifact import Artifact
from adaptive.precision import Effort

Reached = Mapping[str, frozenset[str]]
"""Layers that each head needs."""


@dataclass(frozen=True, slots=True)
class Cone:
    """What a node descends from, itself included: names of nodes, positions of layers."""

    nodes: frozenset[str]
    layers: tuple[int, ...]


def cones(artifact: Artifact) -> dict[str, Cone]:
    """Return the cone of every node."""
    above: dict[str, frozenset[str]] = {"input": frozenset()}
    for node in artifact.graph:
        above[node.name] = frozenset({node.name}).union(*(above[name] for name in node.inputs))
    return {
        node.name: Cone(
            above[node.name],
            tuple(k for k, layer in enumerate(artifact.layers) if layer in above[node.name]),
        )
        for node in artifact.graph
    }


def reached_layers(artifact: Artifact) -> dict[str, frozenset[str]]:
    """Return the layers that run for each head."""
    found = cones(artifact)
    return {
        head: frozenset(artifact.layers[k] for k in found[node].layers)
        for head, node in artifact.heads.items()
    }


def shared_layers(effort: Effort, reached: Reached) -> frozenset[str]:
    """Return the layers that need not run again where an effort goes on; none if it never does."""
    then = None if effort.onward is None else effort.onward.effort
    if then is None or effort.width != then.width:
        return frozenset()
    both = reached[effort.head] & reached[then.head]
    alike = all(effort.plan.bits_of(layer) == then.plan.bits_of(layer) for layer in both)
    return both if alike else frozenset()
