"""What the daemon costs: memory, processor time, and what its clients wait.

Run with `python -m experiments.daemon_bench --json`. The daemon is the real one, started as its
unit starts it, on a folder that stands in for a Raspberry Pi 4B; this machine's processor does the
work. Figures are medians over several daemons started in turn: alone on the machine, where each
period wakes a core that sleeps, and beside processes that keep every core busy, as an application
that runs networks without a pause does.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import yaml

from adaptive.client import Connection, Governed
from adaptive.errors import AdaptiveError, PlatformError
from experiments.busy import busy
from experiments.docs import markdown_table, replace_block
from experiments.progress import Progress
from experiments.stand_in import FakeBoard

PERIOD_S = 0.1
KHZ = tuple(range(600_000, 1_800_001, 100_000))
TARGETS = {"rss_mib": 40.0, "cpu_percent": 1.0, "read_us": 2.0, "socket_us": 50.0}
MEANINGS = {
    "rss_mib": "resident memory, MiB",
    "cpu_percent": "processor time, % of one core",
    "cycle_ms": "of it, one control cycle, ms",
    "read_us": "a client reads the plan, us",
    "read_new_plan_us": "a client reads a plan that has changed, us",
    "socket_us": "a report over the socket and back, us",
    "socket_one_core_us": "the same with both processes on one core, us",
}
BESIDE = "_beside_work"
"""Ending of a metric's name where every core is busy."""

_START_S = 60.0
_READS, _ROUND_TRIPS = 20_000, 1_000
_MIB = 2**20


