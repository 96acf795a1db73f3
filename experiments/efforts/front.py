"""What efforts buy beyond bits: the front over both against the front over bits alone."""

from collections.abc import Iterator, Mapping

from adaptive.artifact import Artifact
from adaptive.cost_table import CostTable, Objective
from adaptive.pareto import hypervolume
from adaptive.precision import Effort
from experiments.efforts.answered import Answered
from experiments.metric import Metric

LOSSES = (0.005, 0.01, 0.02, 0.04)
"""Accuracy lost against the best [0..1]."""

FLOOR = 0.1
"""Loss at which the hypervolume ends [0..1]."""


def front_figures(
    artifact: Artifact, found: Mapping[Effort, Answered], costs: CostTable
) -> Iterator[Metric]:
    """Yield energies at some losses and hypervolumes, over bits alone and over all efforts.

    Hypervolumes are shares of the box from no energy to that of the dearest effort, and from the
    best accuracy at the leaves down by 0.1.
    """
    level = artifact.labels.levels[0]
    gain = {
        effort: float(answers.right[level].mean())
        for effort, answers in found.items()
        if level in answers.right
    }
    energy_j = {effort: costs.of(effort, Objective.ENERGY) for effort in gain}
    of_bits = {e for e in gain if e.width == 1.0 and e.head == "leaf"}
    best, most_j = max(gain.values()), max(energy_j.values())
    for name, members in (("bits", of_bits), ("efforts", set(gain))):
        for loss in LOSSES:
            fitting = [energy_j[e] for e in members if gain[e] >= best - loss - 1e-12]
            if fitting:
                metric = f"{artifact.name} {name} energy at {100 * loss:g} points"
                yield Metric(metric, min(fitting), "J")
        ordered = sorted(members, key=lambda effort: effort.code)
        volume = hypervolume(
            [energy_j[e] for e in ordered],
            [gain[e] for e in ordered],
            most_cost=most_j * (1 + 1e-9),
            least_gain=best - FLOOR,
        )
        yield Metric(f"{artifact.name} {name} hypervolume", volume / (most_j * FLOOR), "1")
