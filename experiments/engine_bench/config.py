"""What is measured: networks, peers and how often; read from ``engine_bench.yaml``."""

from dataclasses import dataclass
from typing import Literal

from models.zoo.catalogue import Kind

Plan = Literal["all-8", "all-16", "all-16-fast", "int8", "int16x8", "fp32"]
NATIVE: tuple[Plan, ...] = ("all-8", "all-16", "all-16-fast")
"""Plans of our own engine, as its rows name them."""


@dataclass(frozen=True, slots=True)
class NetworkEntry:
    """A network of the zoo: a trained artifact, or random weights from a seed where it is None."""

    kind: Kind
    artifact: str | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A runtime to compare with.

    Parameters
    ----------
    name
        As its rows name it, and as its virtual environment is called.
    module
        Module of `experiments.engine_bench` that serves it, run by its own interpreter.
    plans
        Model kinds it times.
    requirements
        Pinned packages of its virtual environment; none runs it in ours.
    """

    name: str
    module: str
    plans: tuple[Plan, ...]
    requirements: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.plans:
            raise ValueError(f"plans of peer {self.name} is empty, expected at least one")
        for requirement in self.requirements:
            if "==" not in requirement:
                raise ValueError(
                    f"peer {self.name} requires {requirement!r}, expected a pinned NAME==VERSION"
                )


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """The whole run; see the comments in ``engine_bench.yaml``."""

    networks: tuple[NetworkEntry, ...]
    peers: tuple[Peer, ...]
    threads: tuple[int, ...]
    rounds: int
    burst_s: float
    burst_runs: int
    slow_ms: float
    slow_rounds: int
    layer_rounds: int
    seed: int
    calibration_images: int

    def __post_init__(self) -> None:
        if not self.threads or min(self.threads) < 1:
            raise ValueError(f"threads is {self.threads}, expected counts of at least 1")
        for field in ("rounds", "burst_runs", "slow_rounds", "layer_rounds", "calibration_images"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} is {getattr(self, field)}, expected at least 1")
        for field in ("burst_s", "slow_ms"):
            if not getattr(self, field) > 0.0:
                raise ValueError(f"{field} is {getattr(self, field)}, expected above 0")
        names = [peer.name for peer in self.peers]
        if len(set(names)) != len(names) or "native" in names:
            raise ValueError(f"peers are {names}, expected each once and none called native")
