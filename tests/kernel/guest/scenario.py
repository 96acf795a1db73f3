"""What is done to a real kernel, its board and the daemon; each finding is a line on the console.

Runs inside the guest as its only program. It judges nothing: `test_kernel.py` does.
"""

import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from hands import PERIOD_S, POLICY, camera, configure, hardware, settings, status, tell, wait

from adaptive.board.inventory import take_inventory
from adaptive.board.roots import Roots
from adaptive.commands.probe import summarise

ZONE = Path("/sys/class/thermal/thermal_zone0")
DRIVER = Path("/sys/bus/platform/drivers/cpufreq-dt")
CONFIGURATION = Path("/tmp/adaptived.yaml")
LOG = Path("/tmp/adaptived.log")
CAP_DEGC, ABOVE_TRIP_DEGC = 75.0, 85.0
"""The kernel's own passive trip is at 80 degC, between the two."""


class Daemon:
    """The daemon's process."""

    def __init__(self) -> None:
        with LOG.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stderr=log)
        wait("the daemon answers", lambda: bool(status()))

    @staticmethod
    def command(*more: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "adaptive.daemon", "--config", str(CONFIGURATION), *more]

    def faults(self) -> set[str]:
        """Names of the faults that last."""
        return {str(row["fault"]) for row in status().get("faults", [])}  # type: ignore[attr-defined]

    def cycles(self) -> int:
        """How many periods were completed."""
        return int(str(status()["cycles"]))

    def end(self, number: int) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait()


def mean(values: list[float] | list[int]) -> float:
    """Mean of what was seen, 0 of nothing."""
    return sum(values) / max(len(values), 1)


def inventory() -> None:
    """What `adaptive probe` finds."""
    found = summarise(take_inventory(Roots()))
    tell("inventory", **{key: found[key] for key in ("zones", "policies", "meters")},
         governor=(ZONE / "policy").read_text().strip(), settings=settings())  # fmt: skip


def ungoverned() -> None:
    """What the clock at its fastest makes of the board, for scale; the kernel throttles."""
    (POLICY / "scaling_governor").write_text("performance")
    hardware("busy_permille", 1000)
    hardware("junction_mdegc", 74000)
    time.sleep(8.0)
    tell("ungoverned", peak_degc=hardware("peak_mdegc") / 1000, settings=settings())
    hardware("busy_permille", 0)
    (POLICY / "scaling_governor").write_text("schedutil")
    hardware("junction_mdegc", 60000)
    wait("the kernel lets go", lambda: settings()[2] == "1800000")


def closed_loop(daemon: Daemon) -> None:
    """A board that is hot at the start, under the daemon."""
    hardware("junction_mdegc", 72000)
    with camera() as app:
        wait("the clock is taken", lambda: settings()[0] == "userspace")
        time.sleep(25.0)
        seen = status()
    tell(
        "closed loop", cap_degc=CAP_DEGC, peak_degc=hardware("peak_mdegc") / 1000,
        late_degc=mean(app.temps[-30:]) / 1000, mean_mhz=mean(app.clocks[-60:]),
        mean_duty=mean(app.duties[-60:]), cycles=seen["cycles"], power_w=seen["power_w"],
        is_estimated=seen["power_is_estimated"], counts=seen["fault_counts"],
    )  # fmt: skip
    wait("the machine is given back", lambda: settings()[0] == "schedutil")
    tell("released", settings=settings())


def bad_reads(daemon: Daemon) -> None:
    """The sensor answers with errors, late, and well again."""
    hardware("junction_mdegc", 50000)
    with camera():
        wait("all is well", lambda: not daemon.faults() and status().get("point") is not None)
        for name, number in (("EIO", 5), ("EAGAIN", 11), ("ENODATA", 61)):
            hardware("read_errno", number)
            wait(f"{name} is met", lambda: {"zone-error", "safe"} <= daemon.faults())
            seen = status()
            hardware("read_errno", 0)
            wait(f"{name} is over", lambda: not daemon.faults())
            tell(f"read {name}", duty=seen["duty"], frequency_hz=seen["frequency_hz"],
                 trust=seen["trust"], over=sorted(daemon.faults()))  # fmt: skip
        hardware("read_delay_ms", 4000)
        wait("the read hangs", lambda: "zone-hung" in daemon.faults())
        before = daemon.cycles()
        wait("the loop lives", lambda: daemon.cycles() >= before + 3)
        hardware("read_delay_ms", 0)
        wait("it reads on", lambda: not daemon.faults())
        tell("read hung", over=sorted(daemon.faults()))


