"""The real daemon code on a folder for /sys, where time passes at once and the board heats."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import yaml
from fake_clock import FakeClock

from adaptive.board.restore import Write, write_attribute
from adaptive.config import load_board
from adaptive.daemon.assembly import assemble
from adaptive.daemon.desk import Peer
from adaptive.daemon.fitting import choose_here
from adaptive.daemon.networks import NetworkEntry
from adaptive.daemon.outside import Outside
from adaptive.daemon.service import Service
from adaptive.faults import Change, Fault, FaultLog
from adaptive.link.messages import Report
from adaptive.loop import Sample
from experiments.stand_in import FakeBoard
from thermal.discretise import discretise

PI_KHZ = tuple(range(600_000, 1_800_001, 100_000))
CAMERA = Peer(number=10**6, pid=1, uid=0)
STEP_S = 0.02
NETWORKS = (NetworkEntry(artifact="digits", images_per_frame=64),)

choose = functools.cache(choose_here)
"""Loading a network takes longer than most rehearsals."""


def configure(folder: Path, **fields: object) -> Path:
    """Write a configuration for the fake board; fields replace those given here."""
    content: dict[str, object] = {
        "schema": 1,
        "board": "rpi4b",
        "networks": [{"artifact": "digits", "images_per_frame": 64}],
        "policies": {"a72": "policy0"},
        "runtime": str(folder / "run"),
        "socket": {"path": str(folder / "run/control.sock")},
        "web": {"port": None},
        "govern": "always",
    }
    path = folder / "adaptived.yaml"
    kept = {key: value for key, value in (content | fields).items() if value is not ...}
    path.write_text(yaml.safe_dump(kept), encoding="utf-8")
    return path


class Heating:
    """The board's heat: what runs warms it, and its zone shows that."""

    def __init__(self, board: FakeBoard, *, ambient_degc: float = 25.0) -> None:
        self.plant = load_board("rpi4b")
        self.board = board
        self._model, self._ambient_degc = discretise(self.plant.network, STEP_S), ambient_degc
        self.temps = np.full(len(self.plant.network.nodes), ambient_degc)
        self.busy = 1.0
        self.peak_degc = ambient_degc
        board.set_temp(ambient_degc)

    def advance(self, time_s: float) -> None:
        hertz = self.board.running_hz()
        table = self.plant.islands.named("a72").table
        opp = max((o for o in table if o.frequency_hz <= hertz + 1.0), key=lambda o: o.frequency_hz)
        power = self.plant.node_power_w({"a72": opp}, {"a72": self.busy}, self.temps)
        for _ in range(max(round(time_s / STEP_S), 1)):
            self.temps = self._model.step(self.temps, power, self._ambient_degc)
        self.peak_degc = max(self.peak_degc, float(self.plant.junctions(self.temps).max()))
        if self.board.zone().exists():
            self.board.set_temp(self.plant.zones[0].reading_degc(float(self.temps[0])))


class Rehearsal:
    """A service on a fake board.

    `at` maps a number of periods to what happens after them; `run` returns with the service
    stopped and the settings given back.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fake: FakeBoard | None = None,
        root: Path | None = None,
        heats: bool = False,
        write: Write = write_attribute,
        **fields: object,
    ) -> None:
        self.board = fake or FakeBoard(folder / "board", frequencies_khz=PI_KHZ)
        self.original = self.board.settings()
        self.changes: list[Change] = []
        self.samples: list[Sample] = []
        self.faults = FaultLog(self.changes.append)
        self.clock = FakeClock(self._pass)
        self.path = configure(folder, **fields)
        self.heating = Heating(self.board) if heats else None
        roots = type(self.board.roots)(root or self.board.root)
        self.outside = Outside(roots=roots, clock=self.clock, write=write, environment={})
        assembly = assemble(self.path, roots, self.faults, choose=choose)
        self.service = Service(assembly, self.faults, self.outside)
        self._at: Mapping[int, Callable[[], object]] = {}
        self._periods = self._until = 0
        self._passed_s = 0.0

    def run(self, periods: int, at: Mapping[int, Callable[[], object]] | None = None) -> None:
        self._at, self._until = at or {}, periods
        try:
            self.service.run()
        finally:
            self.close()

    def close(self) -> None:
        self.service.close()

    def lease(self, name: str = "camera") -> str | None:
        return self.service.leases.grant(CAMERA, name)

    def report(self, *, obeys: bool = True, demand_hz: float = 30.0) -> str | None:
        plan = self.service.plan
        sequence = plan.sequence if plan is not None and obeys else 0
        report = Report(demand_hz=demand_hz, served_hz=30.0, latency_s=0.01, backlog=0,
                        sequence=sequence)  # fmt: skip
        return self.service.leases.hear(CAMERA, report)

    def begun(self, fault: Fault) -> int:
        """How often a fault was announced."""
        return sum(change.fault is fault and change.active for change in self.changes)

    @property
    def points(self) -> list[str]:
        return [sample.point.name for sample in self.samples]

    @property
    def coolest(self) -> str:
        return self.service.assembly.table.coolest.name

    def _pass(self, time_s: float) -> None:
        # A socket that is looked at on the way splits a period; count whole ones.
        self._passed_s += time_s
        period_s = self.service.assembly.configuration.period_s
        sample = self.service.sample
        if sample is not None and (not self.samples or self.samples[-1] is not sample):
            self.samples.append(sample)
        if self._passed_s < period_s - 1e-9 and self._periods:
            return
        self._passed_s = 0.0
        self._periods += 1
        if self.heating is not None:
            self.heating.advance(period_s)
        self._at.get(self._periods, lambda: None)()
        if self._periods >= self._until:
            self.service.stop()
