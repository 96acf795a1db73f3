"""What the daemon may meet on a board, one row after another, each really brought about.

The numbers are those of the table in docs/daemon.md.
"""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_files import FaultyFiles, usable
from rehearsal import CAMERA, PI_KHZ, Rehearsal, choose

from adaptive.board.restore import write_attribute
from adaptive.daemon import main as program
from adaptive.daemon.assembly import assemble
from adaptive.daemon.desk import Peer
from adaptive.errors import ConfigError, PlatformError
from adaptive.faults import Fault
from adaptive.link.messages import Report
from adaptive.link.page import PageReader, PageWriter
from adaptive.link.plan import Plan
from experiments.stand_in import FakeBoard, write


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, where a fake /sys is as quick as the real one."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base, prefix="adaptived-") as name:
        yield Path(name)


@pytest.fixture
def fuse(folder: Path) -> Iterator[tuple[FakeBoard, FaultyFiles]]:
    """A fake board seen through files that can be made to fail."""
    if reason := usable():
        pytest.skip(reason)
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ, zones={"cpu-thermal": 45.0})
    try:
        files = FaultyFiles(board.root, folder / "mount")
    except OSError as error:
        pytest.skip(str(error))
    try:
        yield board, files
    finally:
        files.close()


STARTED = 2
"""Periods that a start spends at the coolest point: two, and the third good reading ends it."""


def safe_from(rehearsal: Rehearsal, period: int) -> list[bool]:
    """Whether each period from one on ran the coolest point."""
    return [name == rehearsal.coolest for name in rehearsal.points[period:]]


def assert_restored(rehearsal: Rehearsal) -> None:
    assert rehearsal.board.settings() == rehearsal.original
    assert not (rehearsal.service.folder / "snapshot.json").exists()


def test_row_1_a_zone_missing_at_start_refuses_control_with_a_hint(folder: Path) -> None:
    board = FakeBoard(folder / "board", zones={"gpu-thermal": 40.0}, frequencies_khz=PI_KHZ)
    with pytest.raises(PlatformError, match=r"'cpu-thermal' is missing.*found gpu-thermal"):
        Rehearsal(folder, fake=board)
    code = program.main(
        ["--root", str(board.root), "--config", str(folder / "adaptived.yaml"), "--check"]
    )
    assert code == program.NO_BOARD


def test_a_start_is_safe_until_three_good_reads_and_that_is_no_fault(folder: Path) -> None:
    r = Rehearsal(folder)
    r.run(6)
    assert safe_from(r, 0)[: STARTED + 1] == [True, True, False]
    assert r.begun(Fault.SAFE) == 0


def test_row_2_a_zone_that_vanishes_leads_to_the_coolest_point_and_back(folder: Path) -> None:
    r = Rehearsal(folder)
    zone = r.board.zone().parent
    r.run(40, {5: lambda: shutil.rmtree(zone), 25: lambda: r.board.make_zone(0, "cpu-thermal", 50)})
    assert r.begun(Fault.ZONE_GONE) == 1
    assert all(safe_from(r, 18)[:5])
    assert not any(safe_from(r, 39))
    assert_restored(r)


def test_row_2_other_sensors_stand_in_for_one_that_vanishes(folder: Path) -> None:
    zones = {"cpu0-thermal": 50.0, "cpu1-thermal": 61.0, "cpu2-thermal": 52.0,
             "cpu3-thermal": 50.0, "gpu-thermal": 48.0}  # fmt: skip
    board = FakeBoard(
        folder / "board",
        zones=zones,
        policies={"policy0": (0, 1, 2, 3), "policy4": (4, 5, 6, 7)},
        frequencies_khz=tuple(range(200_000, 2_000_001, 100_000)),
    )
    r = Rehearsal(
        folder, fake=board, board="odroid-xu4", policies={"a15": "policy4", "a7": "policy0"}
    )
    r.run(20, {5: lambda: shutil.rmtree(r.board.zone(0).parent)})
    seen = r.samples[-1].observation.temps_degc
    assert seen["cpu0-thermal"] == 61.0
    assert r.begun(Fault.ZONE_GONE) == 1
    assert not any(safe_from(r, STARTED))