def cool() -> bool:
    """Let the board cool a little: below its trip, step_wise steps back only while that lasts."""
    return hardware("junction_mdegc", max(hardware("junction_mdegc") - 1000, 35000)) > 0


def competition(daemon: Daemon) -> None:
    """step_wise throttles at its trip, below our cap: its cap is adopted, and not kept."""
    configure(CONFIGURATION, ABOVE_TRIP_DEGC)
    daemon.process.send_signal(signal.SIGHUP)
    wait("reloaded", lambda: status().get("cap_degc") == ABOVE_TRIP_DEGC)
    hardware("junction_mdegc", 81000)
    with camera():
        wait("the kernel caps", lambda: "kernel-cap" in daemon.faults())
        wait("we heed it", lambda: bool(status().get("caps_hz")))
        seen, most = status(), int((POLICY / "scaling_max_freq").read_text())
        state = int(Path("/sys/class/thermal/cooling_device0/cur_state").read_text())
        hardware("junction_mdegc", 50000)
        wait("the kernel lets go", lambda: cool() and "kernel-cap" not in daemon.faults())
        tell("kernel cap", caps_hz=seen["caps_hz"], frequency_hz=seen["frequency_hz"],
             most_khz=most, cooling_state=state, mode=(ZONE / "mode").read_text().strip(),
        )  # fmt: skip


def wall_clock(daemon: Daemon) -> None:
    """The wall clock jumps a year ahead, and back."""
    begun_s, before = time.monotonic(), daemon.cycles()
    for shift_s in (3e7, -3e7):
        time.clock_settime(time.CLOCK_REALTIME, time.time() + shift_s)
        time.sleep(2.0)
    tell("wall clock", cycles=daemon.cycles() - before, faults=sorted(daemon.faults()),
         periods=(time.monotonic() - begun_s) / PERIOD_S)  # fmt: skip


def unplugged(daemon: Daemon) -> None:
    """The policy goes with its driver, and comes back."""
    with camera():
        wait("the clock is taken", lambda: settings()[0] == "userspace")
        (DRIVER / "unbind").write_text("cpufreq-dt")
        wait("it is missed", lambda: "policy-offline" in daemon.faults())
        (DRIVER / "bind").write_text("cpufreq-dt")
        wait("it is taken again", lambda: settings()[0] == "userspace")
        tell("unplugged", over=sorted(daemon.faults()))
    wait("the machine is given back", lambda: settings()[0] == "schedutil")


def deaths(daemon: Daemon) -> None:
    """Killed while it holds the clock; restored by what the unit runs; stopped as asked."""
    with camera() as app:
        wait("the clock is taken", lambda: settings()[0] == "userspace")
        app.over.set()
        daemon.process.send_signal(signal.SIGSTOP)
        daemon.end(signal.SIGKILL)
    held = settings()
    code = subprocess.run(Daemon.command("--restore"), check=False).returncode
    tell("killed", held=held, code=code, settings=settings())
    again = Daemon()
    with camera() as app:
        wait("the clock is taken", lambda: settings()[0] == "userspace")
        code = again.end(signal.SIGTERM)
        app.over.set()
    tell("stopped", code=code, settings=settings())


def main() -> None:
    """Do everything in its turn; what fails is told, and ends it."""
    begun_s = time.monotonic()
    try:
        inventory()
        ungoverned()
        configure(CONFIGURATION, CAP_DEGC)
        daemon = Daemon()
        for step in (closed_loop, bad_reads, competition, wall_clock, unplugged, deaths):
            step(daemon)
            print(f"{step.__name__} done at {time.monotonic() - begun_s:.0f} s", flush=True)
    except BaseException:
        tell("failed", why=traceback.format_exc())
        print(LOG.read_text()[-3000:], flush=True)
    tell("end", took_s=round(time.monotonic() - begun_s, 1))


if __name__ == "__main__":
    main()
