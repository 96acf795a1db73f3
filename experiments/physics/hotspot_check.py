"""HotSpot's block model against HotSpot, and transients against exact solutions.

``python -m experiments.physics.hotspot_check [--json] [--out FOLDER]`` checks the reference case:
the conductances and capacities built from its floorplan and configuration, the transient of its
power trace, the CPU time that takes, and the same transient with leakage against an implicit
Runge-Kutta (Radau) solution.

``python -m experiments.physics.hotspot_check --flp F --ptrace P [--config C] [--materials M]
[--set NAME=VALUE ...] --out FOLDER`` takes any other inputs of HotSpot 7's block model instead and
writes what they give for comparison elsewhere: ``G.csv`` [W/K], ``C.csv`` [J/K] and ``g_amb.csv``
[W/K] in HotSpot's node order (``nodes.txt``), so that C dT/dt = P + g_amb T_ambient - G T;
``transient.csv`` [K], the start and then the exact state after each sample; ``steady.steady`` and
``blocks.ttrace`` [K] in HotSpot's formats. ``--set`` is HotSpot's command line, e.g.
``--set init_file=gcc.init``.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from adaptive.errors import AdaptiveError, ConfigError
from experiments.metric import Metric
from experiments.physics.cpu_time import cpu_s
from experiments.physics.hotspot_files import solve, write_case
from experiments.physics.leaky_check import LeakyCheck, check_leakage
from experiments.report import write_report
from experiments.study_config import exit_code, print_metrics, read_config, reference_path
from thermal.hotspot.case import HotSpotCase, load_case
from thermal.hotspot.text import ZERO_CELSIUS_K, HotSpotInputError
from thermal.network import Matrix
from thermal.transient import modal_model

_NEEDED = ("flp", "ptrace", "out")


@dataclass(frozen=True, slots=True)
class HotSpotCheckConfig:
    """What to check; see the comments in ``hotspot_check.yaml``."""

    folder: str
    flp: str
    ptrace: str
    config: str
    materials: str
    hotspot_cpu_s_per_s: float
    timing_s: float
    leakage_w: tuple[float, ...]
    leakage_at_degc: float
    leakage_doubles_every_k: float
    leakage_samples: int
    radau_tolerance: float

    def __post_init__(self) -> None:
        if self.leakage_samples < 1:
            raise ValueError(f"leakage_samples is {self.leakage_samples!r}, expected at least 1")
        if not self.leakage_w:
            raise ValueError("leakage_w is empty, expected at least one power")


def relative_error(built: Matrix, reference: Matrix) -> float:
    """Return the largest relative error of entries not zero; infinite if a zero is misplaced."""
    where = (built != 0.0) | (reference != 0.0)
    if ((built != 0.0) != (reference != 0.0)).any():
        return float("inf")
    return float((np.abs(built - reference)[where] / np.abs(reference)[where]).max())


def load_reference(config: HotSpotCheckConfig) -> tuple[HotSpotCase, Path]:
    """Return the reference case and its folder.

    Raises
    ------
    ConfigError
        If there is no reference folder.
    HotSpotInputError
        If its files are not what they should be.
    """
    folder = reference_path(config.folder)
    case = load_case(
        folder / config.flp,
        folder / config.ptrace,
        config=folder / config.config,
        materials=folder / config.materials,
    )
    return case, folder


def metrics(config: HotSpotCheckConfig) -> list[Metric]:
    """Return every figure of the check."""
    case, folder = load_reference(config)
    return _metrics(case, folder, config=config, leaky=_leaky(case, config))


def _leaky(case: HotSpotCase, config: HotSpotCheckConfig) -> list[LeakyCheck]:
    return [
        check_leakage(
            case,
            watts,
            at_degc=config.leakage_at_degc,
            every_k=config.leakage_doubles_every_k,
            samples=config.leakage_samples,
            tolerance=config.radau_tolerance,
        )
        for watts in config.leakage_w
    ]


def _metrics(
    case: HotSpotCase, folder: Path, *, config: HotSpotCheckConfig, leaky: list[LeakyCheck]
) -> list[Metric]:
    kelvin = solve(case).transient_degc + ZERO_CELSIUS_K
    exact, own = (_table(folder, f"{name}_amb_dt0.1.csv") for name in ("exact", "transient_full"))
    spent = cpu_s_per_s(case, timing_s=config.timing_s)
    return [
        Metric("hotspot_G_rel", relative_error(case.model.G, _table(folder, "G.csv")), "1"),
        Metric("hotspot_C_rel", relative_error(case.model.C, _table(folder, "C.csv")), "1"),
        Metric("exact_error_k", float(np.abs(kelvin - exact).max()), "K"),
        Metric("hotspot_error_k", float(np.abs(kelvin - own).max()), "K"),
        Metric("hotspot_speedup", config.hotspot_cpu_s_per_s / spent, "1"),
        Metric("radau_error_k", max(check.error_k for check in leaky), "K"),
    ]


def _table(folder: Path, name: str) -> Matrix:
    try:
        return np.loadtxt(folder / name, delimiter=",", dtype=np.float64)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / name}: {error}") from error


def cpu_s_per_s(case: HotSpotCase, *, timing_s: float) -> float:
    """Return CPU seconds per simulated second, building the modal model included.

    All nodes are observed at every sample, as in the reference.
    """
    network, config = case.model.network(), case.config

    def run() -> None:
        fast = modal_model(network, config.sampling_s, inputs=case.floorplan.names)
        state = fast.start(np.full(len(network.nodes), config.initial_degc), config.ambient_degc)
        fast.run(state, case.power_w, ambient_degc=config.ambient_degc)

    spent_s = cpu_s(run, at_least_s=timing_s)
    return spent_s / (len(case.power_w) * config.sampling_s)


def figure(case: HotSpotCase, leaky: list[LeakyCheck]) -> Figure:
    """Draw the block temperatures of the case, and its hottest node with and without leakage."""
    n, period_s = len(case.floorplan.blocks), case.config.sampling_s
    temps = solve(case).transient_degc
    drawn = Figure(figsize=(9, 7), layout="constrained")
    top, bottom = drawn.subplots(2, 1)
    seconds = period_s * np.arange(len(temps))
    for name, line in zip(case.floorplan.names, temps[:, :n].T, strict=True):
        top.plot(seconds, line, label=name, lw=1)
    top.legend(frameon=False, ncols=4, fontsize=8)
    top.set(xlabel="time [s]", ylabel="block [°C]")
    for check in leaky:
        hottest = check.temps_degc.max(axis=1)
        label = f"{check.leakage_w:g} W a block at 25 °C"
        bottom.plot(seconds[: len(hottest)], hottest, label=label)
    length = len(leaky[0].temps_degc)
    bottom.plot(seconds[:length], temps[:length].max(axis=1), color="#999999", label="no leakage")
    bottom.legend(frameon=False)
    bottom.set(xlabel="time [s]", ylabel="hottest node [°C]")
    for axis in (top, bottom):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="#dddddd", linewidth=0.6)
        axis.margins(x=0)
    return drawn


def sentences(config: HotSpotCheckConfig, leaky: list[LeakyCheck]) -> list[str]:
    """Return what the figures do not say by themselves."""
    said = [
        f"HotSpot's {config.hotspot_cpu_s_per_s:g} CPU seconds per simulated second are quoted "
        "from the reference's README (BLAS build, 2.5 GHz Cascade Lake core), not measured here; "
        "ours are measured on this machine, on one thread, building the modal model included."
    ]
    for check in leaky:
        end = (
            f"at the trace's mean power it settles at {check.settled_degc:.2f} °C"
            if np.isfinite(check.settled_degc)
            else "at the trace's mean power it never settles: thermal runaway, past 400 °C "
            f"{check.runaway_s:.0f} s after a cold start"
        )
        said.append(
            f"{check.leakage_w:g} W a block: {check.temps_degc.max():.2f} °C at most in the span "
            f"compared, {check.error_k:.1e} K from Radau; {end}."
        )
    return said


def _check(args: argparse.Namespace) -> int:
    config = read_config("physics/hotspot_check", HotSpotCheckConfig, args.study)
    case, folder = load_reference(config)
    leaky = _leaky(case, config)
    found = _metrics(case, folder, config=config, leaky=leaky)
    said = sentences(config, leaky)
    if args.json:
        print_metrics(found)
    else:
        print("\n".join([*(f"{m.metric:18} {m.value:.4g} {m.unit}" for m in found), "", *said]))
    if args.out:
        page = write_report(
            args.out,
            title="HotSpot's block model, checked",
            paragraphs=said,
            header=["figure", "value", "unit"],
            rows=[[m.metric, f"{m.value:.4g}", m.unit] for m in found],
            pictures={"hotspot_check": ("The reference case.", figure(case, leaky))},
            footer="Made by: python -m experiments.physics.hotspot_check --out FOLDER",
        )
        print(page, file=sys.stderr)
    return 0


def _convert(args: argparse.Namespace) -> int:
    missing = [f"--{name}" for name in _NEEDED if getattr(args, name) is None]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} missing: other inputs need --flp, --ptrace, --out"
        )
    options = {}
    for text in args.set:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ConfigError(f"--set {text!r}, expected NAME=VALUE")
        options[name] = value
    case = load_case(
        args.flp, args.ptrace, config=args.config, materials=args.materials, options=options
    )
    for path in write_case(case, args.out):
        print(path)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Check the reference case, or write what other inputs give."""
    parser = argparse.ArgumentParser(
        "python -m experiments.physics.hotspot_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write files there")
    parser.add_argument("--study", type=Path, help="another hotspot_check.yaml")
    for name in ("flp", "ptrace", "config", "materials"):
        parser.add_argument(f"--{name}", type=Path, help=f"a .{name} file of HotSpot 7")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args(arguments)
    others = args.flp or args.ptrace or args.config or args.materials or args.set
    try:
        return _convert(args) if others else _check(args)
    except (AdaptiveError, HotSpotInputError, OSError) as error:
        print(f"hotspot_check: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
