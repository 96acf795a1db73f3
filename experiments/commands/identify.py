"""`adaptive identify`: thermal parameters of a board from a recorded trace."""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from adaptive.config import load_board, read_board
from adaptive.errors import ConfigError
from adaptive.plant import Plant
from experiments.physics.board_fit import estimate_power_w, fitted_board, write_board
from experiments.physics.traces import BoardTrace, heat_trace, load_trace
from experiments.report import write_report
from thermal.identify.belief import Belief
from thermal.identify.identify import Identified, identify_heat
from thermal.identify.trace import HeatTrace

HELP = (
    "Fit a board's thermal network to a recorded trace (sbc-bench's columns); write a board file "
    "and a page with residuals, held-out error and the verdict whether the trace excites the model."
)
_FEWEST_READINGS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("trace", type=Path, metavar="TRACE.csv", help="the recorded trace")
    parser.add_argument("--board", required=True, help="base board: bundled name or file")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    parser.add_argument(
        "--meter",
        choices=("none", "pmic", "wall"),
        default="none",
        help="power meter of the trace to use; none: the board's power model (%(default)s)",
    )
    parser.add_argument("--hot", type=float, metavar="DEGC", help="forecasts wanted from here up")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Fit, write the board file and the page, print what was found."""
    plant, trace = load_board(args.board), load_trace(args.trace)
    if np.isfinite(trace.temps_degc).sum() < _FEWEST_READINGS:
        raise ConfigError(f"{args.trace}: fewer than {_FEWEST_READINGS} readings of temp_c")
    heat, belief = _prepare(plant, trace, args.meter, args.trace)
    try:
        found = identify_heat(heat, orders=(1, 2, 3), belief=belief, hot_degc=args.hot)
        content = fitted_board(
            read_board(args.board),
            plant,
            found,
            source=f"measured: adaptive identify {args.trace.name} --meter {args.meter}",
            metered=args.meter != "none",
        )
    except ValueError as error:
        raise ConfigError(f"{args.trace}: {error}") from error
    args.out.mkdir(parents=True, exist_ok=True)
    board = args.out / f"{content['name']}.yaml"
    write_board(content, board)
    load_board(board)  # what was written is a board
    page = _write_page(args.out, trace, heat, found)
    summary = to_json(found) | {"board_file": str(board), "page": str(page)}
    if args.json:
        print(json.dumps(summary))
    else:
        print("\n".join(f"{name}: {value}" for name, value in summary.items()))
    return 0


def _prepare(plant: Plant, trace: BoardTrace, meter: str, path: Path) -> tuple[HeatTrace, Belief]:
    """Return the trace with power as its input, and what to believe before."""
    if meter != "none":
        if meter not in trace.meters_w:
            raise ConfigError(
                f"{path}: has no readings of the {meter} meter, expected --meter none"
            )
        watts = trace.meters_w[meter]
        known = np.isfinite(watts)
        power = np.interp(trace.time_s, trace.time_s[known], watts[known])
        # The meter sees leakage too, and what heats elsewhere; the ambient takes up the latter.
        return heat_trace(trace, inputs=power, name="power"), Belief(ambient_spread_k=15.0)
    power, leaked = estimate_power_w(plant, trace)
    heat = heat_trace(trace, inputs=power, name="power")
    full = float(power.max() / max(trace.utilisation.max(), 0.05))
    rise = 25.0
    growth = float(np.mean([part.leakage.k_T for part in plant.power.parts]))
    return heat, Belief(
        rise_k=rise,
        rise_spread=0.5,
        full_load=full,
        ambient_degc=35.0,
        leak_k=rise * float(leaked.mean()) / full,
        leak_per_k=max(growth, 1e-3),
        leak_spread=0.3,
    )


def to_json(found: Identified) -> dict[str, object]:
    """Return a result as plain values."""
    model, judged = found.fit.model, found.excitation
    spread = np.sqrt(np.diagonal(found.fit.covariance))
    return {
        "tau_s": [round(float(tau), 3) for tau in model.tau_s],
        "resistance_k_per_w": [round(float(r), 4) for r in model.gain[0] * model.share],
        "resistance_error": round(float(spread[2 * len(model.tau_s)]), 4),
        "ambient_degc": round(model.ambient_degc, 3),
        "held_out_rms_k": round(found.held_out.rms_k, 4),
        "hold_last_rms_k": round(found.held_out.hold_rms_k, 4),
        "rms_by_order_k": {str(k): round(v, 4) for k, v in found.rms_by_order.items()},
        "residual_scale_k": round(found.fit.sigma_k, 4),
        "verdict": "excited" if judged.excited else "not excited",
        "reasons": list(judged.reasons),
    }


def _write_page(folder: Path, trace: BoardTrace, heat: HeatTrace, found: Identified) -> Path:
    rows = [[name, str(value)] for name, value in to_json(found).items()]
    spread = np.sqrt(np.diagonal(found.fit.covariance))
    rows += [
        [f"standard error of {name}", f"{value:.3g}"]
        for name, value in zip(found.fit.names, spread, strict=True)
    ]
    return write_report(
        folder,
        title=f"Thermal identification: {trace.board} {trace.name}",
        paragraphs=[
            "Readings are recorded; the free run is the model's, from its own start, never fed a "
            "reading. Held-out points come from fits that have not seen them. Standard errors of "
            "time constants, shares, gains and leakage are of their logarithms.",
        ],
        header=["figure", "value"],
        rows=rows,
        pictures={"residuals": ("Fit, held-out predictions, residuals.", figure(heat, found))},
        footer="Made by: adaptive identify TRACE.csv --board BOARD --out FOLDER",
    )


def figure(heat: HeatTrace, found: Identified) -> Figure:
    """Draw readings, free run and held-out predictions; residuals over time; their histogram."""
    drawn = Figure(figsize=(9, 7), layout="constrained")
    top, middle, bottom = drawn.subplots(3, 1, height_ratios=[2, 1, 1])
    minutes, read = heat.time_s / 60.0, heat.read
    run = found.fit.model.respond(heat)
    residual = (heat.temps_degc - run)[read]
    held = found.held_out
    top.plot(minutes[read], heat.temps_degc[read], ".", color="#333333", label="readings")
    top.plot(minutes, run, color="#1e8449", label="free run of the fit")
    top.plot(minutes[held.rows], held.predicted_degc, "x", color="#c0392b", label="held out")
    top.set(ylabel="zone [°C]")
    top.legend(frameon=False, ncols=3)
    middle.plot(minutes[read], residual, ".-", linewidth=0.7, color="#1e8449")
    middle.plot(minutes[held.rows], held.read_degc - held.predicted_degc, "x", color="#c0392b")
    middle.axhline(0.0, color="#333333", linewidth=0.8)
    middle.set(ylabel="residual [K]", xlabel="time [min]")
    bottom.hist(residual, bins=30, color="#1e8449")
    bottom.set(ylabel="readings", xlabel="residual of the fit [K]")
    for axis in (top, middle, bottom):
        axis.spines[["top", "right"]].set_visible(False)
    return drawn
