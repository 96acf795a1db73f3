"""What is done to the daemon as a service of a real systemd; findings are lines on the console."""

import argparse
import os
import signal
import subprocess
import time
import traceback
from pathlib import Path

from hands import POLICY, camera, configure, settings, status, tell, wait

from adaptive.commands import service

CONFIGURATION = Path("/etc/adaptived/adaptived.yaml")
CAP_DEGC = 75.0
RIVAL = """\
[Service]
ExecStart=/bin/busybox sleep 3600
"""


def systemctl(*words: str) -> str:
    """Ask the service manager."""
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    return done.stdout


def shown(*names: str) -> dict[str, str]:
    """Properties of the service."""
    lines = systemctl("show", "adaptived", *(f"--property={name}" for name in names)).splitlines()
    return dict(line.split("=", 1) for line in lines)


def main_pid() -> int:
    """The daemon's process, 0 without one."""
    return int(shown("MainPID")["MainPID"])


def start() -> None:
    """Start the service as if it had never run."""
    systemctl("reset-failed", "adaptived")
    systemctl("start", "adaptived")


def command(action: str) -> None:
    """`adaptive service install` or `uninstall`."""
    service.run(argparse.Namespace(
        action=action, board="rpi4b", artifact="digits", root=Path("/"), purge=action == "uninstall"
    ))  # fmt: skip


def started() -> None:
    """Installed and started: an unprivileged process that reports to systemd."""
    command("install")
    configure(CONFIGURATION, CAP_DEGC)
    start()
    words = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{main_pid()}/status").read_text().splitlines()
        if ":\t" in line
    )
    said = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "adaptived"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    tell("started", **shown("ActiveState", "StatusText", "OOMScoreAdjust", "MemoryMax"),
         uid=words["Uid"].split()[0], capabilities=words["CapEff"],
         exposure=[line for line in said.splitlines() if "exposure level" in line])  # fmt: skip


def death(what: str, kill: signal.Signals) -> None:
    """The daemon is stopped or killed while it holds the clock."""
    with camera():
        wait("the clock is taken", lambda: settings()[0] == "userspace")
        begun_s, before = time.monotonic(), int(shown("NRestarts")["NRestarts"])
        os.kill(main_pid(), kill)
        wait("it is restored", lambda: settings()[0] == "schedutil")
        restored_s, found = time.monotonic() - begun_s, settings()
    wait("it is started again", lambda: int(shown("NRestarts")["NRestarts"]) > before)
    wait("it answers again", lambda: bool(status()))
    tell(what, restored_s=restored_s, settings=found, **shown("ActiveState"))


def memory_pressure() -> None:
    """The daemon is given less memory than it has."""
    with camera():
        wait("the clock is taken", lambda: settings()[0] == "userspace")
        pid = main_pid()
        systemctl("set-property", "--runtime", "adaptived", "MemoryMax=12M")
        wait("it is killed", lambda: main_pid() != pid)
        systemctl("set-property", "--runtime", "adaptived", "MemoryMax=96M")
        wait("it is restored", lambda: settings()[0] == "schedutil")
        found = settings()
    start()
    wait("it answers again", lambda: bool(status()))
    tell("memory pressure", settings=found, **shown("ActiveState"))


def crash_loop() -> None:
    """Killed again and again, until the manager starts it no more."""
    start()
    kills = 0
    while shown("ActiveState")["ActiveState"] != "failed" and kills < 20:
        if pid := main_pid():
            os.kill(pid, signal.SIGKILL)
            kills += 1
        time.sleep(0.5)
    tell("crash loop", kills=kills, settings=settings(), **shown("ActiveState", "Result"))


def wrong_configuration() -> None:
    """A configuration outside physics is no reason to try again."""
    configure(CONFIGURATION, 7000.0)
    start()
    time.sleep(5.0)
    tell("wrong configuration", **shown("ActiveState", "ExecMainStatus", "NRestarts"))
    configure(CONFIGURATION, CAP_DEGC)


def rival() -> None:
    """A rival that runs is stopped by our start; one that starts stops us."""
    Path("/etc/systemd/system/thermald.service").write_text(RIVAL)
    systemctl("daemon-reload")
    systemctl("start", "thermald")
    before = systemctl("is-active", "thermald").strip()
    start()
    wait("it answers", lambda: bool(status()))
    after = systemctl("is-active", "thermald").strip()
    with camera():
        wait("the clock is taken", lambda: settings()[0] == "userspace")
        systemctl("start", "thermald")
    # Its start waits for our stop: by now everything is given back.
    tell("rival", before=before, after=after, settings=settings(), **shown("ActiveState", "Result"))
    systemctl("stop", "thermald")


def stopped() -> None:
    """Stopped as asked, and taken away."""
    start()
    with camera():
        wait("the clock is taken", lambda: settings()[0] == "userspace")
        group = (POLICY / "scaling_max_freq").stat().st_gid
        systemctl("stop", "adaptived")
    found = (POLICY / "scaling_max_freq").stat()
    tell("stopped", settings=settings(), group_before=group, group=found.st_gid,
         mode=oct(found.st_mode & 0o777), **shown("ActiveState", "Result"))  # fmt: skip


def main() -> None:
    """Do everything in its turn; what fails is told, and ends it."""
    begun_s = time.monotonic()
    try:
        started()
        death("watchdog", signal.SIGSTOP)
        death("killed", signal.SIGKILL)
        memory_pressure()
        crash_loop()
        wrong_configuration()
        rival()
        stopped()
    except BaseException:
        tell("failed", why=traceback.format_exc())
        journal = ["journalctl", "--no-pager", "--lines=60", "--output=cat"]
        print(subprocess.run(journal, capture_output=True, text=True, check=False).stdout)
    tell("end", took_s=round(time.monotonic() - begun_s, 1))


if __name__ == "__main__":
    main()
