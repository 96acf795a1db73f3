"""A long life of the daemon among random faults: it never raises, overheats or keeps a setting."""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from rehearsal import CAMERA, PI_KHZ, choose
from stepping import Stepping

from adaptive.board.attribute import AttributeDenied, AttributeRefused
from adaptive.board.restore import write_attribute
from adaptive.daemon.assembly import assemble
from adaptive.faults import Fault
from adaptive.link.messages import Report
from experiments.stand_in import FakeBoard, write

AMBIENT_DEGC = 40.0
TEXTS = ["", "x", "0", "-128000", "-650788984", "151000", "nan", "\0", "45", "3000000000"]

MET: Counter[Fault] = Counter()
"""Faults met over all lives, and how often each began."""
STEPS: Counter[str] = Counter()
"""Steps taken, by rule."""


class Life(RuleBasedStateMachine):
    """What can happen to a daemon."""

    def __init__(self) -> None:
        super().__init__()
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(dir=base, prefix="adaptived-life-"))
        board = FakeBoard(self.folder / "board", frequencies_khz=PI_KHZ, meter_w=3.0, flags="0x0")
        self.writes = "well"
        self.rival: str | None = None
        self.obeys = True
        self.d = Stepping(
            self.folder,
            fake=board,
            heats=True,
            write=self._write,
            govern="leased",
            ambient_degc=AMBIENT_DEGC,
            meter="ina231.power1",
            record={"file": str(self.folder / "record.jsonl"), "most_mib": 0.1},
        )
        heating = self.d.heating
        assert heating is not None
        heating.temps[:] = AMBIENT_DEGC
        heating._ambient_degc = AMBIENT_DEGC
        heating.peak_degc = AMBIENT_DEGC
        self.heating = heating
        self.zone_away = self.policy_away = False
        self.demand_hz = 1e6
        self.blind = 0

    def _write(self, path: Path, text: str) -> None:
        if self.writes == "denied":
            raise AttributeDenied(f"cannot write {path}")
        if self.writes == "refused":
            raise AttributeRefused(f"cannot write {path}")
        if self.writes == "well":
            write_attribute(path, text)

    @rule(periods=st.integers(1, 4))
    def time_passes(self, periods: int) -> None:
        STEPS["time"] += 1
        for _ in range(periods):
            self._report()
            self.d.step()

    def _pass(self, what: str) -> None:
        STEPS[what] += 1
        self._report()
        self.d.step()

    def _report(self) -> None:
        plan = self.d.service.plan
        duty = 1.0 if plan is None or not self.obeys else plan.duty
        held = self.d.service.leases.is_held
        self.heating.busy = duty if held and self.demand_hz > 0.0 else 0.0
        if held:
            sequence = plan.sequence if plan is not None and self.obeys else 0
            served = 1e6 if self.heating.busy else 0.0
            self.d.service.leases.hear(CAMERA, Report(self.demand_hz, served, 0.01, 0, sequence))

    @rule(text=st.sampled_from(TEXTS))
    def a_zone_talks_nonsense(self, text: str) -> None:
        if not self.zone_away:
            write(self.d.board.zone(), text)
            heat, self.heating.advance = self.heating.advance, lambda time_s: None
            self._pass("nonsense")
            self.heating.advance = heat  # type: ignore[method-assign]

    @precondition(lambda self: not self.zone_away)
    @rule()
    def a_zone_vanishes(self) -> None:
        self.d.board.zone().parent.rename(self.folder / "zone-away")
        self.zone_away = True
        self._pass("zone vanishes")

    @precondition(lambda self: self.zone_away)
    @rule(number=st.integers(0, 3))
    def a_zone_comes_back(self, number: int) -> None:
        self._zone_back(number)
        self._pass(f"zone returns as {number}")

    def _zone_back(self, number: int) -> None:
        there = self.d.board.thermal / f"thermal_zone{number}"
        if self.zone_away:
            (self.folder / "zone-away").rename(there)
            self.zone_away = False
            self.d.board.first_zone = number

    @precondition(lambda self: not self.policy_away)
    @rule()
    def a_policy_is_unplugged(self) -> None:
        self.d.board.policy().rename(self.folder / "policy-away")
        self.policy_away = True
        self._pass("policy unplugged")

    @precondition(lambda self: self.policy_away)
    @rule()
    def a_policy_is_plugged_in(self) -> None:
        self._policy_back()
        self._pass("policy returns")

    def _policy_back(self) -> None:
        if self.policy_away:
            (self.folder / "policy-away").rename(self.d.board.policy())
            self.policy_away = False
            self.d.board.rewrite(
                scaling_governor="schedutil", scaling_setspeed="<unsupported>",
                scaling_min_freq=PI_KHZ[0], scaling_max_freq=PI_KHZ[-1],
            )  # fmt: skip

    @precondition(lambda self: not self.policy_away)
    @rule(khz=st.sampled_from(PI_KHZ))
    def the_kernel_caps_the_clock(self, khz: int) -> None:
        self.d.board.rewrite(scaling_max_freq=khz)
        write(self.d.board.thermal / "cooling_device0/cur_state", int(khz < PI_KHZ[-1]))
        self._pass("kernel cap")

    @precondition(lambda self: not self.policy_away and self.obeys)
    @rule(governor=st.sampled_from(["performance", "schedutil", "powersave"]))
    def a_rival_sets_its_own(self, governor: str) -> None:
        self.rival = governor
        self.d.board.rewrite(scaling_governor=governor)
        self._pass("rival")

    @rule(seconds=st.sampled_from([0.3, 5.0, 3600.0]))
    def the_machine_sleeps(self, seconds: float) -> None:
        self.d.clock.asleep_s += seconds
        self._pass("suspend")

    @rule(seconds=st.floats(0.01, 2.0))
    def a_period_is_overrun(self, seconds: float) -> None:
        self.d.clock.time_s += seconds
        self._pass("overrun")

    @rule(demand_hz=st.sampled_from([0.0, 30.0, 1e6]))
    def demand_changes(self, demand_hz: float) -> None:
        self.demand_hz = demand_hz
        self._pass("demand")

    @rule()
    def an_application_comes(self) -> None:
        self.d.lease()
        self._pass("lease")

    @rule()
    def it_goes(self) -> None:
        self.d.service.leases.end(CAMERA)
        self.obeys = True
        self._pass("release")

    @precondition(lambda self: self.writes == "well" and self.rival is None)
    @rule()
    def it_ignores_its_plan(self) -> None:
        self.obeys = False
        self._pass("ignores")

    @rule()
    def it_obeys_again(self) -> None:
        self.obeys = True
        self._pass("obeys")

    @precondition(lambda self: self.obeys)
    @rule(how=st.sampled_from(["denied", "refused", "deaf"]))
    def writes_fail(self, how: str) -> None:
        self.writes = how
        self._pass(f"writes {how}")

    @rule()
    def writes_go_well_again(self) -> None:
        self.writes = "well"
        self._pass("writes well")

    @rule(cap=st.sampled_from(["70.0", "75.0", "300.0", "hot"]))
    def it_is_reloaded(self, cap: str) -> None:
        text = self.d.path.read_text(encoding="utf-8").split("cap_degc")[0]
        self.d.path.write_text(f"{text}cap_degc: {cap}\n", encoding="utf-8")
        self.d.service.replace(
            lambda: assemble(self.d.path, self.d.board.roots, self.d.faults, choose=choose)
        )
        self._pass("reload")

    @rule(power=st.sampled_from(["3000000", "", "-5", "4000000"]))
    def the_meter_says(self, power: str) -> None:
        write(self.d.board.meter, power)
        self._pass("meter")

    @rule(flags=st.sampled_from(["0x0", "0x1", "0x8", "0x50005", "?"]))
    def the_firmware_says(self, flags: str) -> None:
        write(self.d.board.flags_path, flags)
        self._pass("firmware")

    @invariant()
    def the_board_is_never_above_the_guards_limit(self) -> None:
        assert self.heating.peak_degc < self.heating.plant.critical_degc

    def teardown(self) -> None:
        try:
            self._zone_back(0)
            self._policy_back()
            self.writes = "well"
            self.d.end()
            ours = {"userspace"}
            governor = self.d.board.settings()["policy0"][0]
            assert governor not in ours, "a setting was kept"
            if self.rival is None:
                assert governor == "schedutil"
            for change in self.d.changes:
                MET[change.fault] += change.active
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def live(examples: int, steps: int) -> None:
    chosen: Any = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # A life cut shorter takes minutes to find, and tells less than the steps that failed.
        phases=(Phase.generate,),
        print_blob=True,
    )
    run_state_machine_as_test(Life, settings=chosen)


