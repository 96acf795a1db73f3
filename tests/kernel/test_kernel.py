"""The daemon on a real kernel: cpufreq-dt, step_wise, a zone and a meter, on an emulated Cortex-A.

`./run test-kernel` boots a guest once; its scenario (`guest/scenario.py`) tells what it finds, and
the tests judge that. The board's heat follows the clock that the daemon sets.
"""

import pytest
from kernel_guest import Told, tell

pytestmark = pytest.mark.kernel
PATIENCE_S = 1200.0
AS_FOUND = ["schedutil", "600000", "1800000"]


@pytest.fixture(scope="module")
def told() -> Told:
    """What the guest tells of one boot."""
    return tell("small", init="/board/init", patience_s=PATIENCE_S)


def test_a_probe_finds_zone_trips_policy_voltages_and_meter(told: Told) -> None:
    found = told["inventory"]
    trips = found["zones"]["cpu-thermal"]["trips"]
    assert [(t["kind"], t["temp_degc"]) for t in trips] == [("passive", 80.0), ("critical", 110.0)]
    policy = found["policies"]["policy0"]
    assert (policy["driver"], policy["cores"], policy["cpus"]) == (
        "cpufreq-dt", "cortex-a72", [0, 1],
    )  # fmt: skip
    assert (policy["frequencies_hz"][0], policy["frequencies_hz"][-1]) == (6e8, 1.8e9)
    assert policy["voltages_v"] == [0.8438] * 10 + [0.8658, 0.8878, 0.9098]
    assert found["meters"] == {"ina231.power1": "power"}
    assert found["governor"] == "step_wise"


def test_in_the_closed_loop_the_cap_is_held_and_the_clock_is_not_wasted(told: Told) -> None:
    loop = told["closed loop"]
    assert told["ungoverned"]["peak_degc"] > loop["cap_degc"] + 2.0, "else there is nothing to do"
    assert loop["peak_degc"] <= loop["cap_degc"]
    assert loop["late_degc"] > loop["cap_degc"] - 3.0, "headroom is there to be used"
    assert loop["mean_mhz"] * loop["mean_duty"] > 600.0
    assert loop["cycles"] >= 80
    assert not loop["is_estimated"]
    assert loop["counts"] == []
    assert told["released"]["settings"] == AS_FOUND


@pytest.mark.parametrize("error", ["EIO", "EAGAIN", "ENODATA"])
def test_rows_3_and_4_an_errno_of_the_sensor_leads_to_the_coolest_point_and_back(
    told: Told, error: str
) -> None:
    found = told[f"read {error}"]
    assert (found["duty"], found["frequency_hz"]) == (0.0, 6e8)
    assert found["trust"] == {"cpu-thermal": "failed"}
    assert found["over"] == []


def test_row_13_a_read_that_hangs_in_the_kernel_does_not_stop_the_loop(told: Told) -> None:
    assert told["read hung"]["over"] == []


def test_row_20_the_cap_of_step_wise_is_adopted_and_not_kept(told: Told) -> None:
    found = told["kernel cap"]
    assert found["cooling_state"] > 0
    assert found["most_khz"] < 1_800_000
    assert found["frequency_hz"] <= found["caps_hz"]["a72"]
    assert found["mode"] == "enabled", "the kernel's zone is left alone"


def test_row_28_a_jump_of_the_wall_clock_changes_nothing(told: Told) -> None:
    found = told["wall clock"]
    assert abs(found["cycles"] - found["periods"]) <= 4
    assert found["faults"] == []


def test_a_policy_whose_driver_went_is_taken_up_again(told: Told) -> None:
    assert told["unplugged"]["over"] == []


def test_killed_with_the_clock_in_hand_everything_is_restored(told: Told) -> None:
    found = told["killed"]
    assert found["held"][0] == "userspace"
    assert found["code"] == 0
    assert found["settings"] == AS_FOUND


def test_stopped_as_asked_everything_is_restored(told: Told) -> None:
    assert told["stopped"]["code"] == 0
    assert told["stopped"]["settings"] == AS_FOUND
