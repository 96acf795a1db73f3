"""What a HotSpot run gives, as files another program can be held against."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermal.hotspot.case import HotSpotCase
from thermal.hotspot.temperatures import format_temperatures
from thermal.hotspot.text import ZERO_CELSIUS_K
from thermal.network import Matrix, Vector
from thermal.transient import modal_model


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Temperatures of a case, in the block model's node order.

    Attributes
    ----------
    transient_degc
        Before the first sample and after each, shape (samples + 1, 4 n + 12) [degC].
    steady_degc
        Where the trace's mean power settles, shape (4 n + 12,) [degC].
    """

    transient_degc: Matrix
    steady_degc: Vector


def solve(case: HotSpotCase) -> Solution:
    """Return the exact transient and the steady state of a case."""
    model, ambient = case.model, case.config.ambient_degc
    network = model.network()
    fast = modal_model(network, case.config.sampling_s, inputs=case.floorplan.names)
    held = [model.nodes.index(node) for node in network.nodes]
    state = fast.start(case.start_degc[held], ambient)
    temps, _ = fast.run(state, case.power_w, ambient_degc=ambient)
    mean = np.zeros(len(model.nodes))
    mean[: len(case.floorplan.blocks)] = case.power_w.mean(axis=0)
    return Solution(
        np.vstack((case.start_degc, model.all_degc(temps, ambient))),
        np.asarray(ambient + np.linalg.solve(model.G, mean), dtype=np.float64),
    )


def write_case(case: HotSpotCase, folder: Path) -> tuple[Path, ...]:
    """Write model and temperatures of a case.

    Parameters
    ----------
    case
        The case.
    folder
        Where to write; made if it is not there. Files of the same names are replaced.

    Returns
    -------
    tuple of Path
        ``G.csv`` [W/K], ``C.csv`` [J/K], ``g_amb.csv`` [W/K], ``nodes.txt``, ``transient.csv`` [K]
        (a row for each sample after one for the start), ``steady.steady`` [K] (HotSpot's format)
        and ``blocks.ttrace`` [K] (HotSpot's format and two decimals, floorplan order). The others
        have 17 digits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    solution = solve(case)
    transient_k = solution.transient_degc + ZERO_CELSIUS_K
    tables = {
        "G.csv": case.model.G,
        "C.csv": case.model.C,
        "g_amb.csv": case.model.to_ambient,
        "transient.csv": transient_k,
    }
    for name, table in tables.items():
        np.savetxt(folder / name, table, fmt="%.17g", delimiter=",")
    (folder / "nodes.txt").write_text("\n".join(case.model.nodes) + "\n")
    steady = format_temperatures(solution.steady_degc, case.floorplan)
    (folder / "steady.steady").write_text(steady)
    names = case.floorplan.names
    np.savetxt(
        folder / "blocks.ttrace",
        transient_k[1:, : len(names)],
        fmt="%.2f",
        delimiter="\t",
        header="\t".join(names),
        comments="",
    )
    return tuple(folder / name for name in (*tables, "nodes.txt", "steady.steady", "blocks.ttrace"))
