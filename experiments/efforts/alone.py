"""Nested widths held against networks of the same width that were trained alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adaptive.artifact import Artifact
from adaptive.cost import macs_of
from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.measured import MeasuredEffort
from adaptive.precision import Effort, PrecisionPlan
from adaptive.proportion import paired_difference
from experiments.efforts.answered import Answered, uniform_efforts

MEASURED = Path(__file__).with_suffix(".json")
"""What the networks trained alone gave on the calibration images, by nested network and width."""


@dataclass(frozen=True, slots=True)
class AloneRow:
    """One width of a nested network and the network of that width trained alone, on test images.

    Attributes
    ----------
    nested, alone
        Share of right answers at the leaves [0..1].
    difference, low, high
        Of the two, image by image, and its 95 % interval [0..1].
    """

    artifact: str
    effort: str
    macs: int
    nested: float
    alone: float
    difference: float
    low: float
    high: float


def width_of(nested: Artifact, alone: Artifact) -> float:
    """Return the nested width that costs what a network costs; raises ConfigError if none does."""

    def macs(network: Artifact, width: float) -> int:
        plan = PrecisionPlan.uniform(network.layers, network.bits[0])
        return macs_of(network, Effort(plan, width))

    for width in nested.widths:
        if nested.layers == alone.layers and macs(nested, width) == macs(alone, 1.0):
            return width
    raise ConfigError(
        f"{alone.name}: {macs(alone, 1.0):,} multiply-accumulates in layers {alone.layers} are "
        f"those of no width of {nested.name}"
    )


def alone_rows(
    nested: Artifact,
    found: Mapping[Effort, Answered],
    alone: Artifact,
    found_alone: Mapping[Effort, Answered],
) -> Iterator[AloneRow]:
    """Yield a row for each uniform precision, on the same images."""
    width, leaf = width_of(nested, alone), nested.labels.levels[0]
    for effort in uniform_efforts(alone):
        if effort.head != "leaf":
            continue
        inside = replace(effort, width=width)
        one, other = found[inside].right[leaf], found_alone[effort].right[leaf]
        yield AloneRow(
            nested.name,
            inside.code,
            macs_of(nested, inside),
            float(one.mean()),
            float(other.mean()),
            *paired_difference(one, other),
        )


def note_alone(nested: Artifact, alone: Sequence[Artifact], path: Path = MEASURED) -> None:
    """Write down what networks trained alone gave on the calibration images."""
    noted = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    noted[nested.name] = {
        f"{width_of(nested, one):g}": {
            entry.effort.plan.code: {"images": entry.images, "correct": dict(entry.correct)}
            for entry in one.measured
            if entry.effort in uniform_efforts(one) and entry.effort.head == "leaf"
        }
        for one in alone
    }
    text = json.dumps(noted, indent=1, sort_keys=True) + "\n"
    write_atomically(path, text.encode())


def separate_networks(nested: Artifact, path: Path = MEASURED) -> tuple[MeasuredEffort, ...]:
    """Return the widths with the accuracies of separate networks; none where not all are noted.

    What a width costs is the same in both.
    """
    noted = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    of_widths = noted.get(nested.name, {})
    if {f"{width:g}" for width in nested.widths} - set(of_widths):
        return ()
    found = []
    for effort in uniform_efforts(nested):
        entry = of_widths[f"{effort.width:g}"].get(effort.plan.code)
        if effort.head == "leaf" and entry is not None:
            correct = {level: entry["correct"][level] for level in nested.labels.levels}
            found.append(MeasuredEffort(effort, entry["images"], correct))
    return tuple(found)
