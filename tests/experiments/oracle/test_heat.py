import numpy as np
import pytest
from bounds import POINTS, WORTH, drive
from plants import OPPS, make_point, two_node_plant

from adaptive.governor.static import Static
from experiments.mismatch import NONE, draw_board
from experiments.oracle.heat import follow, heat_steps, held, inflow_w
from experiments.oracle.plant import list_activities
from experiments.oracle.steps import cut
from experiments.surroundings import AmbientRamp, Fan, Sun
from experiments.workloads import Constant, Workload
from thermal.discretise import discretise
from thermal.transient import modal_model

PLANT = two_node_plant()
RUN = Workload(
    "run",
    120.0,
    Constant(1e4),
    AmbientRamp(20.0, 40.0, 0.2, 0.5),
    fan=Fan((0.0, 0.6), (1.0, 1.5)),
    sun=Sun({"sink": 0.5}, 0.3, 0.8),
)
STEPS = cut(RUN, PLANT)


def test_without_slope_and_fan_steps_are_the_exact_model() -> None:
    zero = np.zeros((len(STEPS.lengths_s), 2))
    heat = heat_steps(PLANT, STEPS, zero)
    length_s = np.full(len(STEPS.lengths_s), 2.0)
    model = discretise(PLANT.network, 2.0)
    assert np.allclose(heat.decay(length_s)[0], model.A, atol=1e-12)
    assert np.allclose(heat.drive(length_s)[0], model.B, atol=1e-12)
    modal = modal_model(PLANT.network, 2.0)
    assert np.allclose(heat.ramp(length_s)[0], modal.ramp @ modal.read, atol=1e-12)


def test_the_effect_of_a_ramp_is_that_of_constant_power_averaged() -> None:
    zero = np.zeros((len(STEPS.lengths_s), 2))
    heat = heat_steps(PLANT, STEPS, zero)
    length_s = STEPS.lengths_s
    shares = (np.arange(400) + 0.5) / 400
    mean = np.mean([heat.drive(length_s * share) for share in shares], axis=0)
    assert np.allclose(heat.ramp(length_s), mean, rtol=1e-5)


def test_a_slope_of_leakage_lets_heat_out_more_slowly() -> None:
    zero = np.zeros((len(STEPS.lengths_s), 2))
    plain, steep = (
        heat_steps(PLANT, STEPS, zero + np.array([slope, 0.0])).decay(STEPS.lengths_s)[0, 0, 0]
        for slope in (0.0, 0.05)
    )
    assert steep > plain


def test_held_rates_of_any_sign() -> None:
    rate, length = np.array([0.0, 0.5, -0.5]), np.array([2.0])
    expected = [2.0, (1 - np.exp(-1.0)) / 0.5, (np.exp(1.0) - 1) / 0.5]
    assert held(rate, length) == pytest.approx(expected)


def test_what_flows_in_is_constant_power_sun_and_ambient() -> None:
    inflow = inflow_w(PLANT, STEPS)
    assert inflow[0] == pytest.approx([0.0, 0.2 + 0.1 * 20.0])
    assert inflow[-1] == pytest.approx([0.0, 0.2 + 0.15 * 40.0])
    assert inflow[600] == pytest.approx([0.0, 0.2 + 0.5 + 0.1 * STEPS.ambient_degc[600]])


def test_a_schedule_is_followed_as_the_simulated_board_would() -> None:
    point = make_point(OPPS.opps[2])
    board = draw_board(PLANT, seed=0, mismatch=NONE)
    start = np.array([30.0, 28.0])
    platform = board.platform(RUN, cap_degc=90.0, start_degc=start, step_s=0.005)
    drive(platform, Static(point), RUN)
    only = list_activities((point,), PLANT, worth=WORTH.of_frame, deadline_s=0.5)
    k = len(STEPS.lengths_s)
    leakage = np.tile(only.leakage_w[-1], (k, 1))
    course = follow(
        PLANT,
        STEPS,
        start,
        activities=only,
        dynamic_w=np.tile(only.dynamic_w[-1], (k, 1)),
        leakage_w=leakage,
        slope_w_per_k=0.02 * leakage,
    )
    # The simulated board works in whole frames; both see the same surroundings.
    times = STEPS.edges[1:]
    simulated = np.array([period.hottest_degc for period in platform.truth])[times - 1]
    assert np.abs(course.ends_degc[1:, 0] - simulated).max() < 0.05
    assert np.array_equal(course.inside_degc[:, -1], course.ends_degc[1:])


def test_the_slope_sets_only_the_accuracy() -> None:
    everything = list_activities(POINTS, PLANT, worth=WORTH.of_frame, deadline_s=0.5)
    k = len(STEPS.lengths_s)
    leakage = np.tile(everything.leakage_w[-1], (k, 1))
    courses = [
        follow(
            PLANT,
            STEPS,
            np.array([30.0, 28.0]),
            activities=everything,
            dynamic_w=np.tile(0.5 * everything.dynamic_w[-1], (k, 1)),
            leakage_w=leakage,
            slope_w_per_k=slope * leakage,
        ).ends_degc
        for slope in (0.0, 0.02, 0.05)
    ]
    assert np.abs(courses[0] - courses[1]).max() < 2e-3
    assert np.abs(courses[2] - courses[1]).max() < 2e-3
