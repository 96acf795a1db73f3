"""Every figure by which the physics is judged, in one go.

``python -m experiments.physics_check [--json] [--doc FILE]`` collects the metrics of the studies of
heat, power and voltage islands; each can be run by itself for its tables and figures. References
(HotSpot's results, recorded traces) are found as `experiments.reference` says.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_limits

from adaptive.errors import AdaptiveError
from experiments.docs import markdown_table, replace_block
from experiments.metric import Metric
from experiments.physics import (
    board_validation,
    finevh_study,
    hotspot_check,
    identification,
    real_heat,
    real_power,
    thermal_headroom,
    thermal_profile,
)
from experiments.physics.finevh_solve import FineVhConfig
from experiments.physics.synthetic_board import SyntheticConfig
from experiments.progress import Progress
from experiments.study_config import read_config

STUDIES: Mapping[str, Callable[[], list[Metric]]] = {
    "hotspot_check": lambda: hotspot_check.metrics(
        read_config("physics/hotspot_check", hotspot_check.HotSpotCheckConfig)
    ),
    "finevh_study": lambda: finevh_study.metrics(read_config("physics/finevh_study", FineVhConfig)),
    "identification": lambda: identification.metrics(
        read_config("physics/identification", SyntheticConfig)
    ),
    "real_power": lambda: real_power.metrics(
        read_config("physics/real_power", real_power.RealPowerConfig)
    ),
    "real_heat": lambda: real_heat.metrics(
        read_config("physics/real_heat", real_heat.RealHeatConfig)
    ),
    "thermal_headroom": lambda: thermal_headroom.metrics(
        read_config("physics/thermal_headroom", thermal_headroom.HeadroomConfig)
    ),
    "thermal_profile": lambda: thermal_profile.metrics(
        read_config("physics/thermal_profile", thermal_profile.ProfileConfig)
    ),
    "board_validation": lambda: board_validation.metrics(
        read_config("physics/board_validation", board_validation.ValidationConfig)
    ),
}
HEADER = ("metric", "value", "unit", "study")


def measure(study: str) -> list[Metric]:
    """Run one study on one thread; what a worker process does."""
    # Linear algebra threads beside worker processes only wait for each other.
    with threadpool_limits(limits=1):
        return STUDIES[study]()


def main() -> int:
    """Run every study and print its metrics; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--study", choices=sorted(STUDIES), help="run this one only")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes (one a core)"
    )
    parser.add_argument(
        "--doc", type=Path, metavar="FILE", help="put a table between FILE's physics markers"
    )
    args = parser.parse_args()
    chosen = [args.study] if args.study else list(STUDIES)
    rows = []
    progress = Progress("physics")
    try:
        with ProcessPoolExecutor(args.jobs) as pool:
            running = [(study, pool.submit(measure, study)) for study in chosen]
            for index, (study, result) in enumerate(running):
                for metric in result.result():
                    rows.append([metric.metric, f"{metric.value:.4g}", metric.unit, study])
                    print(metric.to_json() if args.json else "  ".join(rows[-1]), flush=True)
                progress((index + 1) / len(chosen))
        progress.close()
        if args.doc:
            replace_block(args.doc, "physics", markdown_table(HEADER, rows))
    except AdaptiveError as error:
        print(f"physics_check: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
