"""A Linux board as a platform: sensors, clocks to set, time to keep, settings to give back."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from adaptive.board.borrowed import BorrowedSettings, Taken
from adaptive.board.clock import Clock
from adaptive.board.firmware import FirmwareFlags
from adaptive.board.frequency import FrequencyControl
from adaptive.board.match import MatchedBoard
from adaptive.board.policies import find_policies
from adaptive.board.readings import Believable, Trust
from adaptive.board.restore import Write, write_attribute
from adaptive.board.roots import Roots
from adaptive.board.sensors import BoardSensors, Sensed
from adaptive.board.snapshot import OnExit, SnapshotFile
from adaptive.faults import Fault, FaultLog
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.work import Work

_SUSPENDED_S = 0.5  # a longer sleep of the machine makes everything known before void
_LOOK_S = 1.0  # how often a policy that is unplugged is looked for


@dataclass(frozen=True, slots=True)
class Manners:
    """How the platform behaves towards the machine it is a guest on.

    Attributes
    ----------
    period_s
        Control period [s].
    read_s
        Deadline of the sensor reads within it [s].
    on_exit
        What becomes of the settings when it leaves.
    writes
        Whether it may change settings at all; else it advises the application only.
    """

    period_s: float
    read_s: float
    on_exit: OnExit = "restore"
    writes: bool = True


@dataclass(frozen=True, slots=True)
class Application:
    """What the platform asks of, and tells, the governed application.

    Attributes
    ----------
    work
        Returns what it did over the last period.
    is_governed
        Returns whether there is one: without it the machine is left as it was.
    publish
        Tells it which point is in effect.
    pause
        Waits for a time [s], and may serve it meanwhile.
    """

    work: Callable[[], Work]
    is_governed: Callable[[], bool]
    publish: Callable[[OperatingPoint], None]
    pause: Callable[[float], None]


class LinuxPlatform:
    """Drives a board through sysfs, and leaves it as it was found.

    Nothing is written before the original settings are safe on disk; while no application is
    governed they are put back. The kernel's thermal zones and trips are never touched.

    Parameters
    ----------
    plant
        The board's model, by which a missing meter is stood in for.
    matched
        Its names as the kernel spells them.
    roots
        Where the kernel shows itself.
    zone_names
        Kernel name of a zone, where it differs.
    manners
        How to behave.
    application
        Whom to govern.
    clock
        Time.
    faults
        Where to report.
    snapshot
        Where original settings are kept.
    write
        Writes a file; replaced in rehearsals.
    """

    def __init__(
        self,
        plant: Plant,
        matched: MatchedBoard,
        roots: Roots,
        *,
        zone_names: Mapping[str, str],
        manners: Manners,
        application: Application,
        clock: Clock,
        faults: FaultLog,
        snapshot: SnapshotFile,
        bounds: Believable,
        write: Write = write_attribute,
    ) -> None:
        self._plant, self._roots, self._manners = plant, roots, manners
        self._application, self._clock, self._faults = application, clock, faults
        self._write = write
        self._sensors = BoardSensors(
            matched, roots, names=zone_names, clock=clock, faults=faults, bounds=bounds
        )
        self._controls = {
            island: FrequencyControl(policy, faults, write=write)
            for island, policy in matched.policies.items()
        }
        self._borrowed = BorrowedSettings(
            self._controls.values,
            roots,
            snapshot=snapshot,
            on_exit=manners.on_exit,
            clock=clock,
            faults=faults,
            write=write,
        )
        self._looked_s = -math.inf
        self._asleep_s: float | None = None
        self._slipped_s = 0.0
        self._point: OperatingPoint | None = None
        self._handing_over = False
        self.sensed: Sensed | None = None
        self.caps: dict[str, float] = {}
        self.estimate_w = math.nan
        self._estimated: tuple[tuple[str, float, int], float] = (("", 0.0, 0), 0.0)
        self.cycles = 0

    def __enter__(self) -> Self:
        """Put back what an earlier run that died left behind."""
        if self._manners.writes and self._borrowed.taken is None:
            self._borrowed.clean_up()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._sensors.close()
        if not self._handing_over:
            self._borrowed.settle()

    def hand_over(self) -> Taken:
        """Leave settings as they are for the platform that takes over; return the originals."""
        self._handing_over = True
        return self._borrowed.taken

    def take_over(self, taken: Taken) -> None:
        """Go on from where another platform left off."""
        self._borrowed.taken = taken

    def observe(self) -> Observation:
        """Read every sensor, look for what others did, and ask the application."""
        self._notice_suspend()
        now_s = self._clock.now_s()
        work = self._application.work()
        self.estimate_w = self._estimated_w(work)
        self.sensed = sensed = self._sensors.sense(self._manners.read_s, power_w=self.estimate_w)
        self.caps = self._look_at_policies(now_s, sensed.flags)
        if any(temp >= self._plant.critical_degc for temp in sensed.temps_degc.values()):
            self._faults.met(Fault.CRITICAL, detail="the kernel may switch the board off")
        else:
            self._faults.over(Fault.CRITICAL)
        self.cycles += 1
        return Observation(
            time_s=now_s,
            temps_degc=sensed.temps_degc,
            ages_s=sensed.ages_s,
            power_w=sensed.power_w,
            demand_hz=work.demand_hz,
            served_hz=work.served_hz,
            latency_s=work.latency_s,
            backlog=work.backlog,
            caps=self.caps,
            fan_state=sensed.fan_state,
        )

    def apply(self, point: OperatingPoint) -> None:
        """Set the clocks of a point and tell the application, or release the machine."""
        self._point = point
        if self._application.is_governed() and self._manners.writes:
            if self._borrowed.take():
                now_s = self._clock.now_s()
                for island, opp in point.islands.items():
                    if island in self._controls:
                        self._controls[island].hold(opp.frequency_hz, now_s)
        else:
            self._borrowed.give_back()
        self._application.publish(point)

    def wait_until(self, time_s: float) -> None:
        """Wait for a time [s]; one that has passed costs whole periods, which are not caught up."""
        target_s, now_s = time_s + self._slipped_s, self._clock.now_s()
        if now_s > target_s:
            missed = math.ceil((now_s - target_s) / self._manners.period_s)
            self._slipped_s += missed * self._manners.period_s
            target_s += missed * self._manners.period_s
            self._faults.met(Fault.OVERRUN, detail=f"{missed} period(s) skipped")
        else:
            self._faults.over(Fault.OVERRUN)
        self._application.pause(target_s - now_s)

    @property
    def controls_clock(self) -> bool:
        """Whether the clock of every cluster can be set now; else only the application is told."""
        now_s = self._clock.now_s()
        islands = {cluster.island for cluster in self._plant.clusters}
        return (
            self._manners.writes
            and self._borrowed.may_take
            and islands <= set(self._controls)
            and all(control.obeys(now_s) for control in self._controls.values())
        )

    @property
    def trust(self) -> Mapping[str, Trust]:
        """How far each zone was believed last."""
        return {} if self.sensed is None else self.sensed.trust

    @property
    def is_holding(self) -> bool:
        """Whether settings are changed now."""
        return self._borrowed.taken is not None

    @property
    def intents_hz(self) -> dict[str, float | None]:
        """The frequency each island is held at, None where it is left alone [Hz]."""
        return {island: control.intent_hz for island, control in self._controls.items()}

    def _notice_suspend(self) -> None:
        asleep_s = self._clock.now_s() - self._clock.awake_s()
        before_s, self._asleep_s = self._asleep_s, asleep_s
        if before_s is not None and asleep_s - before_s > _SUSPENDED_S:
            self._faults.once(Fault.RESUMED, detail=f"after {asleep_s - before_s:.0f} s of sleep")
            self._sensors.reset()
            for control in self._controls.values():
                control.forget()

    def _look_at_policies(self, now_s: float, flags: FirmwareFlags | None) -> dict[str, float]:
        caps = {}
        for island, control in self._controls.items():
            cap_hz = control.check(now_s)
            if cap_hz is not None:
                caps[island] = cap_hz
        names = [control.policy.name for control in self._controls.values()]
        lost = any(self._faults.is_active(Fault.POLICY_OFFLINE, name) for name in names)
        if lost and now_s - self._looked_s >= _LOOK_S:
            self._looked_s = now_s
            self._enumerate()
        for fault, on in (
            (Fault.UNDERVOLTAGE, flags is not None and flags.undervoltage),
            (Fault.FIRMWARE_CAP, flags is not None and flags.caps_clock),
        ):
            if on:
                self._faults.met(fault, detail="says the Raspberry Pi's firmware")
            else:
                self._faults.over(fault)
        return caps

    def _enumerate(self) -> None:
        """Find the policy of processors whose old one is gone."""
        found = find_policies(self._roots)
        for island, control in list(self._controls.items()):
            old = control.policy
            for policy in found:
                if policy.path != old.path and set(policy.cpus) & set(old.cpus):
                    # The new one's settings are to be kept before any write.
                    self._borrowed.give_back()
                    self._faults.over(Fault.POLICY_OFFLINE, old.name)
                    self._controls[island] = FrequencyControl(
                        policy, self._faults, write=self._write
                    )

    def _estimated_w(self, work: Work) -> float:
        """Return what the model says the board draws at the point in effect [W]."""
        if self._point is None or self.sensed is None or not self.sensed.temps_degc:
            return 0.0
        busy = round(min(work.served_hz * self._point.latency_s, 1.0), 2)
        hottest = round(max(self.sensed.temps_degc.values()))
        asked = (self._point.name, busy, hottest)
        if asked != self._estimated[0]:
            temps = [float(hottest)] * len(self._plant.network.nodes)
            power = self._plant.node_power_w(self._point.islands, {self._point.cores: busy}, temps)
            self._estimated = (asked, float(power.sum()))
        return self._estimated[1]
