"""The daemon as a process of its own, on a folder that stands in for a board."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rehearsal import PI_KHZ, configure

from experiments.stand_in import FakeBoard

PATIENCE_S = 60.0


class Running:
    """A daemon that runs, with what it tells its service manager.

    `under` is a command that the first start is made with; it is told the board.
    """

    def __init__(
        self, folder: Path, under: Callable[[FakeBoard], list[str]] | None = None, **fields: object
    ) -> None:
        self.board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ)
        self.original = self.board.settings()
        self.folder, self.socket = folder, folder / "run/control.sock"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.configuration = configure(folder, web={"port": self.port}, **fields)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(PATIENCE_S)
        self.told: list[str] = []
        self.process = self.start(*(under(self.board) if under else []))

    def start(self, *under: str) -> subprocess.Popen[str]:
        environment = os.environ | {
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "WATCHDOG_USEC": "400000",
        }
        return subprocess.Popen(
            [*under, sys.executable, "-m", "adaptive.daemon", *self.arguments],
            env={k: v for k, v in environment.items() if k != "JOURNAL_STREAM"},
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def arguments(self) -> list[str]:
        return ["--root", str(self.board.root), "--config", str(self.configuration)]

    def wait_told(self, what: str) -> None:
        while not any(line.startswith(what) for line in self.told):
            self.told += self.manager.recv(4096).decode().split("\n")

    def drain(self) -> None:
        """Read what was told so far: the queue is short, and what does not fit is lost."""
        self.manager.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.manager.recv(4096)
        self.manager.settimeout(PATIENCE_S)

    def wait(self, true: Callable[[], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end_s
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=PATIENCE_S)[1]


@contextmanager
def running(
    under: Callable[[FakeBoard], list[str]] | None = None, **fields: object
) -> Iterator[Running]:
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base, prefix="adaptived-") as name:
        daemon = Running(Path(name), under, **fields)
        try:
            yield daemon
        finally:
            daemon.process.kill()
            daemon.process.communicate()
            daemon.manager.close()