@pytest.mark.parametrize(
    "number", [errno.EIO, errno.ENODATA, errno.EAGAIN, errno.EINVAL], ids=errno.errorcode.get
)
def test_rows_3_and_4_an_error_on_read_holds_for_two_periods_then_leads_to_safety(
    folder: Path, fuse: tuple[FakeBoard, FaultyFiles], number: int
) -> None:
    board, files = fuse
    r = Rehearsal(folder, fake=board, root=files.at)
    r.run(16, {4: lambda: files.set("thermal_zone0/temp", read=number), 10: files.set})
    first_bad = next(n for n, s in enumerate(r.samples) if s.observation.ages_s.get("cpu-thermal"))
    assert safe_from(r, first_bad)[:3] == [False, False, True]
    assert not safe_from(r, 15)[0]
    assert r.begun(Fault.ZONE_ERROR) == 1
    assert_restored(r)


def test_row_5_a_zone_closed_to_us_counts_as_gone(
    folder: Path, fuse: tuple[FakeBoard, FaultyFiles]
) -> None:
    board, files = fuse
    r = Rehearsal(folder, fake=board, root=files.at)
    r.run(8, {4: lambda: files.set("thermal_zone0/temp", read=errno.EACCES)})
    assert r.begun(Fault.ZONE_DENIED) == 1
    assert safe_from(r, 6)[0]


TEXTS = [
    (6, "", Fault.ZONE_GARBAGE),
    (6, "warm", Fault.ZONE_GARBAGE),
    (6, "\0\0\0\0", Fault.ZONE_GARBAGE),
    (7, "-650788984", Fault.ZONE_ABSURD),
    (8, "0", Fault.ZONE_SENTINEL),
    (8, "-128000", Fault.ZONE_SENTINEL),
    (9, "151000", Fault.ZONE_ABSURD),
    (16, "nan", Fault.ZONE_GARBAGE),
]


@pytest.mark.parametrize(("row", "text", "fault"), TEXTS)
def test_rows_6_to_9_and_16_nonsense_is_rejected_and_never_reaches_a_governor(
    folder: Path, row: int, text: str, fault: Fault
) -> None:
    r = Rehearsal(folder)
    r.run(16, {4: lambda: write(r.board.zone(), text), 10: lambda: r.board.set_temp(46.0)})
    temps = [s.observation.temps_degc.get("cpu-thermal") for s in r.samples]
    assert set(temps) <= {45.0, 46.0, None}
    assert r.begun(fault) == 1
    assert any(safe_from(r, STARTED)), "it persisted, so the coolest point was called for"
    assert not safe_from(r, 15)[0]


def test_row_10_a_plausible_spike_of_one_sample_is_passed_over(folder: Path) -> None:
    r = Rehearsal(folder)
    r.run(12, {5: lambda: r.board.set_temp(85.0), 6: lambda: r.board.set_temp(45.0)})
    assert max(s.observation.temps_degc["cpu-thermal"] for s in r.samples) == 45.0
    assert not any(safe_from(r, STARTED))
    assert r.begun(Fault.ZONE_SPIKE) == 1


def test_row_11_a_stuck_zone_under_changing_load_is_suspected(folder: Path) -> None:
    r = Rehearsal(folder, govern="leased")
    r.lease()

    def busy(n: int) -> None:
        served = 1e6 if n // 200 % 2 else 0.0
        plan = r.service.plan
        r.service.leases.hear(CAMERA, Report(served, served, 0.01, 0, plan.sequence if plan else 0))

    load = {n: (lambda n=n: busy(n)) for n in range(1, 900)}
    r.run(900, load)
    assert r.begun(Fault.ZONE_STUCK) >= 1
    assert any(safe_from(r, 600))


def test_rows_12_and_13_a_slow_or_hung_read_is_left_behind_and_the_loop_lives(
    folder: Path, fuse: tuple[FakeBoard, FaultyFiles]
) -> None:
    board, files = fuse
    r = Rehearsal(folder, fake=board, root=files.at)
    r.clock.patience_s = 0.5
    r.run(14, {4: lambda: files.set("thermal_zone0/temp", delay_s=3.0), 12: files.set})
    assert len(r.samples) >= 13, "a read of three seconds must not cost a period"
    assert r.begun(Fault.ZONE_LATE) + r.begun(Fault.ZONE_HUNG) >= 1
    assert all(safe_from(r, 9))
    assert_restored(r)


