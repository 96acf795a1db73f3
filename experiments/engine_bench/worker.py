"""A long-lived process that runs one runtime, spoken to in JSON lines (`peers.serve`)."""

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from adaptive.errors import AdaptiveError

ROOT = Path(__file__).parents[2]
# Appended, not prepended: the packages of the peer's own environment come first.
START = (
    "import runpy, sys; root, module = sys.argv[1:]; sys.path.append(root); "
    "runpy.run_module(module, run_name='__main__')"
)
# No library of linear algebra may start threads beside those a session was given.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkerError(AdaptiveError):
    """A runtime could not load or run a model; the message is its own."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One model in one worker, ready to be timed."""

    worker: "Worker"
    key: str

    def burst(self, *, seconds: float, runs: int) -> list[float]:
        """Time runs in a row [ms]; raises WorkerError."""
        reply = self.worker.ask({"do": "time", "key": self.key, "seconds": seconds, "runs": runs})
        return [float(spent) for spent in reply["ms"]]


class Worker:
    """A process serving one runtime.

    Parameters
    ----------
    name
        Of the runtime, for messages.
    python
        Its interpreter.
    module
        Its module, with a `serve` loop.
    root
        Folder of our packages.
    log
        File that takes what its libraries print.
    """

    def __init__(
        self, name: str, python: Path, module: str, *, log: Path, root: Path = ROOT
    ) -> None:
        self.name = name
        self._log = log.open("ab")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | ENVIRONMENT
        self._process = subprocess.Popen(
            [str(python), "-P", "-c", START, str(root), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        self._requests = cast("IO[str]", self._process.stdin)
        self._answers = cast("IO[str]", self._process.stdout)

    def load(
        self, key: str, *, network: Path, images: Path, folder: Path, plan: str, threads: int
    ) -> tuple[Timed, list[float]]:
        """Load a model; return it and its first image's logits. Raises WorkerError."""
        request = {
            "do": "load",
            "key": key,
            "network": str(network),
            "images": str(images),
            "folder": str(folder),
            "plan": plan,
            "threads": threads,
        }
        return Timed(self, key), [float(value) for value in self.ask(request)["output"]]

    def ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises
        ------
        WorkerError
            If the runtime could not do it, or the process ended.
        """
        try:
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
            line = self._answers.readline()
        except OSError as error:
            raise WorkerError(f"{self.name}: the worker is gone ({error.strerror})") from error
        if not line:
            code = self._process.wait()
            raise WorkerError(
                f"{self.name}: the worker ended with code {code}; see {self._log.name}"
            )
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerError(f"{self.name}: {reply['error']}")
        return reply

    @property
    def ended(self) -> bool:
        """Whether the process is gone: nothing more can be asked of it."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self._requests.close()
        self._process.wait()
        self._answers.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
