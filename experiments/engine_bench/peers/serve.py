"""The worker's side of the bench: requests in, answers out, one JSON object a line.

Imports the standard library and numpy alone, so that it runs in the environment of any runtime.

``{"do": "load", "key", "network", "images", "folder", "plan", "threads"}`` builds or reads a model
and answers ``{"output": [...]}``, its first image's logits. ``{"do": "time", "key", "seconds",
"runs"}`` runs it once untimed, then until either limit is reached, and answers ``{"ms": [...]}``.
Whatever goes wrong is answered as ``{"error": "..."}``.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NS_PER_MS = 1e6


@dataclass(frozen=True)
class Request:
    """What to load: files, model kind and threads."""

    network: str
    images: str
    folder: str
    plan: str
    threads: int


@dataclass(frozen=True)
class Session:
    """A loaded model: `run` runs it on an image it holds, `output` then returns its logits."""

    run: Callable[[], object]
    output: Callable[[], list[float]]


def time_runs(run: Callable[[], object], *, seconds: float, runs: int) -> list[float]:
    """Time single runs after an untimed one [ms]."""
    run()
    spent: list[float] = []
    clock = time.perf_counter_ns
    end = clock() + int(seconds * 1e9)
    while len(spent) < runs:
        start = clock()
        run()
        now = clock()
        spent.append((now - start) / NS_PER_MS)
        if now > end:
            break
    return spent


def answer(
    request: dict[str, Any], sessions: dict[str, Session], load: Callable[[Request], Session]
) -> dict[str, Any]:
    """Carry out one request."""
    key = request["key"]
    if request["do"] == "load":
        fields = ("network", "images", "folder", "plan", "threads")
        session = load(Request(**{field: request[field] for field in fields}))
        session.run()
        sessions[key] = session
        return {"output": session.output()}
    timed = time_runs(sessions[key].run, seconds=request["seconds"], runs=request["runs"])
    return {"ms": timed}


def serve(load: Callable[[Request], Session]) -> None:
    """Answer requests until standard input ends."""
    # Libraries print where they like: what they print goes to standard error, answers do not.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sessions: dict[str, Session] = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), sessions, load)
        # A runtime raises what it likes; the bench reports it by name.
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        answers.write(json.dumps(reply) + "\n")
