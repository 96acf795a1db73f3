"""Fill the tables of docs/simulation.md from runs: ``python -m experiments.simulation_page``."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from adaptive.search.executors.serial import SerialExecutor
from experiments.commands.fleet import speeds
from experiments.comparison.cells import CellRequest, run_cell
from experiments.comparison.table import HEADER, frame_of, lines_of
from experiments.docs import markdown_table, replace_block
from experiments.fleet.simulate import FleetRequest, simulate_fleet
from experiments.progress import Progress
from experiments.scenario_file import load_scenario, scenario_names
from experiments.study_config import exit_code

PAGE = Path(__file__).parents[1] / "docs" / "simulation.md"
COMPARED = ("static-safe", "step-wise", "budget", "look-ahead", "predictive")
FLEET_GOVERNORS = ("static-safe", "step-wise", "look-ahead")
PERCENTILES = (1, 50, 99)


def scenario_table() -> str:
    """Return the bundled scenarios."""
    rows = [[f"`{name}`", load_scenario(name).content.title] for name in scenario_names()]
    return markdown_table(("scenario", "what it is"), rows)


def comparison_table(*, minutes: float, seeds: int) -> str:
    """Return a small comparison on the Odroid-XU4."""
    requests = [
        CellRequest("odroid-xu4", "digits", governor, scenario, seed, minutes=minutes)
        for scenario in ("bursts", "step", "sun")
        for seed in range(seeds)
        for governor in COMPARED
    ]
    cells = list(SerialExecutor().map(run_cell, requests, shared=None))
    caption = (
        f"*Seeds: {seeds}, of {minutes:g} minutes from a cold start, on a board exactly as its "
        "file: what differs is policy, not robustness. Reward is the mean over the seeds; least, "
        "most, p99, peak and time above the cap are extremes.*"
    )
    return f"{markdown_table(HEADER, lines_of(frame_of(cells)))}\n\n{caption}"


def fleet_table(*, boards: int, minutes: float) -> str:
    """Return percentiles over a fleet for some governors."""
    rows = []
    for governor in FLEET_GOVERNORS:
        request = FleetRequest(governor=governor, minutes=minutes)
        fleet = simulate_fleet(request, boards=boards)
        table = fleet.percentiles(PERCENTILES)
        above = fleet.results.time_above_cap_s > 0.0
        rows += [
            [
                f"{governor}, {percentile} %",
                f"{row['reward']:.4f}",
                f"{row['peak_degc']:.2f}",
                f"{row['time_above_cap_s']:.2f}",
                f"{1e3 * row['energy_per_correct_j']:.2f}",
                f"{above.mean():.1%}",
            ]
            for percentile, row in table.iterrows()
        ]
    header = (
        "governor, percentile",
        "reward",
        "peak degC",
        "above cap s",
        "mJ/correct",
        "boards ever above cap",
    )
    caption = (
        f"*{boards} Odroid-XU4, `bursts`, {minutes:g} minutes from a cold start; percentiles of "
        "each column on its own.*"
    )
    return f"{markdown_table(header, rows)}\n\n{caption}"


def speed_table(governors: tuple[str, ...], *, minutes: float) -> str:
    """Return simulated seconds per CPU second."""

    def lines() -> Iterator[list[str]]:
        for governor in governors:
            one, many = speeds(FleetRequest(governor=governor, minutes=minutes))
            yield [
                governor,
                f"{one['simulated_s_per_cpu_s']:,}",
                f"{many['simulated_s_per_cpu_s']:,}",
                f"{many['drawing_cpu_s']}",
            ]

    header = ("governor", "one board", "10,000 boards", "CPU s to draw 10,000 boards")
    return markdown_table(header, list(lines()))


def main() -> int:
    """Run everything and rewrite the page's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--boards", type=int, default=500, help="of the fleet (%(default)s)")
    parser.add_argument("--minutes", type=float, default=4.0, help="of each run (%(default)s)")
    parser.add_argument("--seeds", type=int, default=2, help="of the comparison (%(default)s)")
    parser.add_argument("--speed-minutes", type=float, default=0.1, help="(%(default)s)")
    args = parser.parse_args()
    progress = Progress("simulation page")
    replace_block(args.page, "scenarios", scenario_table())
    replace_block(args.page, "comparison", comparison_table(minutes=args.minutes, seeds=args.seeds))
    progress(0.3)
    replace_block(args.page, "speed", speed_table(FLEET_GOVERNORS, minutes=args.speed_minutes))
    progress(0.6)
    replace_block(args.page, "fleet", fleet_table(boards=args.boards, minutes=args.minutes))
    progress(1.0)
    progress.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
