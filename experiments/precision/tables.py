"""The figures of some networks as tables for people."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from adaptive.artifact import Artifact
from adaptive.levels import Ladder
from experiments.docs import markdown_table
from experiments.precision.config import PrecisionConfig
from experiments.precision.figures import Network

LOGS = Path(__file__).parents[1] / "logs"


def tables(networks: Sequence[Network], config: PrecisionConfig) -> Mapping[str, str]:
    """Return every table in Markdown, by the name of its markers."""
    return {
        "precision": precision_table(networks),
        "levels": level_table(networks),
        "coverage": coverage_table(networks, config),
        "training": training_table(networks),
    }


def _name(network: Network) -> str:
    """Name a network and its arithmetic."""
    arithmetic = network.prefix.strip("_").replace("_", ", ")
    return f"{network.artifact.name} ({arithmetic})" if arithmetic else network.artifact.name


def precision_table(networks: Sequence[Network]) -> str:
    """Tabulate accuracy at the leaves: float, the uniform plans, the worst random one."""
    rows = []
    for network in networks:
        plain, full, half = (network.right(plan) for plan in (None, network.all16, network.all8))
        cells = [
            _name(network),
            network.share("float", plain).cell,
            network.share("all-16", full).cell,
            network.share("all-8", half).cell,
            network.difference("", half, full).cell,
        ]
        if network.random:
            worst = network.right(network.worst)
            cells += [
                network.share("", worst).cell,
                network.difference("", worst, half).cell,
                str(len(network.random)),
            ]
        else:
            cells += ["", "", ""]
        found = network.predictions.agreement
        cells.append(f"{found.differing} ({found.plans} plans, {found.images} images)")
        rows.append(cells)
    header = (
        "network", "float %", "all-16 %", "all-8 %", "all-8 less all-16, points",
        "worst random plan %", "less all-8, points", "random plans", "codes torch gives otherwise",
    )  # fmt: skip
    return markdown_table(header, rows)


def level_table(networks: Sequence[Network]) -> str:
    """Tabulate accuracy at every level: summed probabilities beside the best leaf mapped upward."""
    rows = []
    for network in networks:
        for level in network.artifact.labels.levels:
            for plan in (network.all16, network.all8):
                summed = network.right(plan, level=level, mapped=False)
                mapped = network.right(plan, level=level)
                rows.append(
                    [
                        _name(network),
                        level,
                        str(len(network.artifact.labels.nodes(level))),
                        plan.code,
                        network.share("", summed).cell,
                        network.share("", mapped).cell,
                        network.difference("", summed, mapped).cell,
                    ]
                )
    header = ("network", "level", "nodes", "plan", "summed %", "mapped %", "difference, points")
    return markdown_table(header, rows)


def coverage_table(networks: Sequence[Network], config: PrecisionConfig) -> str:
    """Tabulate how level choice keeps its promise, and what its answers tell."""
    rows = []
    for network in networks:
        if not network.random:
            continue
        most = float(Ladder(network.artifact.labels).information_bits.max())
        hedged = {(entry.plan, entry.alpha): entry for entry in network.predictions.hedged}
        for promise in network.promises(config):
            for study in promise.studies:
                covered, told = study.conformal.mean
                least, greatest = min(study.conformal.coverage), max(study.conformal.coverage)
                other = hedged.get((promise.plan.code, study.alpha))
                rows.append(
                    [
                        _name(network),
                        promise.name,
                        f"{100 * (1 - study.alpha):g}",
                        f"{100 * covered:.2f} ({100 * least:.2f} .. {100 * greatest:.2f})",
                        f"{100 * study.coverage_gap:+.2f}",
                        f"{told:.3f} of {most:.2f}",
                        f"{100 * other.coverage:.2f}" if other else "",
                        f"{other.information_bits:.3f}" if other else "",
                    ]
                )
    header = (
        "network", "plan", "promised %", "covered %", "gap, points", "told, bits",
        "hedging: covered %", "told, bits",
    )  # fmt: skip
    return markdown_table(header, rows)


def training_table(networks: Sequence[Network]) -> str:
    """Tabulate how each network was made, from its provenance and its log."""
    rows = []
    for artifact in {network.artifact.name: network.artifact for network in networks}.values():
        facts = artifact.provenance
        rows.append(
            [
                artifact.name,
                f"`{facts.get('command', '')}`",
                str(facts.get("seed", "")),
                f"{facts.get('float_epochs', '')} + {facts.get('joint_epochs', '')}",
                f"{sum(layer.macs for layer in artifact.work) / 1e6:.1f}",
                f"{sum(layer.weights for layer in artifact.work) / 1e3:.1f}",
                _processor_hours(artifact),
                artifact.checksum[:12],
            ]
        )
    header = (
        "network", "command", "seed", "epochs, float + joint", "MMAC", "thousand weights",
        "processor hours", "checksum",
    )  # fmt: skip
    return markdown_table(header, rows)


def _processor_hours(artifact: Artifact) -> str:
    """Add up the processor time of both phases; empty without a log."""
    path = LOGS / f"{artifact.name}.csv"
    if not path.is_file():
        return ""
    spent: dict[str, float] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            # Counted from the beginning of a phase; a line without it says nothing.
            spent[row["phase"]] = max(spent.get(row["phase"], 0.0), float(row["cpu_s"] or 0.0))
    return f"{sum(spent.values()) / 3600:.2f}"
