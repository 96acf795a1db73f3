"""Offline bounds kept from run to run, each under a hash of all that it depends on."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from experiments.oracle import search
from experiments.oracle.search import offline_bound
from experiments.scoreboard.cells import Setting
from thermal.network import Vector

STORED = Path(__file__).with_name("bounds.json.gz")


@dataclass(frozen=True, slots=True)
class KnownBound:
    """What is known of a run's best schedule; see `experiments.oracle.search.Bound`."""

    bound: float
    feasible: float
    infeasible: bool

    @property
    def gap(self) -> float:
        """Share of the bound that is not known to be within reach [0..1]."""
        return (self.bound - self.feasible) / self.bound if self.bound > 0.0 else 0.0


@cache
def _method() -> str:
    """Return a hash of how bounds are found."""
    sources = sorted(Path(search.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def bound_key(setting: Setting, cap_degc: float) -> str:
    """Return a hash of a run's board, points, demand, surroundings, start and cap.

    Numbers count to six digits, so that another machine's last bits make no other run.
    """
    plant, workload = setting.board.plant, setting.workload
    times = [(k + 0.5) * workload.period_s for k in range(workload.periods)]
    course = (workload.demand_hz(), workload.ambient_degc(), workload.cooling_factor())
    parts: list[Vector] = [
        plant.network.capacitance,
        plant.network.conductance.ravel(),
        plant.network.to_ambient,
        np.array([[p.C_active, p.C_idle, p.leakage.I_0] for p in plant.power.parts]).ravel(),
        np.array(sorted(plant.constant_w.values())),
        np.array([[p.frames_hz, p.accuracy, p.power_w] for p in setting.case.points]).ravel(),
        np.array([[function(t) for t in times] for function in course]).ravel(),
        np.array([*setting.case.worth.of_level.values(), workload.deadline_s, cap_degc]),
        setting.start_degc,
    ]
    text = " ".join(f"{value:.6g}" for part in parts for value in part.tolist())
    return hashlib.sha256(f"{_method()} {plant.name} {text}".encode()).hexdigest()[:24]


def find_bound(setting: Setting, cap_degc: float) -> KnownBound:
    """Bound a run at a cap."""
    found = offline_bound(
        setting.board.plant,
        setting.case.points.points,
        setting.workload,
        worth=setting.case.worth,
        start_degc=setting.start_degc,
        cap_degc=cap_degc,
    )
    return KnownBound(found.bound, found.feasible, found.infeasible)


def load_bounds(path: Path = STORED) -> dict[str, KnownBound]:
    """Read stored bounds; none where there is no file.

    Raises
    ------
    ConfigError
        If the file cannot be read as such.
    """
    if not path.exists():
        return {}
    try:
        rows = json.loads(gzip.decompress(path.read_bytes()))
        return {key: KnownBound(float(b), float(f), bool(i)) for key, (b, f, i) in rows.items()}
    except (OSError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not a file of bounds: {error}; delete it") from error


def save_bounds(bounds: Mapping[str, KnownBound], path: Path = STORED) -> None:
    """Write bounds, whole or not at all, the same bytes for the same bounds."""
    rows = {
        key: [round(b.bound, 7), round(b.feasible, 7), int(b.infeasible)]
        for key, b in sorted(bounds.items())
    }
    content = json.dumps(rows, separators=(",", ":")).encode()
    write_atomically(path, gzip.compress(content, mtime=0))
