"""The workers of all runtimes, with every model loaded that is to be timed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import AdaptiveError
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments.engine_bench.config import NATIVE, BenchConfig, Peer, Plan
from experiments.engine_bench.networks import BenchNetwork
from experiments.engine_bench.rounds import Target
from experiments.engine_bench.venvs import interpreter, set_up
from experiments.engine_bench.worker import Worker, WorkerError

NATIVE_MODULE = "experiments.engine_bench.native"
# A quantised model of the same network answers nearly alike; another network would not.
AGREEMENT = 0.9


@dataclass(slots=True)
class Fleet:
    """What can be timed, and why the rest cannot: `missing` maps a runtime or model to a reason."""

    targets: list[Target] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


@contextmanager
def fleet_of(
    config: BenchConfig,
    networks: Sequence[BenchNetwork],
    *,
    cache: Path,
    setting_up: bool,
    progress: Callable[[float], None],
) -> Iterator[Fleet]:
    """Start a worker a runtime and load every model into it; they end with the context."""
    fleet = Fleet()
    models = cache / "models"
    models.mkdir(parents=True, exist_ok=True)
    native = Peer("native", NATIVE_MODULE, NATIVE)
    runtimes = (native, *config.peers)
    wanted = {network.name: answer_of(network) for network in networks}
    with ExitStack() as stack:
        for index, peer in enumerate(runtimes):
            try:
                if setting_up:
                    set_up(peer, cache)
                python = interpreter(peer, cache)
            except AdaptiveError as error:
                fleet.missing[peer.name] = str(error)
                continue
            worker = Worker(peer.name, python, peer.module, log=cache / f"{peer.name}.log")
            stack.enter_context(worker)
            for step, network in enumerate(networks):
                for plan in peer.plans:
                    if not worker.ended:
                        _load(fleet, worker, network, plan, config, models, wanted[network.name])
                progress((index + (step + 1) / len(networks)) / len(runtimes))
        yield fleet


def _load(
    fleet: Fleet,
    worker: Worker,
    network: BenchNetwork,
    plan: Plan,
    config: BenchConfig,
    folder: Path,
    wanted: NDArray[np.float64],
) -> None:
    """Load one network at one plan for every thread count."""
    path = network.artifact_path if worker.name == "native" else network.float_path
    for threads in config.threads:
        name = f"{worker.name} {network.name} {plan}"
        try:
            timed, answer = worker.load(
                f"{network.name}/{plan}/{threads}",
                network=path,
                images=network.images_path,
                folder=folder,
                plan=plan,
                threads=threads,
            )
            check_agreement(np.asarray(answer), wanted)
        except WorkerError as error:
            fleet.missing[name] = str(error)
            return
        fleet.targets.append(Target(network.name, threads, worker.name, plan, timed))


def answer_of(network: BenchNetwork) -> NDArray[np.float64]:
    """Return the logits of the first image as our reference computes them at 16 bits."""
    engine = ReferenceEngine(network.artifact)
    effort = Effort(PrecisionPlan.uniform(network.artifact.layers, Bits.INT16))
    image = np.load(network.images_path, allow_pickle=False)[:1]
    logits: NDArray[np.float64] = engine.logits(engine.run(image, effort), effort)[0]
    return logits


def check_agreement(answer: NDArray[np.float64], wanted: NDArray[np.float64]) -> None:
    """Raise WorkerError unless a model's logits correlate with ours: it is the same network."""
    if answer.shape != wanted.shape:
        raise WorkerError(f"answers {answer.shape} logits, expected {wanted.shape}")
    found = float(np.corrcoef(answer, wanted)[0, 1])
    if not found > AGREEMENT:
        raise WorkerError(f"its logits correlate with ours by {found:.2f}, expected {AGREEMENT}")
