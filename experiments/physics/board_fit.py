"""A board file from a fitted model: the base board with the thermal network of the fit."""

from pathlib import Path

import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray

from adaptive.board_file import BoardFile
from adaptive.plant import Plant
from dvfs.opp import Opp
from experiments.physics.traces import BoardTrace
from thermal.identify.identify import Identified
from thermal.identify.ladder import foster_to_ladder

Array = NDArray[np.float64]

# Ties the nodes that one sensor cannot tell apart: 10 mK at 1 W.
_TIE_K_PER_W = 0.01
_LEAK_DEGC = 60.0


def estimate_power_w(plant: Plant, trace: BoardTrace) -> tuple[Array, Array]:
    """Return what the board's own power model says flowed: all but leakage, and leakage at 60 degC.

    All clusters get the utilisation of the whole; each printed clock goes to the island whose
    fastest OPP is nearest to the highest clock printed; islands without one run at their fastest.

    Returns
    -------
    tuple of ndarray
        Power [W], each of shape (n,).
    """
    settings = _settings(plant, trace)
    voltage, frequency = plant.block_arrays(settings)
    busy = plant.utilisation_array(
        [{cluster.name: float(u) for cluster in plant.clusters} for u in trace.utilisation]
    )
    temps = np.full(len(plant.network.nodes), _LEAK_DEGC)
    total = plant.node_power(voltage, frequency, utilisation=busy, temps_degc=temps).sum(axis=1)
    still = plant.node_power(
        voltage, np.zeros_like(frequency), utilisation=0.0 * busy, temps_degc=temps
    )
    leaked = still.sum(axis=1) - sum(plant.constant_w.values())
    return np.asarray(total - leaked), np.asarray(leaked)


def _settings(plant: Plant, trace: BoardTrace) -> list[dict[str, Opp]]:
    islands = {name: plant.islands.named(name).table for name in plant.islands.names}
    clocks = {
        name: np.full(len(trace.time_s), t.fastest.frequency_hz) for name, t in islands.items()
    }
    free = set(islands)
    for column in trace.clocks_hz.T:
        if not free or not np.isfinite(column).any():
            continue
        highest = float(np.nanmax(column))
        name = min(sorted(free), key=lambda n: abs(islands[n].fastest.frequency_hz - highest))
        free.discard(name)
        clocks[name] = np.where(np.isfinite(column), column, highest)
    return [
        {name: islands[name].at_most(float(column[i])) for name, column in clocks.items()}
        for i in range(len(trace.time_s))
    ]


def fitted_board(
    base: BoardFile, plant: Plant, found: Identified, *, source: str, metered: bool
) -> dict[str, object]:
    """Return the content of a board file with the fitted network in place of the base board's.

    One sensor tells of one place: all power blocks and zones are tied to the ladder's first node,
    among which its capacity is shared out.

    Raises
    ------
    ValueError
        If the fit has no ladder.
    """
    model = found.fit.model
    capacity, resistance = foster_to_ladder(float(model.gain[0]) * model.share, model.tau_s)
    tied = [node for node in plant.network.nodes if node in _needed(base)]
    chain = [f"stage{i + 1}" for i in range(len(capacity))]
    part = float(capacity[0]) / (len(tied) + 1)
    held = found.held_out
    about = {
        "source": source,
        "confidence": "B" if metered and found.excitation.excited else "D",
        "uncertainty": (
            f"held-out free-run error {held.rms_k:.2f} K, hold-last {held.hold_rms_k:.2f} K; "
            + ("" if metered else "scale rests on the base board's power model; ")
            + ("excited" if found.excitation.excited else "; ".join(found.excitation.reasons))
        ),
    }
    capacities = [{"name": node, "capacitance_j_per_k": part} for node in [*tied, chain[0]]]
    capacities += [
        {"name": node, "capacitance_j_per_k": float(c)}
        for node, c in zip(chain[1:], capacity[1:], strict=True)
    ]
    links = [{"between": [node, chain[0]], "resistance_k_per_w": _TIE_K_PER_W} for node in tied]
    links += [
        {"between": [near, far], "resistance_k_per_w": float(r)}
        for near, far, r in zip(chain, chain[1:], resistance, strict=False)
    ]
    content: dict[str, object] = msgspec.to_builtins(base)
    content["name"] = f"{base.name}-fitted"
    content["title"] = f"{base.title}; thermal network fitted to a trace"
    content["thermal"] = {
        "capacities": [{**about, "nodes": capacities}],
        "links": [{**about, "links": links}],
        "to_ambient": [{**about, "node": chain[-1], "resistance_k_per_w": float(resistance[-1])}],
    }
    return content


def _needed(base: BoardFile) -> set[str]:
    blocks = {block for entry in base.power for block in entry.blocks}
    zones = {zone.node for entry in base.sensors for zone in entry.zones}
    return blocks | zones | {entry.node for entry in base.constant}


def write_board(content: dict[str, object], path: Path) -> None:
    """Write a board file; an existing one is replaced."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