def test_row_14_of_sensors_that_disagree_the_hotter_is_believed(folder: Path) -> None:
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ)
    board.make_zone(1, "cpu-thermal", 66.0)
    r = Rehearsal(folder, fake=board)
    r.run(5)
    assert r.samples[-1].observation.temps_degc["cpu-thermal"] == 66.0
    assert r.begun(Fault.ZONES_DISAGREE) == 1


def test_row_15_a_renumbered_zone_is_found_again_by_its_name(folder: Path) -> None:
    r = Rehearsal(folder)

    def renumber() -> None:
        r.board.zone().parent.rename(r.board.thermal / "thermal_zone7")
        r.board.make_zone(0, "gpu-thermal", 39.0)
        r.board.set_temp(47.0, 7)

    r.run(40, {5: renumber})
    assert r.samples[-1].observation.temps_degc["cpu-thermal"] == 47.0
    assert r.begun(Fault.ZONE_MOVED) == 1


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_row_17_a_write_denied_leads_to_advice_without_a_storm(
    folder: Path, fuse: tuple[FakeBoard, FaultyFiles], number: int
) -> None:
    board, files = fuse
    tries: list[str] = []

    def counted(path: Path, text: str) -> None:
        tries.append(text)
        write_attribute(path, text)

    r = Rehearsal(folder, fake=board, root=files.at, write=counted)
    files.set("scaling_governor", write=number)
    r.run(100, {90: files.set})
    assert r.begun(Fault.WRITE_DENIED) == 1
    assert len(tries) <= 2
    assert r.service.circumstances.name == "effort only"
    assert r.service.plan is not None, "the application is still told what to run"
    assert board.settings() == r.original


def test_row_18_a_value_refused_makes_the_table_be_read_anew(
    folder: Path, fuse: tuple[FakeBoard, FaultyFiles]
) -> None:
    board, files = fuse
    r = Rehearsal(folder, fake=board, root=files.at)
    files.set("scaling_setspeed", write=errno.EINVAL)
    board.rewrite(scaling_available_frequencies="600000 900000 1200000")
    r.run(5, {2: files.set})
    assert r.begun(Fault.WRITE_REFUSED) == 1
    assert_restored(r)


def test_row_19_a_write_accepted_and_ignored_is_noticed_by_reading_back(
    folder: Path, fuse: tuple[FakeBoard, FaultyFiles]
) -> None:
    board, files = fuse
    files.set("scaling_governor", deaf=True)
    r = Rehearsal(folder, fake=board, root=files.at)
    r.run(20)
    assert r.begun(Fault.WRITE_IGNORED) == 1
    assert r.service.circumstances.name == "effort only"


def test_row_20_a_cap_of_the_kernel_becomes_our_bound(folder: Path) -> None:
    r = Rehearsal(folder)

    def throttle() -> None:
        r.board.rewrite(scaling_max_freq=1_000_000)
        write(r.board.thermal / "cooling_device0/cur_state", 8)

    def release() -> None:
        r.board.rewrite(scaling_max_freq=1_800_000)
        write(r.board.thermal / "cooling_device0/cur_state", 0)

    r.run(60, {5: throttle, 30: release})
    assert {s.point.frequency_hz for s in r.samples[10:28]} == {1e9}
    assert r.samples[-1].point.frequency_hz == 1.8e9
    assert r.begun(Fault.KERNEL_CAP) == 1
    assert_restored(r)


def test_row_20_a_start_under_a_kernel_cap_does_not_ratchet_the_clock_down(folder: Path) -> None:
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ)
    board.rewrite(scaling_max_freq=900_000)
    write(board.thermal / "cooling_device0/cur_state", 9)
    r = Rehearsal(folder, fake=board)
    r.run(10)
    assert board.read("scaling_max_freq") == "1800000"


