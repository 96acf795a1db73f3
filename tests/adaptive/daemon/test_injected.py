"""Errors and deaths that the kernel itself answers the daemon's system calls with, by strace."""

import shutil
import signal
import subprocess
from collections.abc import Callable

import pytest
from running_daemon import PATIENCE_S, running

from adaptive.client import Connection
from adaptive.daemon import main as program
from experiments.stand_in import FakeBoard


def usable() -> bool:
    """Whether strace is here and may trace."""
    return (
        shutil.which("strace") is not None
        and not subprocess.run(
            ["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, check=False
        ).returncode
    )


pytestmark = pytest.mark.skipif(
    not usable(), reason="strace is not here or may not trace; on Debian: apt-get install strace"
)


def injecting(call: str, how: str, file: str) -> Callable[[FakeBoard], list[str]]:
    """Start under strace, as its child's parent so that signals reach the daemon itself."""

    def command(board: FakeBoard) -> list[str]:
        path = board.zone() if file == "temp" else board.policy() / file
        return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-P", str(path), "-e",
                f"trace={call}", "-e", f"inject={call}:{how}"]  # fmt: skip

    return command


def test_rows_3_and_4_the_kernel_answers_a_read_with_an_error_for_a_while() -> None:
    with running(injecting("pread64", "error=EIO:when=10..20", "temp")) as daemon:
        daemon.wait_told("READY=1")
        connection = Connection(daemon.socket)

        def over() -> bool:
            counts = {row["fault"]: row["count"] for row in connection.status()["fault_counts"]}  # type: ignore[attr-defined]
            return counts.get("zone-error", 0) == 11 and not connection.status()["faults"]

        daemon.wait(over)
        counts = {row["fault"]: row["count"] for row in connection.status()["fault_counts"]}  # type: ignore[attr-defined]
        # Two periods are held over, the other nine of eleven are SAFE, and two more to be sure.
        assert counts["safe"] == 11
        connection.close()
        said = daemon.end()
        assert said.count("zone-error (cpu-thermal): error") == 1


@pytest.mark.parametrize(("number", "file"), [(1, "scaling_setspeed"), (2, "scaling_governor")])
def test_row_24_killed_by_the_kernel_at_a_write(number: int, file: str) -> None:
    kill = injecting("write", f"signal=KILL:when={number}", file)
    with running(kill) as daemon:
        if number == 2:
            # The first write takes the clock, the second is half of giving it back.
            daemon.wait(lambda: daemon.board.read("scaling_governor") == "userspace")
            daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(timeout=PATIENCE_S) == -signal.SIGKILL
        assert daemon.board.settings() != daemon.original
        assert (daemon.folder / "run/snapshot.json").exists()
        assert program.main([*daemon.arguments, "--restore"]) == program.DONE
        assert daemon.board.settings() == daemon.original


def test_row_17_the_kernel_says_that_the_file_system_is_read_only() -> None:
    with running(injecting("write", "error=EROFS", "scaling_governor")) as daemon:
        daemon.wait_told("READY=1")
        connection = Connection(daemon.socket)
        daemon.wait(lambda: "write-denied" in str(connection.status()["faults"]))
        cycles = int(str(connection.status()["cycles"]))
        daemon.wait(lambda: int(str(connection.status()["cycles"])) > cycles + 5)
        assert connection.status()["in_hand"] == "effort only"
        connection.close()
        said = daemon.end()
        assert said.count("warning: write-denied") == 1, "one line, and no storm"
        # Opening it for the write that is refused empties a plain file, unlike one of sysfs.
        (governor, *limits), (first, *before) = (
            s["policy0"] for s in (daemon.board.settings(), daemon.original)
        )
        assert limits == before
        assert governor in ("", first)
