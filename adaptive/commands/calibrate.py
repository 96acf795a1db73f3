"""`adaptive calibrate`: drive this board through its OPPs with the real network; record a trace."""

import argparse
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from adaptive.artifact import Artifact, load_artifact
from adaptive.board.borrowed import BorrowedSettings
from adaptive.board.calibration import Calibration, Row, plan_stages, trace_text
from adaptive.board.clock import Clock, SystemClock
from adaptive.board.frequency import FrequencyControl
from adaptive.board.match import match_board
from adaptive.board.readings import Believable
from adaptive.board.restore import write_attribute
from adaptive.board.roots import Roots
from adaptive.board.sensors import BoardSensors
from adaptive.board.snapshot import SnapshotFile
from adaptive.config import load_board
from adaptive.engine.protocol import make_engine
from adaptive.errors import ConfigError, PlatformError
from adaptive.faults import FaultLog
from adaptive.files import write_atomically
from adaptive.plant import Plant
from adaptive.precision import Bits, Effort, PrecisionPlan

HELP = (
    "Drive this board through its OPPs with the real network, ending a stage on a hot reading; "
    "record a trace for `adaptive identify`."
)
_BATCH = 16
_SAFE_K = 5.0  # below the cap: where a stage is ended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--board", required=True, help="bundled name or file (`adaptive probe`)")
    parser.add_argument("--out", type=Path, required=True, metavar="TRACE.csv")
    parser.add_argument("--artifact", default="digits", help="bundled name or file (%(default)s)")
    parser.add_argument("--cluster", help="cluster to drive; the first by default")
    parser.add_argument("--policy", help="its cpufreq policy, where it cannot be told")
    parser.add_argument("--meter", help="power meter that measures the whole board")
    parser.add_argument("--opps", type=int, default=6, metavar="N", help="(%(default)s)")
    parser.add_argument("--minutes", type=float, default=3.0, help="a stage (%(default)s)")
    parser.add_argument("--hot", type=float, metavar="DEGC", help="end a stage here; cap - 5 K")
    parser.add_argument("--runtime", type=Path, default=Path("/run/adaptived"), metavar="DIR")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="in place of / (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Drive the board and write the trace."""
    return calibrate(args, SystemClock())


def calibrate(args: argparse.Namespace, clock: Clock) -> int:
    """Drive the board by a clock; as `run`."""
    plant, artifact = load_board(args.board), load_artifact(args.artifact)
    hot_degc = plant.cap_degc - _SAFE_K if args.hot is None else args.hot
    if not hot_degc < plant.critical_degc - _SAFE_K:
        raise ConfigError(
            f"--hot is {hot_degc:g}, expected {_SAFE_K:g} K or more below the critical "
            f"{plant.critical_degc:g} degC of board {plant.name}"
        )
    if not (args.opps >= 2 and args.minutes > 0.0):
        raise ConfigError("--opps must be at least 2 and --minutes above 0")
    driven = _prepare(args, plant, artifact, clock, hot_degc)
    control, calibration = driven
    stages = plan_stages(
        control.policy.frequencies_hz, most=args.opps, length_s=60.0 * args.minutes
    )
    whole_s = sum(stage.length_s for stage in stages)
    rows: list[Row] = []
    try:
        for row in calibration.run(stages):
            rows.append(row)
            _show(row, whole_s)
    finally:
        sys.stderr.write("\n")
        if rows:
            _save(args.out, rows)
    for name in calibration.cut_short:
        print(f"{name}: ended at {hot_degc:g} degC, before its time")
    print(f"wrote {len(rows)} rows to {args.out}; on a workstation: adaptive identify {args.out} "
          f"--board {args.board} --out FOLDER")  # fmt: skip
    return 0


def _prepare(
    args: argparse.Namespace, plant: Plant, artifact: Artifact, clock: Clock, hot_degc: float
) -> tuple[FrequencyControl, Calibration]:
    roots, faults = Roots(args.root), FaultLog()
    cluster = plant.cluster(args.cluster) if args.cluster else plant.clusters[0]
    named = {cluster.island: args.policy} if args.policy else {}
    matched = match_board(plant, roots, zones={}, policies=named, meter=args.meter)
    if cluster.island not in matched.policies:
        raise PlatformError(
            f"cluster {cluster.name}: its cpufreq policy cannot be told; name it with --policy"
        )
    policy = matched.policies[cluster.island]
    control = FrequencyControl(policy, faults)
    sensors = BoardSensors(
        matched, roots, names={}, clock=clock, faults=faults, bounds=Believable()
    )
    borrowed = BorrowedSettings(
        lambda: [control],
        roots,
        snapshot=SnapshotFile(args.runtime, roots),
        on_exit="restore",
        clock=clock,
        faults=faults,
        write=write_attribute,
    )
    borrowed.clean_up()

    @contextmanager
    def load() -> Iterator[None]:
        with working(artifact, policy.cpus):
            yield

    return control, Calibration(
        control, sensors, borrowed, load=load, roots=roots, clock=clock, hot_degc=hot_degc
    )


@contextmanager
def working(artifact: Artifact, cpus: tuple[int, ...]) -> Iterator[None]:
    """Run the network at all-8 without pause while the context lasts, on these processors."""
    here = sorted(set(cpus) & set(os.sched_getaffinity(0)))
    engine = make_engine(None, artifact, threads=max(len(here), 1))
    effort = Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT8))
    shape = artifact.source.shape
    images = np.random.default_rng(0).integers(0, 256, (_BATCH, *shape), dtype=np.uint8)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            engine.run(images, effort)

    thread = threading.Thread(target=work, name="load", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(row: Row, whole_s: float) -> None:
    if sys.stderr.isatty():
        left = max(whole_s - row.t_s, 0.0)
        sys.stderr.write(
            f"\r{row.phase:<16} {row.temp_degc:6.1f} degC  {100 * row.used:3.0f} % used  "
            f"{time.strftime('%M:%S', time.gmtime(left))} left "
        )
        sys.stderr.flush()


def _save(path: Path, rows: list[Row]) -> None:
    try:
        write_atomically(path, trace_text(rows).encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot write the trace: {error.strerror}") from error