def test_row_20_firmware_that_holds_the_clock_down_is_reported(folder: Path) -> None:
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ, flags="0x80008")
    r = Rehearsal(folder, fake=board)
    r.run(10, {5: lambda: write(board.flags_path, "0x80001")})
    assert r.begun(Fault.FIRMWARE_CAP) == 1
    assert r.begun(Fault.UNDERVOLTAGE) == 1
    assert not r.faults.is_active(Fault.FIRMWARE_CAP)


def test_row_21_a_rival_is_noticed_left_alone_and_reported_once(folder: Path) -> None:
    r = Rehearsal(folder)
    at = {n: (lambda: r.board.rewrite(scaling_governor="performance")) for n in range(5, 80)}
    r.run(80, at)
    assert r.begun(Fault.RIVAL) == 1
    assert r.board.read("scaling_governor") == "performance", "a rival's setting is the rival's"
    assert r.service.circumstances.name == "effort only"


def test_row_21_after_a_while_we_try_again(folder: Path) -> None:
    r = Rehearsal(folder)
    r.run(140, {5: lambda: r.board.rewrite(scaling_governor="performance")})
    assert r.samples[-1].observation.caps == {}
    assert not r.faults.is_active(Fault.RIVAL)
    assert_restored(r)


def test_row_22_without_a_userspace_governor_the_upper_limit_is_set(folder: Path) -> None:
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ, governors="schedutil performance")
    seen: list[str] = []
    r = Rehearsal(folder, fake=board, heats=True)
    r.heating.temps[:] = 79.5  # type: ignore[union-attr]
    r.run(30, {25: lambda: seen.append(board.read("scaling_max_freq"))})
    assert board.read("scaling_governor") == "schedutil"
    assert int(seen[0]) < 1_800_000
    assert r.faults.count(Fault.NO_USERSPACE) == 1
    assert_restored(r)


def test_row_23_an_unplugged_policy_is_taken_up_again_when_it_is_back(folder: Path) -> None:
    r = Rehearsal(folder)
    policy, away = r.board.policy(), folder / "away"
    seen: list[str] = []

    def back() -> None:
        away.rename(policy)
        r.board.rewrite(scaling_governor="schedutil", scaling_setspeed="<unsupported>")

    r.run(40, {5: lambda: policy.rename(away), 20: back,
               35: lambda: seen.append(r.board.read("scaling_governor"))})  # fmt: skip
    assert r.begun(Fault.POLICY_OFFLINE) == 1
    assert seen == ["userspace"]
    assert_restored(r)


def test_row_26_a_request_to_stop_restores(folder: Path) -> None:
    r = Rehearsal(folder)
    held: list[str] = []
    r.run(5, {3: lambda: held.append(r.board.read("scaling_governor"))})
    assert held == ["userspace"]
    assert_restored(r)


def test_row_28_nothing_looks_at_the_wall_clock(folder: Path) -> None:
    source = Path(program.__file__).parent
    text = "".join(
        p.read_text() for base in (source, source.parent / "board") for p in base.glob("*.py")
    )
    assert "time.time(" not in text
    assert "datetime" not in text


def test_row_29_after_a_suspend_filters_start_afresh_and_settings_are_set_again(
    folder: Path,
) -> None:
    r = Rehearsal(folder)

    def suspend() -> None:
        r.clock.asleep_s += 3600.0
        r.board.set_temp(20.0)  # no spike: an hour has passed
        r.board.rewrite(scaling_governor="schedutil", scaling_setspeed="<unsupported>")

    seen: list[str] = []
    r.run(20, {5: suspend, 15: lambda: seen.append(r.board.read("scaling_governor"))})
    assert r.begun(Fault.RESUMED) == 1
    assert r.begun(Fault.ZONE_SPIKE) == 0
    assert r.begun(Fault.RIVAL) == 0
    assert seen == ["userspace"]


def test_row_30_a_disk_that_fails_costs_the_record_not_the_control(folder: Path) -> None:
    r = Rehearsal(folder, record={"file": "/dev/full"})
    r.run(50)
    assert r.begun(Fault.NO_DISK) == 1
    assert len(r.samples) >= 49
    assert_restored(r)


def test_row_30_without_a_snapshot_nothing_is_changed(folder: Path) -> None:
    r = Rehearsal(folder)
    (folder / "run/snapshot.json").mkdir()
    held: list[str] = []
    r.run(10, {8: lambda: held.append(r.board.read("scaling_governor"))})
    assert held == ["schedutil"]
    assert r.begun(Fault.NO_DISK) == 1