def test_a_short_life_among_faults() -> None:
    live(3, 25)


REACHED = {
    Fault.ZONE_GONE, Fault.ZONE_GARBAGE, Fault.ZONE_SENTINEL, Fault.ZONE_ABSURD, Fault.ZONE_MOVED,
    Fault.SAFE, Fault.WRITE_DENIED, Fault.WRITE_REFUSED, Fault.WRITE_IGNORED, Fault.KERNEL_CAP,
    Fault.FIRMWARE_CAP, Fault.UNDERVOLTAGE, Fault.RIVAL, Fault.POLICY_OFFLINE, Fault.RESUMED,
    Fault.RELOAD_REFUSED, Fault.APPLICATION_IGNORES, Fault.METER_LOST, Fault.OVERRUN,
}  # fmt: skip


@pytest.mark.heavy
def test_a_long_life_among_faults(capsys: pytest.CaptureFixture[str]) -> None:
    STEPS.clear()
    while sum(STEPS.values()) < 200_000:
        live(200, 200)
    with capsys.disabled():
        print(f"\n{sum(STEPS.values()):,} steps")
        for what, count in sorted({**STEPS}.items()):
            print(f"  {what:<20} {count:>8,}")
        for fault in Fault:
            print(f"  {fault:<24} began {MET[fault]:>8,} times")
    assert set(MET) >= REACHED
