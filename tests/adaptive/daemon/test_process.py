"""The daemon as a process: signals, death, restart, what systemd and the network are told."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import killing
import pytest
from running_daemon import PATIENCE_S, Running, running

import adaptive.link
from adaptive.client import Governed, Refusal
from adaptive.daemon import main as program
from adaptive.errors import PlatformError

SUPPORT = Path(killing.__file__).parent


def get(daemon: Running, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}{path}", timeout=30) as answer:
        return str(answer.read().decode())


def test_rows_24_to_27_a_life_from_ready_to_stopping_with_a_death_in_between() -> None:
    with running() as daemon:
        daemon.wait_told("READY=1")
        daemon.wait(lambda: daemon.board.read("scaling_governor") == "userspace")
        daemon.wait_told("WATCHDOG=1")

        # Row 25: a loop that stands still does not feed the watchdog.
        daemon.process.send_signal(signal.SIGSTOP)
        daemon.manager.settimeout(0.3)
        silent = 0
        while silent < 3:
            try:
                daemon.manager.recv(4096)
                silent = 0
            except TimeoutError:
                silent += 1
        daemon.manager.settimeout(PATIENCE_S)

        # Row 24: killed like that it leaves its snapshot, from which ExecStopPost restores.
        daemon.end(signal.SIGKILL)
        assert daemon.board.read("scaling_governor") == "userspace"
        assert program.main([*daemon.arguments, "--restore"]) == program.DONE
        assert daemon.board.settings() == daemon.original

        # Row 27: again and again, and still it is as it was.
        daemon.told.clear()
        daemon.process = daemon.start()
        daemon.wait_told("READY=1")
        daemon.wait(lambda: daemon.board.read("scaling_governor") == "userspace")
        assert program.main(daemon.arguments) == program.SECOND

        # Row 26.
        daemon.drain()
        said = daemon.end()
        daemon.wait_told("STOPPING=1")
        assert daemon.process.returncode == 0
        assert daemon.board.settings() == daemon.original
        assert "stopped after" in said


def test_applications_pages_and_reloads_while_it_runs() -> None:
    with running(govern="leased") as daemon:
        daemon.wait_told("READY=1")
        with Governed("camera", path=daemon.socket) as governed:
            plan = governed.wait_for_plan()
            assert len(plan.bits) == len(governed.layers) == 6
            with pytest.raises(Refusal, match=r"already governed: camera"):
                Governed("other", path=daemon.socket)
            governed.report(demand_hz=30.0, served_hz=30.0, latency_s=0.01)
            assert governed.headroom(5.0) is not None
            daemon.wait(lambda: daemon.board.read("scaling_governor") == "userspace")

            metrics = get(daemon, "/metrics")
            assert 'adaptive_zone_celsius{zone="cpu-thermal"} 45' in metrics
            assert "adaptive_cap_celsius 80" in metrics
            assert json.loads(get(daemon, "/status"))["application"] == "camera"
            assert "<svg" in get(daemon, "/")
            with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/events") as events:
                assert json.loads(events.readline().decode().removeprefix("data: "))["board"]
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(daemon, "/etc/passwd")

            text = daemon.configuration.read_text(encoding="utf-8")
            daemon.configuration.write_text(text + "cap_degc: 70.0\n", encoding="utf-8")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait(lambda: governed.status()["cap_degc"] == 70.0)
            assert daemon.board.read("scaling_governor") == "userspace", "not given back between"
            daemon.configuration.write_text(text + "cap_degc: 7000.0\n", encoding="utf-8")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait(lambda: "reload-refused" in str(governed.status()["faults"]))
            assert governed.status()["cap_degc"] == 70.0
        # Nobody is governed any more: the machine is given back while the daemon runs on.
        daemon.wait(lambda: daemon.board.settings() == daemon.original)
        assert compile_and_run_c_client(daemon) == 0
        daemon.end()
        assert daemon.process.returncode == 0
        with pytest.raises(PlatformError, match=r"no daemon answers"):
            Governed(path=daemon.socket)


def compile_and_run_c_client(daemon: Running) -> int:
    """The C client's exit code; 0 where there is no compiler to try with."""
    if shutil.which("cc") is None:
        return 0
    source = Path(adaptive.link.__file__).parent / "c/client.c"
    binary = daemon.folder / "client"
    subprocess.run(["cc", "-o", str(binary), str(source)], check=True)
    done = subprocess.run(
        [binary, daemon.socket, "once"], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("plan "), done.stdout + done.stderr
    return done.returncode


def test_row_24_killed_at_any_step_that_touches_a_disk_everything_is_restored() -> None:
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base, prefix="adaptived-") as name:
        done = subprocess.run(
            [sys.executable, str(SUPPORT / "killing.py"), name],
            capture_output=True, text=True, check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path])},
        )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    steps, found = lines[0]["steps"], lines[1:]
    assert len(found) == 2 * steps, done.stderr
    assert steps >= 10, "taking, holding and giving back take more than that"
    assert all(row["killed"] for row in found)
    assert any(row["was_changed"] for row in found), "some of them left the board changed"
    bad = [row for row in found if not row["restored"] or row["code"] or row["snapshot_left"]]
    assert bad == []
