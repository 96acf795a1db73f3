"""What efforts buy beyond bits: the front over both against the front over bits alone."""

from collections.abc import Iterator, Mapping

from adaptive.artifact import Artifact
from adaptive.cost_table import CostTable, Objective
from adaptive.pareto import hypervolume
from adaptive.precision import Effort
from experiments.efforts.answered import Answered
from experiments.efforts.escalations import LOSSES, played, with_share
from experiments.metric import Metric

FLOOR = 0.1
"""Loss at which the hypervolume ends [0..1]."""


def front_figures(
    artifact: Artifact, found: Mapping[Effort, Answered], costs: CostTable
) -> Iterator[Metric]:
    """Yield energies at some losses and hypervolumes, over bits, all efforts, and escalations too.

    Escalations are the artifact's, with the shares that go on on these images. Hypervolumes are
    shares of the box from no energy to that of the dearest effort, and from the best accuracy at
    the leaves down by 0.1.
    """
    level = artifact.labels.levels[0]
    gain = {
        effort: float(answers.right[level].mean())
        for effort, answers in found.items()
        if level in answers.right
    }
    of_bits = {e for e in gain if e.width == 1.0 and e.head == "leaf"}
    plain = set(gain)
    for entry in artifact.measured:
        if entry.effort.onward is not None and level in entry.correct:
            right, went_on = played(entry.effort, level, found)
            gain[with_share(entry.effort, float(went_on.mean()))] = float(right.mean())
    energy_j = {effort: costs.of(effort, Objective.ENERGY) for effort in gain}
    best, most_j = max(gain[e] for e in plain), max(energy_j[e] for e in plain)
    sets = {"bits": of_bits, "efforts": plain, "efforts and escalations": set(gain)}
    for name, members in sets.items():
        for loss in LOSSES[1:]:
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
