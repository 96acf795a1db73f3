"""Layers that switch together: single ones, blocks between cuts, stages, or as many as wanted."""

from collections.abc import Sequence
from typing import Literal

from adaptive.artifact import Artifact
from adaptive.errors import ConfigError
from adaptive.graph import Conv2d

Groups = tuple[tuple[str, ...], ...]
Grouping = Literal["layer", "block", "stage"]


def group_layers(artifact: Artifact, grouping: Grouping) -> Groups:
    """Group a network's layers.

    Parameters
    ----------
    artifact
        The network.
    grouping
        ``"layer"``: each on its own. ``"block"``: what lies between two places where a single
        signal flows, such as a residual block; a depthwise layer goes with the layer after it.
        ``"stage"``: blocks in a row whose outputs have the same height and width.
    """
    if grouping == "layer":
        return tuple((layer,) for layer in artifact.layers)
    blocks = _with_depthwise(artifact, _between_cuts(artifact))
    return blocks if grouping == "block" else _stages(artifact, blocks)


def merge_groups(artifact: Artifact, groups: Groups, count: int) -> Groups:
    """Join neighbours, the smallest pair in multiply-accumulates first, until `count` are left.

    Raises
    ------
    ConfigError
        If fewer than one group is asked for.
    """
    if count < 1:
        raise ConfigError(f"--groups is {count}, expected 1 or more")
    macs = {work.name: work.macs for work in artifact.work}
    merged = list(groups)

    def work(position: int) -> int:
        return sum(macs[layer] for layer in (*merged[position], *merged[position + 1]))

    while len(merged) > count:
        at = min(range(len(merged) - 1), key=work)
        merged[at : at + 2] = [(*merged[at], *merged[at + 1])]
    return tuple(merged)


def _between_cuts(artifact: Artifact) -> Groups:
    """Cut the graph wherever a single signal is alive."""
    last_read = {
        name: position for position, node in enumerate(artifact.graph) for name in node.inputs
    }
    groups: list[list[str]] = [[]]
    alive: set[str] = {"input"}
    for position, node in enumerate(artifact.graph):
        alive = {name for name in alive if last_read.get(name, -1) > position} | {node.name}
        if node.name in artifact.layers:
            groups[-1].append(node.name)
        if len(alive) == 1 and groups[-1]:
            groups.append([])
    return tuple(tuple(group) for group in groups if group)


def _with_depthwise(artifact: Artifact, groups: Groups) -> Groups:
    """Put a depthwise layer that is alone into the group after it."""
    joined: list[tuple[str, ...]] = []
    waiting: tuple[str, ...] = ()
    for group in groups:
        waiting = (*waiting, *group)
        if len(group) > 1 or not _is_depthwise(artifact, group[0]):
            joined.append(waiting)
            waiting = ()
    return (*joined, waiting) if waiting else tuple(joined)


def _is_depthwise(artifact: Artifact, layer: str) -> bool:
    """Tell whether each channel of a layer reads one channel only."""
    node = next(node for node in artifact.switchable if node.name == layer)
    return isinstance(node, Conv2d) and 1 < node.groups == artifact.signals[node.inputs[0]].shape[2]


def _stages(artifact: Artifact, blocks: Groups) -> Groups:
    """Join blocks in a row that write maps of one size."""
    stages: list[tuple[str, ...]] = []
    sizes: list[tuple[int, ...]] = []
    for block in blocks:
        size = _map_size(artifact, block)
        if sizes and sizes[-1] == size:
            stages[-1] = (*stages[-1], *block)
        else:
            stages.append(block)
            sizes.append(size)
    return tuple(stages)


def _map_size(artifact: Artifact, block: Sequence[str]) -> tuple[int, ...]:
    """Return the height and width of what a block's last layer writes; () for features."""
    return artifact.signals[block[-1]].shape[:-1]