def test_row_31_an_invalid_reload_keeps_the_old_configuration(folder: Path) -> None:
    r = Rehearsal(folder)

    def reload() -> None:
        r.path.write_text(r.path.read_text().replace("period_s", "x") + "cap_degc: 300\n")
        r.service.replace(lambda: assemble(r.path, r.board.roots, r.faults, choose=choose))

    before = r.service.assembly
    r.run(10, {4: reload})
    assert r.service.assembly is before
    assert r.begun(Fault.RELOAD_REFUSED) == 1
    assert_restored(r)


WRONG = [
    ({"cap_degc": 95.0}, "cap_degc is 95, expected below the critical 90"),
    ({"ambient_degc": 85.0}, "ambient_degc is 85, expected below the cap of 80"),
    ({"period_s": 0.0}, "period_s is 0.0: expected"),
    ({"governor": "magic"}, "governor is 'magic': invalid enum value"),
    ({"on_exit": "explode"}, "on_exit is 'explode': invalid enum value"),
    ({"networks": []}, "networks is"),
    ({"zones": {"attic": "x"}}, "zones.attic is no name of board rpi4b"),
    ({"socket": {"users": ["nobody-of-this-name"]}}, r"socket.users\[0\] is 'nobody-of-this-name'"),
    ({"socket": {"lease_s": 0.0}}, "socket.lease_s is 0.0: expected"),
    ({"perod_s": 0.1}, "unknown field 'perod_s'|perod_s"),
    ({"schema": 2}, "schema is 2: expected"),
    ({"board": "toaster"}, "board 'toaster' is unknown"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_row_32_a_configuration_outside_physics_is_refused_with_the_fields_path(
    folder: Path, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        Rehearsal(folder, **fields)
    assert "\n" not in str(refused.value)


def test_row_33_the_lease_of_a_silent_application_runs_out(folder: Path) -> None:
    r = Rehearsal(folder, govern="leased", socket={"path": str(folder / "run/s"), "lease_s": 2.0})
    r.lease()
    r.run(40)
    assert r.begun(Fault.LEASE_EXPIRED) == 1
    assert r.service.leases.holder is None
    assert r.samples[-1].observation.demand_hz == 0.0
    assert not r.service.platform.is_holding
    assert_restored(r)


def test_row_34_an_application_that_ignores_its_plan_is_governed_by_its_clock(
    folder: Path,
) -> None:
    r = Rehearsal(folder, govern="leased", heats=True)
    r.heating.temps[:] = 79.0  # type: ignore[union-attr]
    r.lease()
    r.run(120, {n: (lambda: r.report(obeys=False)) for n in range(1, 120)})
    assert r.begun(Fault.APPLICATION_IGNORES) == 1
    assert {s.point.duty for s in r.samples[40:]} == {1.0}


def test_row_35_a_torn_page_gives_the_last_good_plan(folder: Path) -> None:
    writer = PageWriter(folder / "plan")
    plan = Plan(1, "p", "leaf", "leaf", (8, 16), 1.0, (0, 1), 1e9, 0.5, 0.01)
    writer.write_plan(plan, 0.0)
    reader = PageReader(folder / "plan")
    assert reader.plan() == plan
    with (folder / "plan").open("r+b") as file:
        for start in (256, 4096):
            file.seek(start + 4)
            file.write(b"\x09\0\0\0")  # another number, and so a CRC that does not hold
    assert reader.plan() == plan
    assert reader.torn > 0
    reader.close()
    writer.close()


def test_row_39_a_second_instance_ends(folder: Path) -> None:
    r = Rehearsal(folder)
    (folder / "run").mkdir(exist_ok=True)
    with program._only_one(folder / "run"):
        code = program.main(["--root", str(r.board.root), "--config", str(r.path)])
    assert code == program.SECOND
    r.close()


def test_row_40_a_damaged_network_is_skipped_and_said_to_be(folder: Path) -> None:
    damaged = folder / "damaged.npz"
    damaged.write_bytes(b"PK but nothing more")
    r = Rehearsal(
        folder,
        networks=[{"artifact": str(damaged)}, {"artifact": "digits", "images_per_frame": 64}],
    )
    r.run(3)
    assert r.service.assembly.artifact == "digits"
    assert r.begun(Fault.POINT_SKIPPED) == 1


def test_row_40_without_any_network_the_daemon_says_why(folder: Path) -> None:
    with pytest.raises(ConfigError, match="networks: none can be run"):
        Rehearsal(folder, networks=[{"artifact": str(folder / "none.npz")}])


def test_row_41_a_lost_meter_is_stood_in_for_by_the_model_and_flagged(folder: Path) -> None:
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ, meter_w=3.25)
    r = Rehearsal(folder, fake=board, meter="ina231.power1")
    seen: list[tuple[object, object]] = []

    def look() -> None:
        status = r.service.status()
        seen.append((status["power_w"], status["power_is_estimated"]))

    r.run(10, {4: look, 5: lambda: write(board.meter, ""), 9: look})
    assert seen[0] == (3.25, False)
    assert seen[1][1] is True
    assert 1.0 < float(str(seen[1][0])) < 10.0
    assert r.begun(Fault.METER_LOST) == 1


def test_row_42_an_overrun_skips_a_period_and_queues_none(folder: Path) -> None:
    r = Rehearsal(folder)

    def dawdle() -> None:
        r.clock.time_s += 0.35

    r.run(12, {5: dawdle})
    times = [s.observation.time_s for s in r.samples]
    off_grid = [t for t in times if abs((t - times[0]) / 0.1 - round((t - times[0]) / 0.1)) > 0.01]
    assert len(off_grid) == 1, "the late cycle itself, and none to make up for it"
    assert len(set(times)) == len(times)
    assert r.begun(Fault.OVERRUN) == 1


def test_row_43_at_the_critical_trip_the_kernel_is_left_in_charge(folder: Path) -> None:
    r = Rehearsal(folder)
    zone = r.board.zone().parent
    before = {p.name: p.read_text() for p in zone.iterdir() if p.name != "temp"}
    at = {n: (lambda t=45.0 + 5 * n: r.board.set_temp(t)) for n in range(1, 10)}
    r.run(12, at)
    assert r.begun(Fault.CRITICAL) == 1
    assert safe_from(r, 11)[0]
    assert {p.name: p.read_text() for p in zone.iterdir() if p.name != "temp"} == before


def test_a_policy_that_raises_leads_to_the_coolest_point(folder: Path) -> None:
    r = Rehearsal(folder)

    class Broken:
        def decide(self, observation: object) -> object:
            raise ZeroDivisionError("division by zero")

    r.service.guard._governor._made = {"all": Broken()}  # type: ignore[attr-defined]
    r.run(5)
    assert all(safe_from(r, 0))
    assert r.begun(Fault.GOVERNOR_FAILED) == 1


def test_settings_are_held_or_made_safe_on_exit_where_that_is_configured(folder: Path) -> None:
    r = Rehearsal(folder, on_exit="hold")
    r.run(5)
    assert r.board.read("scaling_governor") == "userspace"
    again = Rehearsal(folder, fake=r.board, on_exit="safe")
    again.run(5)
    assert again.board.read("scaling_max_freq") == "600000"
    assert again.board.read("scaling_governor") == "schedutil"


def test_nothing_is_written_while_nobody_is_governed_or_only_advice_is_wanted(
    folder: Path,
) -> None:
    written: list[str] = []
    for fields in ({"govern": "leased"}, {"mode": "advise"}):
        Rehearsal(folder, write=lambda _path, text: written.append(text), **fields).run(10)
    assert written == []


def test_a_second_lease_is_refused_clearly(folder: Path) -> None:
    r = Rehearsal(folder)
    assert r.lease() is None
    refusal = r.service.leases.grant(Peer(2, 4711, 0), "other")
    assert refusal == "already governed: camera (pid 1); one at a time"
    r.close()


def test_importing_the_daemon_loads_nothing_heavy() -> None:
    code = (
        "import adaptive.daemon.main, adaptive.client, sys; "
        "print([m for m in ('torch','scipy','pandas','matplotlib','rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
