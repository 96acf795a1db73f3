"""The daemon's one service: an assembly at work, and everybody it talks to."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from adaptive.board.linux import Application, LinuxPlatform, Manners
from adaptive.board.readings import Believable
from adaptive.board.snapshot import SnapshotFile
from adaptive.daemon.assembly import Assembly
from adaptive.daemon.desk import Desk, Peer, own_and_root
from adaptive.daemon.forecast import Forecaster
from adaptive.daemon.governors import Circumstances, Deciding, guarded, make_governor
from adaptive.daemon.lease import Leases
from adaptive.daemon.notify import Notifier
from adaptive.daemon.outside import Outside
from adaptive.daemon.record import Recorder
from adaptive.daemon.view import Costs, describe
from adaptive.errors import AdaptiveError
from adaptive.faults import Fault, FaultLog
from adaptive.link.messages import (
    Ahead,
    Forecast,
    Lease,
    Leased,
    Noted,
    Refused,
    Release,
    Released,
    Reply,
    Report,
    Request,
    Shown,
    Status,
)
from adaptive.link.page import PageWriter
from adaptive.link.plan import Heat, Plan, headroom, plan_of
from adaptive.loop import Sample, run
from adaptive.operating_point import OperatingPoint
from adaptive.safety import SafetyGuard
from adaptive.work import UNKNOWN, Work

_READ_SHARE = 0.5  # of a period that sensor reads may take
_MIB = 2**20


class Service:
    """Runs assemblies one after another; the socket, the page and the lease outlive them.

    Parameters
    ----------
    assembly
        What to run first.
    faults
        Where to report.
    outside
        What is outside.

    Raises
    ------
    PlatformError
        If the socket or the page cannot be made.
    """

    def __init__(
        self, assembly: Assembly, faults: FaultLog, outside: Outside | None = None
    ) -> None:
        self._outside = outside or Outside()
        self.assembly, self.faults = assembly, faults
        self._clock = self._outside.clock
        configuration = assembly.configuration
        self.folder = Path(configuration.runtime)
        self.leases = Leases(self._clock, faults, lease_s=configuration.socket.lease_s)
        self._desk = Desk(
            Path(configuration.socket.path),
            uids=own_and_root() | configuration.uids(),
            clock=self._clock,
            faults=faults,
            answer=self._answer,
            left=self.leases.end,
        )
        self._page = PageWriter(self.folder / "plan")
        self._recorder = self._new_recorder()
        self._notifier = Notifier(self._outside.environment)
        self.costs = Costs()
        self._stopping = False
        self._next: Assembly | None = None
        self._plan: Plan | None = None
        self._shown: Mapping[str, object] = {}
        self._sample: Sample | None = None
        self._cycle_began_s = 0.0
        self._began_s = self._clock.awake_s()
        self._set_up()

    def run(self) -> None:
        """Govern until `stop`; settings are as they were when it returns, or raises."""
        taken = None
        while True:
            self.platform.take_over(taken)
            run(
                self.platform,
                self._governor,
                period_s=self.assembly.configuration.period_s,
                stop=self._should_stop,
                record=self._record,
            )
            if self._stopping or self._next is None:
                return
            taken = self.platform.hand_over()
            self._swap(self._next)

    def stop(self) -> None:
        """End after the period that runs."""
        self._stopping = True
        self._notifier.say("STOPPING=1")

    def replace(self, make: Callable[[], Assembly]) -> None:
        """Swap to another assembly if it can be made; else say why not and go on as before."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._notifier.say("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        try:
            self._next = make()
        except AdaptiveError as error:
            self.faults.once(Fault.RELOAD_REFUSED, detail=str(error))
            self._notifier.say("READY=1")

    def close(self) -> None:
        """Hang up and take the page away."""
        self._desk.close()
        self._page.close()
        self._recorder.close()
        self._notifier.close()

    def status(self) -> dict[str, object]:
        """Return everything there is to see, as plain values."""
        return describe(self)

    @property
    def sample(self) -> Sample | None:
        """The last completed cycle."""
        return self._sample

    @property
    def plan(self) -> Plan | None:
        """What the application is told now."""
        return self._plan

    @property
    def guard(self) -> SafetyGuard:
        """The safety guard at work."""
        return self._governor

    @property
    def circumstances(self) -> Circumstances:
        """What is in our hands."""
        return self._circumstances

    @property
    def up_s(self) -> float:
        """How long it has run [s]."""
        return self._clock.awake_s() - self._began_s

    @property
    def peers(self) -> int:
        """How many are connected."""
        return self._desk.peers

    def _set_up(self) -> None:
        """Build what belongs to one assembly."""
        a, c = self.assembly, self.assembly.configuration
        self.platform = LinuxPlatform(
            a.plant,
            a.matched,
            self._outside.roots,
            zone_names=c.zones,
            manners=Manners(
                period_s=c.period_s,
                read_s=_READ_SHARE * c.period_s,
                on_exit=c.on_exit,
                writes=c.mode == "control",
            ),
            application=Application(
                work=self._work,
                is_governed=lambda: c.govern == "always" or self.leases.is_held,
                publish=self._publish,
                pause=self._desk.serve,
            ),
            clock=self._clock,
            faults=self.faults,
            snapshot=SnapshotFile(self.folder, self._outside.roots),
            bounds=Believable(),
            write=self._outside.write,
        )
        platform = self.platform
        self._circumstances = Circumstances(
            lambda: platform.controls_clock, lambda: self.leases.is_ignored
        )
        deciding = Deciding(
            lambda points: make_governor(
                c.governor,
                points,
                a.plant,
                ambient_degc=c.ambient_degc,
                cap_degc=a.cap_degc,
                period_s=c.period_s,
                deadline_s=c.deadline_s,
            ),
            a.table,
            circumstances=self._circumstances,
            faults=self.faults,
        )
        self._governor = guarded(deciding, a.table, a.plant, period_s=c.period_s)
        self._forecaster = Forecaster(a.plant, ambient_degc=c.ambient_degc, period_s=c.period_s)

    def _swap(self, assembly: Assembly) -> None:
        self._next, self.assembly = None, assembly
        self._recorder.close()
        self._recorder = self._new_recorder()
        self.leases.lease_s = assembly.configuration.socket.lease_s
        self._set_up()
        self.faults.over(Fault.RELOAD_REFUSED)
        self._notifier.say("READY=1")

    def _new_recorder(self) -> Recorder:
        entry = self.assembly.configuration.record
        path = None if entry.file is None else Path(entry.file)
        return Recorder(
            path, most_bytes=entry.most_mib * _MIB, clock=self._clock, faults=self.faults
        )

    def _should_stop(self) -> bool:
        if self._next is not None and not self._stopping:
            self.platform.hand_over()
            return True
        return self._stopping

    def _work(self) -> Work:
        """Return what the application did; called first in each cycle."""
        self._cycle_began_s = time.thread_time()
        work = self.leases.work(0 if self._plan is None else self._plan.sequence)
        always = self.assembly.configuration.govern == "always"
        return UNKNOWN if always and not self.leases.is_held else work

    def _publish(self, point: OperatingPoint) -> None:
        now_s = self._clock.now_s()
        before = self._plan
        if before is None or before.point != point.name:
            sequence = 1 if before is None else before.sequence + 1
            self._plan = plan_of(point, sequence, self.assembly.cpus(point.cores))
            self._page.write_plan(self._plan, now_s)

    def _record(self, sample: Sample) -> None:
        """Account for a completed cycle: the only place from which the watchdog is fed."""
        seen, point = sample.observation, sample.point
        if self._governor.in_doubt:
            self.faults.met(Fault.SAFE, detail=f"no reading to trust, or critical: {point.name}")
        else:
            self.faults.over(Fault.SAFE)
        hottest = max(seen.temps_degc.values(), default=math.nan)
        cap = self.assembly.cap_degc
        share = 1.0 if math.isnan(hottest) else headroom(hottest, cap)
        self._page.write_heat(
            Heat(seen.time_s, hottest, cap, share, safe=not self._governor.trusts)
        )
        self._forecaster.update(seen, point)
        self._recorder.add(sample)
        self._sample = sample
        if self.costs.cycles == 0:
            self._notifier.say("READY=1", f"STATUS=governing {self.assembly.plant.name}")
        self.costs.add(time.thread_time() - self._cycle_began_s)
        self._notifier.ping(self._clock.awake_s())

    def _answer(self, peer: Peer, request: Request) -> Reply:
        match request:
            case Report():
                refusal = self.leases.hear(peer, request)
                return Refused(refusal) if refusal else Noted(self._sequence)
            case Forecast(forecast_s):
                temp = self._forecaster.hottest_degc(forecast_s)
                return Ahead(None if temp is None else headroom(temp, self.assembly.cap_degc))
            case Lease(name):
                refusal = self.leases.grant(peer, name)
                return Refused(refusal) if refusal else self._leased()
            case Status():
                return Shown(self.status())
            case Release():
                self.leases.end(peer)
                return Released()

    @property
    def _sequence(self) -> int:
        return 0 if self._plan is None else self._plan.sequence

    def _leased(self) -> Leased:
        return Leased(
            page=str(self._page.path),
            artifact=self.assembly.artifact,
            layers=self.assembly.layers,
            lease_s=self.leases.lease_s,
        )