def main() -> int:
    """Measure, print; 1 if a target is missed."""
    parser = argparse.ArgumentParser("daemon_bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--seconds", type=float, default=20.0, help="a daemon (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="daemons, in turn (%(default)s)")
    parser.add_argument("--governor", default="predictive", help="(%(default)s)")
    parser.add_argument("--doc", type=Path, metavar="FILE", help="fill the table of FILE")
    args = parser.parse_args()
    if args.repeats < 1 or not args.seconds > 0.0:
        parser.error("--repeats and --seconds are to be above 0")
    progress = Progress("daemon")
    runs: list[dict[str, float]] = []

    def advance(share: float) -> None:
        progress((len(runs) + share) / args.repeats)

    try:
        while len(runs) < args.repeats:
            alone = measure(args.governor, args.seconds, progress=lambda s: advance(0.5 * s))
            with busy(os.cpu_count() or 1):
                beside = measure(
                    args.governor, args.seconds, progress=lambda s: advance(0.5 + 0.5 * s)
                )
            runs.append(alone | {metric + BESIDE: value for metric, value in beside.items()})
        progress.close()
        report(medians(runs), as_json=args.json)
        if args.doc:
            replace_block(args.doc, "daemon-cost", table(runs))
    except AdaptiveError as error:
        print(f"daemon_bench: {error}", file=sys.stderr)
        return 2
    figures = medians(runs)
    missed = [metric for metric, most in TARGETS.items() if figures[metric] > most]
    return 1 if missed else 0


def report(figures: Mapping[str, float], *, as_json: bool) -> None:
    """Print the figures, each with what it is to be at most."""
    for metric, value in figures.items():
        if as_json:
            print(json.dumps({"metric": metric, "value": round(value, 3)}))
        else:
            target = f"  (target {TARGETS[metric]:g})" if metric in TARGETS else ""
            print(f"{metric:<32} {value:10.3f}{target}")


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {metric: statistics.median(run[metric] for run in runs) for metric in runs[0]}


def table(runs: Sequence[Mapping[str, float]]) -> str:
    """Show each figure, alone and beside work: the median and the range; what is aimed at."""

    def shown(metric: str) -> str:
        found = sorted(run[metric] for run in runs)
        return f"{statistics.median(found):.3g} ({found[0]:.3g} .. {found[-1]:.3g})"

    body = [
        [meaning, shown(metric), shown(metric + BESIDE), str(TARGETS.get(metric, ""))]
        for metric, meaning in MEANINGS.items()
    ]
    return markdown_table(["figure", "alone", "beside work", "at most"], body)


def measure(
    governor: str, seconds: float, *, progress: Callable[[float], None] = lambda _share: None
) -> dict[str, float]:
    """Return the figures.

    Parameters
    ----------
    governor
        The policy at work.
    seconds
        How long processor time is counted [s].
    progress
        Told the share that is done.
    """
    with tempfile.TemporaryDirectory(prefix="adaptived-bench-") as name:
        folder = Path(name)
        FakeBoard(folder / "board", frequencies_khz=KHZ)
        # The first start compiles what is not compiled yet, as installing does.
        with started(folder, governor):
            progress(0.1)
        with started(folder, governor) as (process, socket), Governed("bench", path=socket) as us:
            us.wait_for_plan()
            before, began_s = _cpu_s(process.pid), time.monotonic()
            while (passed_s := time.monotonic() - began_s) < seconds:
                us.report(demand_hz=30.0, served_hz=30.0, latency_s=0.02)
                time.sleep(0.25)
                progress(0.1 + 0.7 * passed_s / seconds)
            cpu_s = _cpu_s(process.pid) - before
            resident = _resident_bytes(process.pid)
            status = us.status()

            def report() -> None:
                us.report(demand_hz=30.0, served_hz=30.0, latency_s=0.02)

            figures = {
                "rss_mib": resident / _MIB,
                "cpu_percent": 100.0 * cpu_s / passed_s,
                "read_us": _median_us(us.plan, _READS),
                "read_new_plan_us": _median_us(lambda: _read_anew(us), _READS),
                "socket_us": _median_us(report, _ROUND_TRIPS),
                "cycle_ms": 1e3 * float(str(status["busy_s"])) / int(str(status["cycles"])),
            }
            with _on_one_core(process.pid):
                figures["socket_one_core_us"] = _median_us(report, _ROUND_TRIPS)
            progress(1.0)
            return figures


@contextmanager
def started(folder: Path, governor: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the daemon on the stand-in board of a folder; yield its process and its socket."""
    socket = folder / "run/control.sock"
    configuration = folder / "adaptived.yaml"
    content = {
        "schema": 1,
        "board": "rpi4b",
        "networks": [{"artifact": "digits", "images_per_frame": 64}],
        "policies": {"a72": "policy0"},
        "governor": governor,
        "period_s": PERIOD_S,
        "runtime": str(folder / "run"),
        "socket": {"path": str(socket)},
        "web": {"port": 0},
    }
    configuration.write_text(yaml.safe_dump(content), encoding="utf-8")
    # As under systemd: nothing of this shell's environment, in which bytecode may not be kept.
    kept = ("PATH", "HOME", "PYTHONPATH")
    process = subprocess.Popen(
        [sys.executable, "-m", "adaptive.daemon", "--root", str(folder / "board"),
         "--config", str(configuration)],
        env={name: os.environ[name] for name in kept if name in os.environ},
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        _wait_for(socket, process)
        yield process, socket
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate()


@contextmanager
def _on_one_core(pid: int) -> Iterator[None]:
    """Keep this process and another one's main thread on one core: no core has to be woken."""
    before = os.sched_getaffinity(0)
    try:
        for process in (0, pid):
            os.sched_setaffinity(process, {min(before)})
        yield
    finally:
        for process in (0, pid):
            os.sched_setaffinity(process, before)


def _wait_for(socket: Path, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + _START_S
    while True:
        try:
            Connection(socket).close()
        except PlatformError:
            if process.poll() is not None or time.monotonic() > end_s:
                process.kill()
                said = process.communicate()[1].decode(errors="replace")
                raise PlatformError(f"the daemon did not start: {' '.join(said.split())}") from None
            time.sleep(0.05)
        else:
            return


def _read_anew(governed: Governed) -> None:
    """Read and decode the plan as if it had changed."""
    governed.forget_plan()
    governed.plan()


def _median_us(call: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter_ns()
        call()
        took.append(time.perf_counter_ns() - start)
    return statistics.median(took) / 1e3


def _cpu_s(pid: int) -> float:
    """Processor time of a process, all threads that live, so far [s]."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    try:
        return sum(1e-9 * int((task / "schedstat").read_text().split()[0]) for task in tasks)
    except OSError:  # not every kernel counts that finely
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
