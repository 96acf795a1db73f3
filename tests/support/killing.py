"""Kills the daemon at each of its steps that touch a disk, and restores each time.

Run as a program with a folder: it forks one child for each such step of a run that takes the
settings over, holds them and gives them back; the child dies by SIGKILL right before, or right
after, that step. Then `adaptived --restore` runs, as systemd would run it. One JSON line tells
each step and what was found.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rehearsal import NETWORKS, PI_KHZ, Rehearsal, choose

from adaptive.daemon import main as program
from experiments.stand_in import FakeBoard, write

PERIODS = 8
STEPS = ("write", "replace", "unlink", "fsync", "ftruncate", "mkdir")


def main(folder: Path) -> None:
    """Kill before and after every step; print what was found."""
    choose("rpi4b", NETWORKS)  # once, for all the children
    total = count_steps(folder / "count")
    print(json.dumps({"steps": total}), flush=True)
    for step in range(1, total + 1):
        for after in (False, True):
            name = f"{step}{'b' if after else 'a'}"
            print(json.dumps(kill_at(folder / name, step, after=after)), flush=True)


def count_steps(folder: Path) -> int:
    """How many steps a run has when nobody kills it."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        counter = Counter(None, after=False)
        run(folder, counter)
        os.write(writing, str(counter.count).encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    return int(os.read(reading, 100))


def kill_at(folder: Path, step: int, *, after: bool) -> dict[str, Any]:
    """Run until a step, die there, restore; tell whether all is as it was."""
    child = os.fork()
    if child == 0:
        run(folder, Counter(step, after=after))
        os._exit(7)
    _, status = os.waitpid(child, 0)
    board = FakeBoard.at(folder / "board")
    left = board.settings()
    with Path(os.devnull).open("w") as quiet, contextlib.redirect_stderr(quiet):
        code = program.main(
            ["--root", str(board.root), "--config", str(folder / "adaptived.yaml"), "--restore"]
        )
    return {
        "step": step,
        "after": after,
        "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        "was_changed": left != ORIGINAL,
        "code": code,
        "restored": board.settings() == ORIGINAL,
        "snapshot_left": (folder / "run/snapshot.json").exists(),
    }


ORIGINAL = {"policy0": ("schedutil", "600000", "1800000")}


def run(folder: Path, counter: "Counter") -> None:
    """Govern for some periods, with a cap of the kernel in between so that clocks change."""
    folder.mkdir(parents=True)
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ)
    rehearsal = Rehearsal(folder, fake=board)

    def heat() -> None:
        with counter.paused():
            board.set_temp(79.9)

    def throttle() -> None:
        with counter.paused():
            write(board.thermal / "cooling_device0/cur_state", 0)

    with counter.counting():
        rehearsal.run(PERIODS, {4: heat, 6: throttle})


class Counter:
    """Counts the steps that touch a disk, and dies at one of them."""

    def __init__(self, at: int | None, *, after: bool) -> None:
        self.count, self._at, self._after, self._on = 0, at, after, False

    @contextlib.contextmanager
    def counting(self) -> Any:
        kept = {name: getattr(os, name) for name in STEPS}
        for name, call in kept.items():
            setattr(os, name, self._counted(call))
        self._on = True
        yield
        self._on = False
        for name, call in kept.items():
            setattr(os, name, call)

    @contextlib.contextmanager
    def paused(self) -> Any:
        self._on = False
        yield
        self._on = True

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if not self._on:
                return call(*arguments, **named)
            self.count += 1
            mine = self.count == self._at
            if mine and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return call(*arguments, **named)
            finally:
                if mine:
                    os.kill(os.getpid(), signal.SIGKILL)

        return counted


if __name__ == "__main__":
    main(Path(sys.argv[1]))
