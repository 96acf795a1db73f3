"""The installed, hardened service under a real systemd, on the kernel of `test_kernel.py`."""

import pytest
from kernel_guest import Told, tell
from kernel_parts import add_systemd

pytestmark = [pytest.mark.kernel, pytest.mark.heavy]
PATIENCE_S = 1800.0
AS_FOUND = ["schedutil", "600000", "1800000"]
WATCHDOG_S = 5.0


@pytest.fixture(scope="module")
def told() -> Told:
    """What the guest tells of one boot."""
    return tell("systemd", ["systemd"], prepare=add_systemd, init="/board/init-systemd",
                patience_s=PATIENCE_S, words="systemd.unit=scenario.service")  # fmt: skip


def test_it_runs_unprivileged_and_well_hardened(told: Told) -> None:
    found = told["started"]
    assert found["ActiveState"] == "active"
    assert found["StatusText"].startswith("governing ")
    assert found["uid"] == "990"
    assert int(found["capabilities"], 16) == 0
    [exposure] = found["exposure"]
    assert float(exposure.split(":")[1].split()[0]) <= 2.0


def test_row_25_one_that_hangs_is_restarted_by_the_watchdog_restored_before(told: Told) -> None:
    found = told["watchdog"]
    assert found["restored_s"] < 3.0 * WATCHDOG_S
    assert (found["settings"], found["ActiveState"]) == (AS_FOUND, "active")


def test_row_24_one_that_is_killed_is_restored_and_started_again(told: Told) -> None:
    found = told["killed"]
    assert (found["settings"], found["ActiveState"]) == (AS_FOUND, "active")


def test_row_38_killed_for_memory_it_is_restored(told: Told) -> None:
    assert told["started"]["OOMScoreAdjust"] == "-500"
    assert told["started"]["MemoryMax"] == str(96 * 2**20)
    assert told["memory pressure"]["settings"] == AS_FOUND


def test_row_27_a_crash_loop_ends_restored(told: Told) -> None:
    found = told["crash loop"]
    assert 1 <= found["kills"] <= 6
    assert (found["settings"], found["ActiveState"]) == (AS_FOUND, "failed")


def test_a_wrong_configuration_is_not_tried_again(told: Told) -> None:
    found = told["wrong configuration"]
    assert (found["ActiveState"], found["ExecMainStatus"], found["NRestarts"]) == (
        "failed", "2", "0",
    )  # fmt: skip


def test_of_two_that_set_clocks_one_runs_and_the_machine_is_given_back(told: Told) -> None:
    found = told["rival"]
    assert (found["before"], found["after"]) in (("active", "inactive"), ("active", "failed"))
    assert (found["settings"], found["ActiveState"], found["Result"]) == (
        AS_FOUND, "inactive", "success",
    )  # fmt: skip


def test_row_26_stopped_as_asked_it_gives_everything_back(told: Told) -> None:
    found = told["stopped"]
    assert (found["settings"], found["ActiveState"], found["Result"]) == (
        AS_FOUND, "inactive", "success",
    )  # fmt: skip
    assert (found["group_before"], found["group"], found["mode"]) == (990, 0, "0o644")
